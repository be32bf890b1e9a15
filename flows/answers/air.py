"""What `ecoplan air` answers: statistics, AQI days, good-day ratio and composite index of a period."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.records import as_records, bounds, known_at
from flows.evaluate import registry_of
from indicators.air_ranking import composite_index
from indicators.air_statistics import air_statistics, good_days_series
from indicators.registry import Registry
from vocabulary.district import District
from warehouse.recall import recall_table
from warehouse.schema import air_days

_KEYS = (
    "period",
    "parameter",
    "statistic",
    "value",
    "rounded",
    "n_valid",
    "n_days",
    "valid",
    "limit",
    "attained",
    "exceedance_multiple",
    "attaining_ratio",
    "series",
    "standard",
)
#: figures that rest on every pollutant
_OF_ALL = ("good_days", "good_day_ratio", "heavy_days", "composite_index")


def air(
    connection: Connection,
    district: District,
    period: str,
    *,
    as_of: datetime | None = None,
    standard: str | None = None,
) -> list[dict[str, Any]]:
    """Return one flat record a statistic of the district's mean over its evaluation points."""
    registry = registry_of(district)
    start, end = bounds(period)
    days = recall_table(
        connection,
        air_days,
        air_days.c.district == district.key,
        air_days.c.site == "",
        air_days.c.day >= start,
        air_days.c.day < end,
        as_of=as_of,
    )
    if days.empty:
        return []
    days["day"] = days["day"].astype("datetime64[us]")
    days["valid"] = days["valid"].astype(bool)
    statistics = air_statistics(days, registry=registry, period=period, standard=standard)
    rows = as_records(statistics.drop(columns=["site"]))
    series = good_days_series(days, registry=registry, period=period, standard=standard)
    rows += [{"period": period, "parameter": "aqi", **record} for record in _flat(series)]
    rows += _composite(statistics, registry, period)
    known = known_at(as_of)
    left_out = _left_out(days)
    return [
        {
            "district": district.key,
            **{name: row.get(name) for name in _KEYS},
            "known_at": known,
            "left_out": left_out.get("" if row["statistic"] in _OF_ALL else row["parameter"], 0),
        }
        for row in rows
    ]


def _left_out(days: pd.DataFrame) -> dict[str, int]:
    """Return how many hours were left out of a period by parameter; '' is all of them."""
    # the highest hour of ozone counts the same hours once more
    days = days[days["parameter"] != "o3_1h_max"]
    by_parameter = days.groupby("parameter")["left_out"].sum().astype("int64").to_dict()
    return {str(name): int(count) for name, count in by_parameter.items()} | {"": sum(by_parameter.values())}


def _flat(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record a figure of the good-day series, with its numerator and denominator."""
    flat = []
    for record in series:
        common = {
            "n_valid": record["valid_days"],
            "n_days": record["calendar_days"],
            "series": record.get("series", ""),
            "standard": record["edition"],
        }
        flat += [
            {"statistic": "good_days", "value": record["good"], "rounded": record["good"], **common},
            {"statistic": "good_day_ratio", "value": record["ratio"], "rounded": record["ratio"], **common},
            {"statistic": "heavy_days", "value": record["heavy"], "rounded": record["heavy"], **common},
        ]
    return flat


def _composite(statistics: pd.DataFrame, registry: Registry, period: str) -> list[dict[str, Any]]:
    """One record a standard of the period: the composite index and its main pollutant."""
    records = []
    for standard, part in statistics.groupby("standard", sort=False):
        found = composite_index(part, registry=registry)
        records.append(
            {
                "period": period,
                "parameter": found["primary"],
                "statistic": "composite_index",
                "value": found["index"],
                "rounded": found["index"],
                "series": str(part["series"].iloc[0]),
                "standard": f"{found['standard']} ({standard})",
            }
        )
    return records
