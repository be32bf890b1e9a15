"""Outlines under a district's map as data: districts/<name>/outline.geojson, checked when it is read.

Areas and lines in WGS84 (EPSG:4326, longitude first, as RFC 7946 has it). Each feature says where it comes from and
under which licence; what is no administrative boundary says `schematic`. The file may be absent: then nothing is drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from vocabulary.district_files import DistrictError, read_text
from vocabulary.plan import Strict

FILE = "outline.geojson"
#: every page with a map carries the outline: what is larger is to be simplified before
MOST_BYTES = 262_144
MOST_POINTS = 5_000

Point = tuple[Annotated[float, Field(ge=70, le=140)], Annotated[float, Field(ge=0, le=60)]]
Line = Annotated[list[Point], Field(min_length=2)]


def _closed(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if ring[0] != ring[-1]:
        raise ValueError(f"expected a closed ring, its last point as its first {ring[0]}, found {ring[-1]}")
    return ring


Ring = Annotated[list[Point], Field(min_length=4), AfterValidator(_closed)]
Area = Annotated[list[Ring], Field(min_length=1)]


class _Polygon(Strict):
    type: Literal["Polygon"]
    coordinates: Area


class _MultiPolygon(Strict):
    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[Area], Field(min_length=1)]


class _LineString(Strict):
    type: Literal["LineString"]
    coordinates: Line


class _MultiLineString(Strict):
    type: Literal["MultiLineString"]
    coordinates: Annotated[list[Line], Field(min_length=1)]


class _Properties(Strict):
    """What is told of a shape; what else a tool wrote beside it is left alone."""

    model_config = ConfigDict(extra="ignore")

    source: str = Field(min_length=1, max_length=300)
    licence: str = Field(min_length=1, max_length=300)
    name: str = Field(default="", max_length=60)
    schematic: bool = False


class _Feature(Strict):
    model_config = ConfigDict(extra="ignore")

    type: Literal["Feature"]
    properties: _Properties
    geometry: Annotated[
        _Polygon | _MultiPolygon | _LineString | _MultiLineString, Field(discriminator="type")
    ]


class _Collection(Strict):
    model_config = ConfigDict(extra="ignore")

    type: Literal["FeatureCollection"]
    features: tuple[_Feature, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Shape:
    """Something that is drawn under the sites.

    Attributes
    ----------
    closed
        An area; else a line, such as a river.
    parts
        Rings of an area, or lines; each a row of (longitude, latitude), a ring's last point as its first.
    schematic
        No administrative boundary: drawn dashed, and said so.
    """

    closed: bool
    parts: tuple[tuple[tuple[float, float], ...], ...]
    name: str
    source: str
    licence: str
    schematic: bool


@dataclass(frozen=True)
class Outline:
    """What a district's map draws under its sites."""

    shapes: tuple[Shape, ...]


def read_outline(folder: Path) -> Outline | None:
    """Read and check a district's outline; None where it has none.

    Raises
    ------
    DistrictError
        The file is larger than `MOST_BYTES`, has more than `MOST_POINTS` points, is no GeoJSON collection of areas and
        lines, or has a coordinate that is none, a ring that is open, a feature without source or licence.
    """
    file = folder / FILE
    if not file.exists():
        return None
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise DistrictError(
            file, "file", FILE, f"expected at most {MOST_BYTES} bytes, found {size}; simplify it"
        )
    text = read_text(file)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DistrictError(file, "JSON", FILE, str(error)) from error
    try:
        collection = _Collection.model_validate(data)
    except ValidationError as error:
        where, expected = _fault(error)
        raise DistrictError(file, where, "outline", expected) from error
    shapes = tuple(_shape(feature) for feature in collection.features)
    points = sum(len(part) for shape in shapes for part in shape.parts)
    if points > MOST_POINTS:
        raise DistrictError(
            file, "file", FILE, f"expected at most {MOST_POINTS} points, found {points}; simplify it"
        )
    return Outline(shapes)


def _fault(error: ValidationError) -> tuple[str, str]:
    """Return where the first fault stands, features counted from 1, and what was expected."""
    fault = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in fault["loc"])
    given = fault.get("input")
    shown = f" (found {given!r})" if isinstance(given, str | int | float) else ""
    return place or "file", f"{fault['msg']}{shown}"


def _shape(feature: _Feature) -> Shape:
    geometry, told = feature.geometry, feature.properties
    found: list[Any]
    if isinstance(geometry, _MultiPolygon):
        found = [ring for area in geometry.coordinates for ring in area]
    elif isinstance(geometry, _LineString):
        found = [geometry.coordinates]
    else:
        found = geometry.coordinates
    return Shape(
        closed=isinstance(geometry, _Polygon | _MultiPolygon),
        parts=tuple(tuple(part) for part in found),
        name=told.name,
        source=told.source,
        licence=told.licence,
        schematic=told.schematic,
    )
