"""What the site says of the data themselves: coverage by source and day, freshness, quarantine, revisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, cast, func, select
from sqlalchemy.types import Date

from flows.answers.quarantine import quarantine_weeks
from flows.answers.records import as_records
from flows.site.parts import Span, fetched
from quality.flags import flag_rules
from vocabulary.district import District
from warehouse.recall import believed
from warehouse.schema import deliveries, flags, readings, series

#: a day's usual number of readings is the number that this share of a source's days do not exceed
_USUAL = 0.9
#: sources with readings on fewer days than this are lists and returns: they have no day to be missed
_DAILY = 28


def gather_quality(connection: Connection, district: District, span: Span) -> dict[str, Any]:
    """Return what the page of the data's quality shows of a district, as plain data.

    Returns
    -------
    dict
        `days`, `sources` (key, title, freshness, cells by what became of them), `shares` (source -> a share a day),
        `usual` (source -> readings of a usual day), `months` (source, month -> share of days and readings),
        `revised` (month, source -> revised cells), `flags` (test -> readings), `weeks` (quarantine).
    """
    counted = _readings_by_day(connection, district, span)
    table = counted.pivot_table(index="source", columns="day", values="n", aggfunc="sum", fill_value=0)
    table = table.reindex(columns=span.days, fill_value=0)
    table = table[(table > 0).sum(axis=1) >= _DAILY]
    names = [str(name) for name in table.index]
    counts = table.to_numpy(dtype=np.float64)
    usual = [float(np.quantile(row[row > 0], _USUAL)) for row in counts]
    shares = [np.minimum(row / most, 1.0) for row, most in zip(counts, usual, strict=True)]
    months = pd.Index(span.days).str.slice(0, 7)
    by_month = {
        name: pd.Series(row).groupby(months).mean().round(4).to_dict()
        for name, row in zip(names, shares, strict=True)
    }
    return {
        "days": span.days,
        "sources": _sources(connection, district),
        "shares": {name: row.round(3).tolist() for name, row in zip(names, shares, strict=True)},
        "usual": {name: int(most) for name, most in zip(names, usual, strict=True)},
        "months": by_month,
        "revised": _revised(connection, district),
        "flags": _flags(connection, district, span),
        "weeks": quarantine_weeks(connection, [district.key]),
    }


def _readings_by_day(connection: Connection, district: District, span: Span) -> pd.DataFrame:
    """Return source, day and the number of believed readings."""
    day = cast(readings.c.observed_at, Date).label("day")
    query = (
        select(readings.c.delivery_id, day, func.count().label("n"))
        .where(
            readings.c.delivery_id.in_(select(deliveries.c.id).where(deliveries.c.district == district.key)),
            readings.c.observed_at >= span.start,
            readings.c.observed_at < span.end,
            believed(readings),
        )
        .group_by(readings.c.delivery_id, day)
    )
    rows = fetched(connection, query)
    names = fetched(connection, select(deliveries.c.id.label("delivery_id"), deliveries.c.source))
    rows = rows.merge(names, on="delivery_id")
    return rows.assign(day=pd.to_datetime(rows["day"]).dt.strftime("%Y-%m-%d"))


def _sources(connection: Connection, district: District) -> list[dict[str, Any]]:
    """Return one record a source of the district, also of those that gave nothing yet."""
    counts = ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank")
    query = (
        select(
            deliveries.c.source,
            func.count().label("deliveries"),
            func.count().filter(deliveries.c.state == "refused").label("refused"),
            func.max(deliveries.c.observed_to).label("latest"),
            func.max(deliveries.c.loaded_at).label("loaded_at"),
            *[func.sum(deliveries.c[name]).label(name) for name in counts],
        )
        .where(deliveries.c.district == district.key)
        .group_by(deliveries.c.source)
    )
    rows = fetched(connection, query)
    rows[list(counts)] = rows[list(counts)].astype("int64")
    rows["latest"] = rows["latest"].astype("datetime64[us]")
    rows["loaded_at"] = rows["loaded_at"].astype("datetime64[us]") + np.timedelta64(8, "h")
    found = {row["source"]: row for row in as_records(rows)}
    listed = {source.key: (source.title_zh, source.title_en) for source in district.sources}
    return [
        {"source": key, "zh": listed.get(key, (key, key))[0], "en": listed.get(key, (key, key))[1]}
        | found.get(
            key, {"deliveries": 0, "refused": 0, "latest": None, "loaded_at": None} | dict.fromkeys(counts, 0)
        )
        for key in [*listed, *[name for name in found if name not in listed]]
    ]


def _revised(connection: Connection, district: District) -> list[dict[str, Any]]:
    month = func.date_trunc("month", deliveries.c.observed_from).label("month")
    query = (
        select(
            month,
            deliveries.c.source,
            func.sum(deliveries.c.revised).label("cells"),
            func.count().label("deliveries"),
        )
        .where(deliveries.c.district == district.key, deliveries.c.revised > 0)
        .group_by(month, deliveries.c.source)
    )
    rows = fetched(connection, query)
    rows["month"] = pd.to_datetime(rows["month"]).dt.strftime("%Y-%m")
    rows[["cells", "deliveries"]] = rows[["cells", "deliveries"]].astype("int64")
    return as_records(rows.sort_values(["month", "source"], ascending=[False, True]))


def _flags(connection: Connection, district: District, span: Span) -> list[dict[str, Any]]:
    query = (
        select(flags.c.test, flags.c.verdict, func.count().label("n"))
        .select_from(flags.join(series, flags.c.series_id == series.c.id))
        .where(
            series.c.district == district.key,
            flags.c.observed_at >= span.start,
            flags.c.observed_at < span.end,
            believed(flags),
        )
        .group_by(flags.c.test, flags.c.verdict)
    )
    words = {test.key: (test.zh, test.en) for test in flag_rules().tests}
    rows = as_records(fetched(connection, query).sort_values(["verdict", "test"], ascending=[False, True]))
    return [row | {"zh": words[row["test"]][0], "en": words[row["test"]][1]} for row in rows]
