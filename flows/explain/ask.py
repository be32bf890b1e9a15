"""Explain (溯源): what is asked for is found, and the chain of its kind is followed down to the landed bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from flows.answers.records import PeriodError, bounds
from flows.explain.air import explain_air_day
from flows.explain.chain import Asked, Chain
from flows.explain.indicators import explain_indicator
from flows.explain.outlets import explain_outlet
from flows.explain.sections import explain_section
from flows.settings import Settings
from vocabulary.district import District
from vocabulary.parameters import parameters
from warehouse.schema import series

_HOUR = re.compile(r"^(\d{4}-\d{2}-\d{2})[T ](\d{1,2})(?::(\d{2}))?$")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class ExplainError(ValueError):
    """What is to be explained is not known, or stands in two districts."""


def explain(
    connection: Connection,
    districts: Mapping[str, District],
    words: tuple[str, str],
    *,
    parameter: str | None = None,
    as_of: datetime | None = None,
    everything: bool = False,
    home: Path | None = None,
) -> list[dict[str, Any]]:
    """Return the chain behind a site's value as flat records.

    Parameters
    ----------
    connection
        To the warehouse.
    districts
        Those to look in.
    words
        A site by its key or name, or a district's key for the district's own air; and a day, a day with its hour, or,
        for a section, a month or a year.
    parameter
        Only this item.
    as_of
        As known then (UTC); None: now.
    everything
        List every reading instead of counting many by file.
    home
        Folder of the landing zone; the machine's setting without it.

    Raises
    ------
    ExplainError
        When the site or parameter is not known, or the site stands in several districts.
    PeriodError
        When the time is none of those.
    """
    subject, when = words
    if parameter is not None and parameter not in parameters():
        raise ExplainError(
            f"没有监测因子 {parameter!r} / no such parameter, see vocabulary/data/parameters.toml"
        )
    start, end, hourly = _span(when)
    district, site, kind = _find(connection, districts, subject)
    asked = Asked(connection, district, home or Settings().home, as_of, parameter, everything)
    one_day = _DAY.match(when) is not None
    if kind == "section":
        if hourly or one_day:
            return explain_section(asked, site, start, end, "sample")
        return explain_section(asked, site, start, end, "year" if len(when) == len("2026") else "month")
    if not (hourly or one_day) and kind in {"station", "district", "outlet"}:
        raise PeriodError(
            f"空气站和排口请给出某日或某小时，实为 {when!r} / expected a day or an hour for a station or an outlet, "
            f"found {when!r}"
        )
    if kind == "outlet":
        return explain_outlet(asked, site, start, end)
    if kind in {"station", "district"} and one_day:
        return explain_air_day(asked, "" if kind == "district" else site, start)
    return _readings(asked, None if kind == "district" else site, start, end)


def explain_plan(
    connection: Connection,
    district: District,
    indicator: int,
    year: str,
    *,
    as_of: datetime | None = None,
    everything: bool = False,
    home: Path | None = None,
) -> list[dict[str, Any]]:
    """Return the chain behind an indicator's value in a year; empty where it is not on record.

    Raises
    ------
    PeriodError
        When the year is none.
    """
    if not re.fullmatch(r"\d{4}", year):
        raise PeriodError(f"年份应为 2025，实为 {year!r} / expected a year, found {year!r}")
    asked = Asked(connection, district, home or Settings().home, as_of, None, everything)
    return explain_indicator(asked, indicator, int(year))


def _span(when: str) -> tuple[datetime, datetime, bool]:
    """Return `[start, end)` and whether it is one hour."""
    match = _HOUR.match(when)
    if match is None:
        start, end = bounds(when)
        # the first moment after it
        return start, (pd.Timestamp(end).ceil("s")).to_pydatetime(), False
    try:
        day = datetime.fromisoformat(match[1])
        start = day.replace(hour=int(match[2]), minute=int(match[3] or 0))
    except ValueError as error:
        raise PeriodError(
            f"时间应为 2026-03-20T15，实为 {when!r} / expected an hour like 2026-03-20T15, found {when!r}"
        ) from error
    return start, start + pd.Timedelta(hours=1).to_pytimedelta(), True


def _find(
    connection: Connection, districts: Mapping[str, District], subject: str
) -> tuple[District, str, str]:
    """Return the district, key and kind of what is asked for: registered, a district, or only in the readings."""
    if subject in districts:
        return districts[subject], subject, "district"
    found: dict[tuple[str, str], str] = {}
    for key, district in districts.items():
        sites = district.sites
        mine = sites[(sites["key"] == subject) | (sites["name"] == subject)]
        found |= {
            (key, str(row["key"])): str(row["kind"]) for row in mine[["key", "kind"]].to_dict("records")
        }
    if not found:
        query = select(series.c.district).where(series.c.site == subject).distinct()
        found = {(key, subject): "" for key in connection.execute(query).scalars() if key in districts}
    if not found:
        raise ExplainError(
            f"没有点位 {subject!r}，可用 sites.csv 中的代码或名称 / no such site; give a key or name of sites.csv"
        )
    if len(found) > 1:
        places = "、".join(f"{district} {site}" for district, site in found)
        raise ExplainError(f"{subject!r} 有多个：{places}，请加 --district / several, add --district")
    ((key, site), kind) = next(iter(found.items()))
    return districts[key], site, kind


def _readings(asked: Asked, site: str | None, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Explain what no rule judges by itself: the readings of a time, and what was turned away."""
    chain = Chain(asked)
    found = asked.recall(start, end, sites=None if site is None else [site])
    found = found[asked.wanted_in(found)]
    top = chain.step(
        "result",
        None,
        f"该时段的监测值 {len(found)} 个（不单独评价）",
        f"{len(found)} readings of this time, not judged by themselves",
        site=site,
        at=start,
        n_readings=len(found),
    )
    chain.leaves(top, found, used=None)
    if site is not None:
        chain.rejected(top, [site], start, end)
    return chain.records()
