"""What stands around an episode of a section: how its worst factors went, and what its neighbours on the river say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from sqlalchemy import Connection, select

from alerts.evidence import Factor, at_time
from alerts.messages import Facts, Neighbour, Trend
from alerts.routing_settings import Reach
from alerts.spans import span
from alerts.wording import words
from vocabulary.parameters import parameters
from warehouse import bulk
from warehouse.recall import believed, recall_readings
from warehouse.schema import section_results

#: factors whose trend a message tells
_MOST_FACTORS = 2


def trends(connection: Connection, district: str, subject: str, facts: Facts) -> tuple[Trend, ...]:
    """Return the last values of the factors that were worst, the newest being the last one told.

    A factor with fewer than three values within the span `trend` has no trend.
    """
    worst: list[Factor] = at_time(facts.factors, facts.peak_at)[:_MOST_FACTORS]
    if not worst:
        return ()
    readings = recall_readings(
        connection,
        district=district,
        start=(facts.last_seen - span("trend")).to_pydatetime(),
        end=(facts.last_seen + pd.Timedelta(minutes=1)).to_pydatetime(),
        sites=[subject],
        parameters=[factor.parameter for factor in worst],
    ).sort_values("observed_at")
    most, share = int(words()["trend"]["values"]), float(words()["trend"]["share"])
    found = []
    for factor in worst:
        mine = readings[readings["parameter"] == factor.parameter].tail(most)
        if len(mine) < min(3, most):
            continue
        values = mine["value"].tolist()
        amounts = tuple(
            f"{sign}{value:.6g}" for sign, value in zip(mine["censor"].fillna(""), values, strict=True)
        )
        found.append(Trend(factor.zh, factor.en, _unit(factor.parameter), amounts, _direction(values, share)))
    return tuple(found)


def neighbours(
    connection: Connection,
    district: str,
    subject: str,
    at: pd.Timestamp,
    sites: pd.DataFrame,
    reaches: Sequence[Reach] = (),
) -> tuple[Neighbour, ...]:
    """Return the newest class of the other sections of the same river, in the order of the water's flow.

    Parameters
    ----------
    connection, district, subject
        The section meant.
    at
        Samplings up to this time, and not older than the span `neighbour`, count (Asia/Shanghai).
    sites
        The district's register: `key`, `name`, `river`.
    reaches
        The order of sections along a river, from the district's `alerts.toml`; without it the sections of one
        river are told without saying which lies upstream.
    """
    named = sites.drop_duplicates("key", keep="last").set_index("key")
    sides = _sides(subject, named, reaches)
    if not sides:
        return ()
    query = select(section_results.c.site, section_results.c.start, section_results.c["class"]).where(
        section_results.c.district == district,
        section_results.c.period_kind == "sample",
        section_results.c.site.in_(list(sides)),
        section_results.c.start > (at - span("neighbour")).to_pydatetime(),
        section_results.c.start <= at.to_pydatetime(),
        section_results.c["class"].is_not(None),
        believed(section_results),
    )
    rows = bulk.fetch(connection, query).sort_values("start").drop_duplicates("site", keep="last")
    newest = rows.set_index("site")
    return tuple(
        Neighbour(side, str(named["name"].get(site, site)), int(newest["class"][site]), newest["start"][site])
        for site, side in sides.items()
        if site in newest.index
    )


def _sides(subject: str, named: pd.DataFrame, reaches: Sequence[Reach]) -> Mapping[str, str]:
    for reach in reaches:
        if subject in reach.sections:
            here = reach.sections.index(subject)
            around = {
                here - 1: "upstream",
                here + 1: "downstream",
            }
            return {site: around[place] for place, site in enumerate(reach.sections) if place in around}
    river = named["river"].get(subject)
    if river is None or pd.isna(river) or not str(river):
        return {}
    same = named[(named["river"] == river) & (named.index != subject)]
    return dict.fromkeys(map(str, same.index), "river")


def _direction(values: list[float], share: float) -> str:
    first, last = values[0], values[-1]
    if abs(last - first) <= share * abs(first):
        return "steady"
    return "rising" if last > first else "falling"


def _unit(parameter: str) -> str:
    known = parameters().get(parameter)
    return "" if known is None or known.unit == "1" else known.unit
