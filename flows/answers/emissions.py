"""What `ecoplan emissions` answers: verdicts, tonnes and capture rate of every outlet and limited item."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.permit_totals import PERMIT, day_of, of_outlets, outlet_hours, permit_totals, reached
from flows.answers.records import as_records, bounds, known_at
from flows.evaluate import registry_of
from flows.used_readings import with_left_out
from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.emission_summary import LOOK_BACK, outlet_tonnes
from vocabulary.district import District

_KEY = ["site", "parameter"]
_VERDICTS = ["ok", "exceed_hour", "warn_hour", "excluded"]
_COLUMNS = (
    "district site name enterprise period parameter hours_judged exceed_hour warn_hour excluded days_judged "
    "exceed_day highest limit clause tonnes tonnes_measured tonnes_substituted open_hours capture_rate "
    "capture_enough known_at left_out"
)


def emissions(
    connection: Connection, district: District, period: str, *, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return one record an outlet and limited item: hours and days judged, exceedances, tonnes, capture, and permit.

    A period that still runs counts as far as its hours have come.
    """
    day = day_of(district, as_of)
    rows = outlet_items(connection, district, period, day=day, as_of=as_of)
    if rows.empty:
        return []
    totals = of_outlets(permit_totals(connection, district, bounds(period)[1], day=day, as_of=as_of))
    rows = rows.merge(totals, on=_KEY, how="left")
    rows[["permit_of", "permit_document"]] = rows[["permit_of", "permit_document"]].fillna("")
    return as_records(rows[[*_COLUMNS.split(), *PERMIT.split()]])


def outlet_items(
    connection: Connection, district: District, period: str, *, day: date, as_of: datetime | None = None
) -> pd.DataFrame:
    """Return what `emissions` tells of a period alone, without the year's tonnes and the permit; empty without hours.

    Parameters
    ----------
    day
        The day the answer is given for (`flows.answers.permit_totals.reached`).
    """
    registry = registry_of(district)
    outlets = district.sites[district.sites["kind"] == "outlet"]
    start, end = bounds(period)
    quarter = pd.Timestamp(start).to_period("Q").start_time.to_pydatetime()
    # substitution looks back over valid hours, the capture rate over the quarter
    used = outlet_hours(connection, district, min(start - LOOK_BACK, quarter), end, as_of)
    history = used.kept
    end = reached(history, start, end, day)
    span = history[history["observed_at"] >= start]
    hours = judge_outlet_hours(span, district.permit_limits, registry=registry)
    hours = hours[hours["verdict"] != "no-limit"]
    if hours.empty:
        return pd.DataFrame(columns=_COLUMNS.split())
    days = judge_outlet_days(span, district.permit_limits, registry=registry)
    tonnes = outlet_tonnes(history, registry=registry, start=start, end=end)
    rows = _hours(hours).merge(_days(days), on=_KEY, how="left").merge(tonnes, on=_KEY, how="left")
    names = outlets[["key", "name", "enterprise"]].rename(columns={"key": "site"})
    rows = rows.merge(names, on="site").assign(district=district.key, period=period, known_at=known_at(as_of))
    for name in ("days_judged", "exceed_day"):
        rows[name] = rows[name].fillna(0).astype("int64")
    rows["open_hours"] = rows["open_hours"].astype("Int64")
    flagged = used.flagged[used.flagged["observed_at"] >= start]
    rows = with_left_out(rows, flagged.groupby(_KEY).size().rename("left_out"))
    rows["left_out"] += rows["excluded"]
    return rows[_COLUMNS.split()]


def _hours(hours: pd.DataFrame) -> pd.DataFrame:
    counts = hours.pivot_table(
        index=_KEY, columns="verdict", values="observed_at", aggfunc="count", fill_value=0
    )
    counts = counts.reindex(columns=_VERDICTS, fill_value=0).reset_index()
    counts["hours_judged"] = counts[["ok", "exceed_hour", "warn_hour"]].sum(axis=1)
    counted = hours[hours["verdict"] != "excluded"]
    highest = counted.groupby(_KEY)["value"].max().rename("highest").reset_index()
    limits = hours.sort_values("observed_at").groupby(_KEY)[["limit", "clause"]].last().reset_index()
    return counts.merge(highest, on=_KEY, how="left").merge(limits, on=_KEY)


def _days(days: pd.DataFrame) -> pd.DataFrame:
    judged = days[days["verdict"].isin(["ok", "exceed_day"])]
    judged = judged.assign(days_judged=1, exceed_day=(judged["verdict"] == "exceed_day").astype("int64"))
    return judged.groupby(_KEY)[["days_judged", "exceed_day"]].sum().reset_index()
