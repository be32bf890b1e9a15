"""Pages of explanation that the night publishes: the worst sampling of every episode of a section that is open or recent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from flows.explain.ask import explain
from flows.run import Run, write_whole
from flows.site.parts import digest, readings_known, rows_known, rules_of
from reports.explain_page import explain_html
from vocabulary.district import District
from warehouse.schema import episodes, section_results

#: days before the run's date in which an episode that ended still has its page made
RECENT = timedelta(days=62)
_KEY = re.compile(r'<meta name="ecoplan-key" content="([0-9a-f]{64})">')
_NAME = re.compile(r"^(?P<district>[a-z][a-z0-9_]*)-(?P<site>.+)-(?P<at>\d{4}-\d{2}-\d{2}T\d{2})\.html$")


def publish_explanations(run: Run) -> list[Path]:
    """Write the pages under `report/explain/` whose sampling changed since, and return every page there should be.

    A page of an older episode stays where it is.
    """
    folder = run.settings.home / "report" / "explain"
    places = []
    with run.warehouse.read() as connection:
        for district in run.districts.values():
            rules = rules_of(district, run.run_date)
            for site, at in sorted(set(_worst(connection, district, run))):
                when = f"{at:%Y-%m-%dT%H}"
                place = folder / f"{district.key}-{site}-{when}.html"
                key = _key(connection, district, site, at, rules)
                if _key_of(place) != key:
                    folder.mkdir(parents=True, exist_ok=True)
                    write_whole(place, _page(connection, run, district, (site, when), key))
                places.append(place)
    return places


def explained_links(report: Path, district: str, site: str) -> list[dict[str, str]]:
    """Return the pages of a section, the newest first: `href` from the report's folder, and `name`."""
    found = [match for place in (report / "explain").glob("*.html") if (match := _NAME.match(place.name))]
    mine = [match for match in found if (match["district"], match["site"]) == (district, site)]
    return [
        {"href": f"explain/{match.string}", "name": f"{match['at'].replace('T', ' ')}:00"}
        for match in sorted(mine, key=lambda match: match["at"], reverse=True)
    ]


def _worst(connection: Connection, district: District, run: Run) -> Iterator[tuple[str, datetime]]:
    """Yield section and time of the worst sampling of each episode, by the largest multiple of its evidence."""
    sections = set(district.sites.loc[district.sites["kind"] == "section", "key"])
    since = datetime.combine(run.run_date, datetime.min.time()) - RECENT
    query = select(episodes).where(episodes.c.district == district.key, episodes.c.state != "annulled")
    for episode in connection.execute(query).mappings():
        ended = episode["until"]
        if episode["subject"] not in sections or (ended is not None and ended < since):
            continue
        told = [item for item in _readings(str(episode["evidence"])) if item.get("observed_at")]
        worst = max(told, key=lambda item: (item.get("multiple") or 0.0, item["observed_at"]), default=None)
        at = datetime.fromisoformat(worst["observed_at"]) if worst else episode["since"]
        yield str(episode["subject"]), at.replace(minute=0, second=0, microsecond=0)


def _readings(evidence: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(evidence)
    except ValueError:
        return []
    readings = found.get("readings") if isinstance(found, dict) else None
    return [item for item in readings if isinstance(item, dict)] if isinstance(readings, list) else []


def _key(connection: Connection, district: District, site: str, at: datetime, rules: str) -> str:
    end = at + timedelta(hours=1)
    results = rows_known(
        connection,
        section_results,
        section_results.c.district == district.key,
        section_results.c.site == site,
        section_results.c.start >= at,
        section_results.c.start < end,
    )
    return digest([rules, results, readings_known(connection, district, [site], at, end)])


def _key_of(place: Path) -> str | None:
    try:
        found = _KEY.search(place.read_text("utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def _page(connection: Connection, run: Run, district: District, words: tuple[str, str], key: str) -> bytes:
    records = explain(connection, {district.key: district}, words, home=run.settings.home)
    known = str(records[0]["known_at"])
    command = f"ecoplan explain {' '.join(words)}"
    return explain_html(records, title=" ".join(words), known_at=known, command=command, key=key).encode()
