"""What `ecoplan emissions` answers: verdicts, tonnes and capture rate of every outlet and limited item."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.records import as_records, bounds, known_at
from flows.evaluate import registry_of
from flows.used_readings import divide, with_left_out
from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.emission_summary import LOOK_BACK, outlet_tonnes
from vocabulary.district import District
from warehouse.recall import recall_readings

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
    """Return one record an outlet and limited item: hours and days judged, exceedances, tonnes, capture."""
    registry = registry_of(district)
    outlets = district.sites[district.sites["kind"] == "outlet"]
    start, end = bounds(period)
    quarter = pd.Timestamp(start).to_period("Q").start_time.to_pydatetime()
    history = recall_readings(
        connection,
        district=district.key,
        # substitution looks back over valid hours, the capture rate over the quarter
        start=min(start - LOOK_BACK, quarter),
        end=end,
        sites=list(outlets["key"]),
        periods=["1h"],
        as_of=as_of,
    )
    # the provider's marks are judged with the hours, by the standard of the medium: such hours are `excluded`
    used = divide(connection, district, history, "emissions", marks=False, as_of=as_of)
    history = used.kept
    span = history[history["observed_at"] >= start]
    hours = judge_outlet_hours(span, district.permit_limits, registry=registry)
    hours = hours[hours["verdict"] != "no-limit"]
    if hours.empty:
        return []
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
    return as_records(rows[_COLUMNS.split()])


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
