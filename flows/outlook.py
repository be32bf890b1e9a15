"""Outlook: what a running year may end with, from the days and months of this year and of past ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from flows.evaluate import scope_of
from indicators.air_aqi import daily_aqi
from indicators.plan_facts import GOOD_DAY_RATIO, PM2_5_MEAN, last_day
from indicators.plan_outlook import Outlook, not_projected, outlook_of
from indicators.projection import TOPIC, FloatArray, project_days
from indicators.projection_sections import first_channel, month_table, project_sections
from indicators.registry import Registry, Standard
from indicators.section_budget import class_wanted, items_beyond, items_in_words
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC
from vocabulary.district import District
from vocabulary.plan import Indicator, Plan
from warehouse.aggregates import section_item_means
from warehouse.recall import recall_table
from warehouse.schema import air_days

#: AQI up to it is a good day (HJ 633: level 1 and 2)
_GOOD = 100


def outlooks(
    connection: Connection,
    district: District,
    registry: Registry,
    plan: Plan,
    year: int,
    as_of_day: date,
) -> dict[str, Outlook]:
    """Return the outlook of every indicator of a plan, by statistic; none where the year is over or to come.

    Parameters
    ----------
    connection : Connection
    district : District
    registry : Registry
    plan : Plan
    year : int
    as_of_day : date
        Days before it are known.
    """
    if not date(year, 1, 1) < as_of_day <= date(year, 12, 31):
        return {}
    standard = registry.in_force(TOPIC, as_of_day)
    level = float(standard.rule("interval")["level"])
    found = {item.feeder.statistic: not_projected(item) for item in plan.indicator}
    air = [item for item in plan.indicator if item.feeder.statistic in (PM2_5_MEAN, GOOD_DAY_RATIO)]
    if air and (district.sites["kind"] == "station").any():
        found |= _of_air(connection, district, registry, air, standard, year, as_of_day, level)
    shares = [item for item in plan.indicator if item.feeder.levels]
    if shares:
        found |= _of_sections(connection, district, registry, shares, standard, year, as_of_day, level)
    return found


def _of_air(
    connection: Connection,
    district: District,
    registry: Registry,
    wanted: list[Indicator],
    standard: Standard,
    year: int,
    as_of_day: date,
    level: float,
) -> dict[str, Outlook]:
    first = year - int(standard.rule("history")["years"])
    span = (datetime(first, 1, 1), datetime.combine(as_of_day, datetime.min.time()))
    days = recall_table(connection, air_days, *scope_of(air_days, district, *span, sites=[""]))
    if not (days["day"] >= pd.Timestamp(year, 1, 1)).any():
        return {}
    days = _in_one_year(days, year)
    elapsed = last_day(year, as_of_day).timetuple().tm_yday
    # past days under the edition in force on their day of this year, so that good days compare
    index = daily_aqi(days, registry=registry)
    index = index.assign(value=index["aqi"].astype("float64").where(index["valid"].astype(bool)))
    pm2_5 = days[(days["parameter"] == "pm2_5") & days["valid"].astype(bool)]
    tables = {PM2_5_MEAN: _by_year(pm2_5, year), GOOD_DAY_RATIO: _by_year(index, year)}
    kinds = {PM2_5_MEAN: ("pm2_5", None), GOOD_DAY_RATIO: ("aqi", float(_GOOD))}
    found = {}
    for item in wanted:
        statistic = item.feeder.statistic
        table = tables[statistic]
        kind, limit = kinds[statistic]
        projected = project_days(
            table[-1],
            elapsed,
            table[:-1],
            standard,
            kind="aqi" if kind == "aqi" else "pm2_5",
            limit=limit,
        )
        found[statistic] = outlook_of(item, projected, level)
    return found


def _in_one_year(days: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return days moved to the same day of one year; `site` says the year they are of. 29 February may be lost."""
    day = days["day"]
    parts = pd.DataFrame({"year": year, "month": day.dt.month, "day": day.dt.day})
    moved = pd.to_datetime(parts, errors="coerce").astype("datetime64[us]")
    there = moved.notna()
    return days.assign(site=day.dt.year.astype("str"), day=moved)[there].reset_index(drop=True)


