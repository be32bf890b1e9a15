"""What the site says of a district's air: the AQI by day, days by level, statistics under every edition."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.air import air
from flows.answers.records import as_records
from flows.evaluate import registry_of
from flows.site.parts import Span
from indicators.air_editions import in_force_on_its_day
from indicators.air_statistics import air_statistics
from indicators.registry import Registry
from vocabulary.district import District
from warehouse.recall import recall_table
from warehouse.schema import air_days, aqi_days

_DAY = ("day", "edition", "aqi", "level", "primary", "valid")
#: statistics of a month that a chart and its table show
_MONTHLY = {"mean", "p90", "p95"}


def gather_air(connection: Connection, district: District, span: Span) -> dict[str, Any]:
    """Return what the page of the air shows, as plain data.

    Returns
    -------
    dict
        `levels` (of the AQI, with colours), `days` (of the district, under the edition in force on the day),
        `others` (edition -> days under another edition), `counts` (year, edition, level -> days), `statistics` (year ->
        records of `ecoplan air`), `months` (month -> statistic -> rounded value), `stations` (days by level).
    """
    registry = registry_of(district)
    scope = (aqi_days.c.district == district.key, aqi_days.c.day >= span.start, aqi_days.c.day < span.end)
    index = recall_table(connection, aqi_days, *scope).sort_values(["site", "day", "edition"])
    index["day"] = index["day"].astype("datetime64[us]")
    whole = index[index["site"] == ""].reset_index(drop=True)
    valid = in_force_on_its_day(whole, registry) if len(whole) else whole
    return {
        "levels": _levels(registry, span),
        "days": as_records(valid.assign(day=valid["day"].dt.strftime("%Y-%m-%d"))[list(_DAY)]),
        "others": _others(whole, valid),
        "counts": _counts(whole),
        "statistics": {
            str(year): [
                {name: value for name, value in row.items() if name not in {"known_at", "district"}}
                for row in air(connection, district, str(year))
            ]
            for year in span.years
        },
        "months": _months(connection, district, registry, span),
        "stations": _stations(index, district, registry),
    }


def _levels(registry: Registry, span: Span) -> list[dict[str, Any]]:
    rows = registry.in_force("aqi", span.last.date()).tables["levels"].values()
    names = ("level", "zh", "en", "upper", "rgb", "clause")
    return [{name: row[name] for name in names} for row in sorted(rows, key=lambda row: row["level"])]


def _others(whole: pd.DataFrame, valid: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the days that stand under an edition besides the one in force, by edition."""
    keys = ["day", "edition"]
    rest = whole[~pd.MultiIndex.from_frame(whole[keys]).isin(pd.MultiIndex.from_frame(valid[keys]))]
    rest = rest.assign(day=rest["day"].dt.strftime("%Y-%m-%d"))
    return {str(edition): as_records(part[list(_DAY)]) for edition, part in rest.groupby("edition")}


def _counts(whole: pd.DataFrame) -> list[dict[str, Any]]:
    days = whole[whole["valid"].astype(bool)].assign(year=whole["day"].dt.year.astype("str"))
    counted = days.groupby(["year", "edition", "level"]).size().rename("days").reset_index()
    return as_records(counted)


def _months(
    connection: Connection, district: District, registry: Registry, span: Span
) -> dict[str, dict[str, float]]:
    """Return month -> `pm2_5 mean`, `o3_mda8 p90`, … -> rounded value, each month as if it were a site of its own."""
    days = recall_table(
        connection,
        air_days,
        air_days.c.district == district.key,
        air_days.c.site == "",
        air_days.c.day >= span.start,
        air_days.c.day < span.end,
    )
    if days.empty:
        return {}
    days["day"] = days["day"].astype("datetime64[us]")
    days["valid"] = days["valid"].astype(bool)
    days["site"] = days["day"].dt.strftime("%Y-%m")
    found: dict[str, dict[str, float]] = {}
    for year in span.years:
        rows = air_statistics(days[days["day"].dt.year == year], registry=registry, period=str(year))
        rows = rows[rows["statistic"].isin(_MONTHLY) & rows["rounded"].notna()]
        # a value of a month does not depend on the edition but for its decimals: the last edition's
        rows = rows.drop_duplicates(["site", "parameter", "statistic"], keep="last")
        label = rows["parameter"].astype("str") + " " + rows["statistic"].astype("str")
        for month, name, value in zip(rows["site"], label, rows["rounded"], strict=True):
            found.setdefault(str(month), {})[str(name)] = float(value)
    return dict(sorted(found.items()))


def _stations(index: pd.DataFrame, district: District, registry: Registry) -> list[dict[str, Any]]:
    """Return one record a station: days by level in the running year, and its last day."""
    rows = index[index["site"] != ""].reset_index(drop=True)
    if rows.empty:
        return []
    rows = in_force_on_its_day(rows, registry)
    year = int(rows["day"].dt.year.max())
    running = rows[(rows["day"].dt.year == year) & rows["valid"].astype(bool)]
    levels = running.pivot_table(index="site", columns="level", values="day", aggfunc="count", fill_value=0)
    last = (
        rows.dropna(subset=["aqi"]).sort_values("day").drop_duplicates("site", keep="last").set_index("site")
    )
    stations = district.sites[district.sites["kind"] == "station"].drop_duplicates("key", keep="last")
    facts = as_records(stations[["key", "name", "level", "evaluation", "lon", "lat"]])
    return [
        fact
        | {
            "year": year,
            "days": {str(int(level)): int(count) for level, count in levels.loc[fact["key"]].items()}
            if fact["key"] in levels.index
            else {},
            "last": f"{last.loc[fact['key'], 'day']:%Y-%m-%d}" if fact["key"] in last.index else None,
            "aqi": int(last.loc[fact["key"], "aqi"]) if fact["key"] in last.index else None,
            "last_level": int(last.loc[fact["key"], "level"]) if fact["key"] in last.index else 0,
        }
        for fact in facts
    ]
