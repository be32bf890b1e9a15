"""Draw a schematic outline of a district from its registered sites: no administrative boundary, and it says so.

Usage: `python examples/outline.py districts/chiping` writes districts/chiping/outline.geojson; `--check` proves that the
file equals a fresh one. The outline is the convex hull of the sites' coordinates, a margin of two kilometres around it.
A real outline of the same form (GeoJSON in WGS84, with `source` and `licence`) takes its place.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from pathlib import Path

import pandas as pd

MARGIN_KM = 2.0
KM_A_DEGREE = 111.32
#: points of the circle that is laid around each site
CORNERS = 24
PLACES = 4
SOURCE = (
    "schematic, from the registered sites, not an administrative boundary 示意，据登记点位生成，非行政边界"
)
LICENCE = "as this project 与本项目相同"

Point = tuple[float, float]


def hull(points: list[Point]) -> list[Point]:
    """Return the convex hull of some points as a closed ring, counter-clockwise."""
    ordered = sorted(set(points))

    def half(chosen: list[Point]) -> list[Point]:
        found: list[Point] = []
        for x, y in chosen:
            while len(found) > 1:
                (ax, ay), (bx, by) = found[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                found.pop()
            found.append((x, y))
        return found[:-1]

    ring = half(ordered) + half(ordered[::-1])
    return [*ring, ring[0]]


def outline_of(sites: pd.DataFrame, name: str) -> str:
    """Return the schematic outline of some sites (lon, lat in degrees) as GeoJSON text."""
    placed = sites[["lon", "lat"]].dropna().astype(float).drop_duplicates()
    around: list[Point] = []
    for lon, lat in placed.to_numpy().tolist():
        up = MARGIN_KM / KM_A_DEGREE
        wide = up / math.cos(math.radians(lat))
        for corner in range(CORNERS):
            turn = 2 * math.pi * corner / CORNERS
            around.append(
                (round(lon + wide * math.cos(turn), PLACES), round(lat + up * math.sin(turn), PLACES))
            )
    feature = {
        "type": "Feature",
        "properties": {"name": name, "source": SOURCE, "licence": LICENCE, "schematic": True},
        "geometry": {"type": "Polygon", "coordinates": [hull(around)]},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the outline of some district folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    stale = False
    for folder in asked.folder:
        name = tomllib.loads((folder / "district.toml").read_text("utf-8"))["name_zh"]
        text = outline_of(pd.read_csv(folder / "sites.csv"), name)
        file = folder / "outline.geojson"
        if not asked.check:
            file.write_text(text, "utf-8")
        elif file.read_text("utf-8") != text:
            print(f"{file} differs from a fresh one", file=sys.stderr)
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