def _by_year(rows: pd.DataFrame, year: int) -> FloatArray:
    """Return values as years x days of the year, the year at hand last, NaN where there is none."""
    years = sorted({*rows["site"], str(year)})
    length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    table = np.full((len(years), length), np.nan)
    row = pd.Index(years).get_indexer(pd.Index(rows["site"]))
    table[row, rows["day"].dt.day_of_year.to_numpy() - 1] = rows["value"].to_numpy(dtype=np.float64)
    return table


def _of_sections(
    connection: Connection,
    district: District,
    registry: Registry,
    shares: list[Indicator],
    standard: Standard,
    year: int,
    as_of_day: date,
    level: float,
) -> dict[str, Outlook]:
    levels = {name for item in shares for name in item.feeder.levels}
    sections = sections_counted(district, year)
    sections = sections[sections["level"].isin(sorted(levels))]
    if sections.empty:
        return {}
    evaluation = registry.in_force(EVALUATION_TOPIC, as_of_day)
    class_standard = registry.in_force(CLASS_TOPIC, as_of_day)
    past = int(standard.rule("sections")["years"])
    monthly = first_channel(
        section_item_means(
            connection,
            district.key,
            datetime(year - past, 1, 1),
            datetime.combine(as_of_day, datetime.min.time()),
            non_detect_factor=float(evaluation.rule("non_detect.mean")["factor"]),
            ph_as_hydrogen_ions=evaluation.rule("mean.ph")["method"] == "hydrogen-ion",
            sites=sections["key"].tolist(),
        ),
        evaluation,
    )
    if not (monthly["month"].dt.year == year).any():
        return {}
    items = evaluation.rule("items.section")["parameters"]
    names = [name for name in items if (monthly["parameter"] == name).any()]
    keys = sections["key"].tolist()
    table = month_table(monthly, keys, names, range(year - past, year + 1))
    # years without anything are no history
    kept = np.flatnonzero(np.isfinite(table[:-1]).any(axis=(1, 2, 3)))
    table = table[[*kept.tolist(), past]]
    done = (as_of_day - timedelta(days=1)).month
    waterbody = sections["waterbody"].to_numpy(dtype=object)
    found = {}
    for item in shares:
        mine = sections["level"].isin(list(item.feeder.levels)).to_numpy(dtype=np.bool_)
        if not mine.any():
            continue
        projected = project_sections(
            table[:, mine],
            done,
            parameters=names,
            waterbody=waterbody[mine],
            classes=item.feeder.classes,
            standard=standard,
            class_standard=class_standard,
            evaluation=evaluation,
        )
        beyond = items_beyond(
            table[-1][mine],
            done,
            sites=[key for key, here in zip(keys, mine, strict=True) if here],
            parameters=names,
            waterbody=waterbody[mine],
            wanted=class_wanted(item),
            class_standard=class_standard,
            evaluation=evaluation,
        )
        words = items_in_words(beyond, sections.set_index("key")["name"].to_dict())
        outlook = outlook_of(item, projected, level)
        found[item.feeder.statistic] = Outlook(**{**vars(outlook), "remaining": words})
    return found


def sections_counted(district: District, year: int) -> pd.DataFrame:
    """Return the registered sections that are evaluated in a year."""
    sites = district.sites
    return sites[
        (sites["kind"] == "section")
        & sites["evaluation"].astype(bool)
        & (sites["valid_from"] <= pd.Timestamp(year, 12, 31))
        & (sites["valid_to"].isna() | (sites["valid_to"] >= pd.Timestamp(year, 1, 1)))
    ]
