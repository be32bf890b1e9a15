"""What moved an indicator: months, stations, pollutants, items and sections behind a year's figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from flows.answers.records import as_records
from flows.evaluate import registry_of, scope_of, section_dry, sections_frame
from flows.outlook import sections_counted
from flows.used_readings import section_readings
from indicators.air_editions import in_force_on_its_day
from indicators.contributions import (
    against_figure,
    counts_by_pollutant,
    parts_of_mean,
    point_weights,
    points_counted,
    shares_of,
    split_difference,
)
from indicators.plan_facts import GOOD_DAY_RATIO, PM2_5_MEAN, plain
from indicators.projection import TOPIC
from indicators.section_budget import class_wanted
from indicators.water_class import sections_by_site
from indicators.water_evaluation import section_means
from indicators.water_limits import CLASS_TOPIC, classify_values, limit_rules, reference_limits
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.plan import Indicator, Plan
from vocabulary.rounding import round_half_even
from vocabulary.water_class import class_sign
from warehouse.recall import recall_table
from warehouse.schema import air_days, aqi_days, section_results

KEYS = ("district", "indicator", "kind", "subject", "name", "amount", "unit", "share", "note")
_GOOD = 100
_PLACES = 6
_YEAR = 365


class NoIndicatorError(LookupError):
    """The plan of the year has no indicator of this number."""


@dataclass(frozen=True)
class _Asked:
    connection: Connection
    district: District
    plan: Plan
    indicator: Indicator
    year: int
    as_of: datetime | None


def plan_of_year(district: District, year: int) -> Plan:
    """Return the plan that covers a year, else the nearest."""
    return min(
        district.plans,
        key=lambda plan: (max(plan.first_year - year, year - plan.last_year, 0), plan.first_year),
    )


def what_moved(
    connection: Connection,
    district: District,
    indicator: int,
    year: int,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return what stands behind an indicator's figure of a year.

    Parameters
    ----------
    connection : Connection
    district : District
    indicator : int
        Its number in the plan of the year.
    year : int
    as_of : datetime, optional
        UTC without zone; now without it.

    Returns
    -------
    list of dict
        Keys `KEYS`. PM2.5: kinds month and station, `amount` in µg/m³ adding up by kind to the difference against the
        same days of last year (else to the plan's baseline, else to the mean itself; `note` says which). Good-day
        ratio: kinds pollutant and month, `amount` in days adding up by kind to the days above AQI 100; kind station
        counts by itself. Shares of sections: kind section (1 where it is counted) and factor (sections that the
        item keeps from the class wanted). `share` in % of the kind's sum. Empty for indicators that are not monitored
        day by day, and for years without data.

    Raises
    ------
    NoIndicatorError
        When the plan has no such number.
    """
    plan = plan_of_year(district, year)
    chosen = [item for item in plan.indicator if item.number == indicator]
    if not chosen:
        last = plan.indicator[-1].number
        raise NoIndicatorError(
            f"{plan.id} 没有第 {indicator} 项指标（1–{last}）/ {plan.id} has no indicator {indicator}, expected 1 to {last}"
        )
    asked = _Asked(connection, district, plan, chosen[0], year, as_of)
    if chosen[0].feeder.statistic == PM2_5_MEAN:
        rows = _pm2_5(asked)
    elif chosen[0].feeder.statistic == GOOD_DAY_RATIO:
        rows = _bad_days(asked)
    elif chosen[0].feeder.levels:
        rows = _sections(asked)
    else:
        rows = []
    whole = [part for part in rows if len(part)]
    if not whole:
        return []
    frame = pd.concat(whole, ignore_index=True).assign(district=district.key, indicator=indicator)
    frame["amount"] = round_half_even(frame["amount"], _PLACES)
    frame["share"] = round_half_even(frame["share"], 2)
    return as_records(frame[list(KEYS)])


def _rows(kind: str, amounts: pd.Series, names: pd.Series, unit: str, notes: pd.Series) -> pd.DataFrame:
    """Return records of one kind; amounts, names and notes share their index, the subjects."""
    return pd.DataFrame(
        {
            "kind": kind,
            "subject": amounts.index.astype("str"),
            "name": names.reindex(amounts.index).to_numpy(),
            "amount": amounts.to_numpy(dtype=np.float64),
            "unit": unit,
            "share": shares_of(amounts).to_numpy(dtype=np.float64),
            "note": notes.reindex(amounts.index).to_numpy(),
        }
    )


def _span(year: int, until: pd.Timestamp | None = None) -> tuple[datetime, datetime]:
    end = datetime(year + 1, 1, 1) if until is None else (until + timedelta(days=1)).to_pydatetime()
    return datetime(year, 1, 1), end


def _same_day(last: pd.Timestamp, year: int) -> pd.Timestamp:
    """Return a day's place in another year; 29 February ends on the 28th."""
    leap = last.month == 2 and last.day == 29  # noqa: PLR2004  # the one day that a common year has not
    return pd.Timestamp(year, last.month, 28 if leap else last.day)


# --- PM2.5 ----------------------------------------------------------------------------------------


def _points(asked: _Asked, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the points' daily PM2.5 that made the district's valid days, with their weight in the year."""
    rows = recall_table(
        asked.connection,
        air_days,
        *scope_of(air_days, asked.district, start, end),
        air_days.c.parameter == "pm2_5",
        as_of=asked.as_of,
    )
    rows["day"] = rows["day"].astype("datetime64[us]")
    whole = rows[(rows["site"] == "") & rows["valid"].astype(bool) & rows["value"].notna()]
    stations = asked.district.sites[asked.district.sites["kind"] == "station"].rename(columns={"key": "site"})
    points = points_counted(rows[rows["site"] != ""], stations)
    points = points[points["day"].isin(whole["day"])].sort_values(["site", "day"], ignore_index=True)
    return points.assign(weight=point_weights(points), month=points["day"].dt.strftime("%m"))


def _pm2_5(asked: _Asked) -> list[pd.DataFrame]:
    now = _points(asked, *_span(asked.year))
    if now.empty:
        return []
    last = now["day"].max()
    before = _points(asked, *_span(asked.year - 1, _same_day(last, asked.year - 1)))
    baseline = next((one for one in asked.indicator.baseline if one.year == asked.plan.baseline_year), None)
    compared = before["day"].nunique() >= _enough(asked, last)
    names = {
        "month": pd.Series({f"{number:02d}": f"{number}月" for number in range(1, 13)}),
        "station": asked.district.sites.set_index("key")["name"],
    }
    found = []
    for kind, column in (("month", "month"), ("station", "site")):
        mine = parts_of_mean(now["weight"], now["value"], now[column])
        mean = float((mine["weight"] * mine["mean"]).sum())
        if compared:
            theirs = parts_of_mean(before["weight"], before["value"], before[column])
            amounts = split_difference(mine, theirs)
            was = float((theirs["weight"] * theirs["mean"]).sum())
            notes = _between(mine, theirs, f"全年同期 {_tenth(mean)}，上年 {_tenth(was)}")
        elif baseline is not None and baseline.unit == asked.indicator.unit:
            amounts = against_figure(mine, baseline.value)
            notes = _alone(
                mine, f"全年 {_tenth(mean)}，与 {baseline.year} 年基数 {plain(baseline.value)} 相比"
            )
        else:
            amounts = (mine["weight"] * mine["mean"]).rename("amount")
            notes = _alone(mine, f"全年 {_tenth(mean)}，无可比年份，列本年构成")
        found.append(_rows(kind, amounts, names[kind], asked.indicator.unit, notes))
    return found


def _enough(asked: _Asked, last: pd.Timestamp) -> float:
    """Return how many valid days last year must have up to the same day to be compared with."""
    history = registry_of(asked.district).in_force(TOPIC, last.date()).rule("history")
    return float(history["year_days"]) / _YEAR * int(last.day_of_year)


def _tenth(value: float) -> str:
    """Return a mean as it is told: one decimal, half to even."""
    return f"{round_half_even([value], 1)[0]:.1f}"


def _between(now: pd.DataFrame, before: pd.DataFrame, whole: str) -> pd.Series:
    groups = now.index.union(before.index)
    means = [
        part["mean"].reindex(groups).map(lambda one: "无" if np.isnan(one) else _tenth(one))
        for part in (now, before)
    ]
    return means[0] + "，上年 " + means[1] + f"（{whole}）"


def _alone(now: pd.DataFrame, whole: str) -> pd.Series:
    return now["mean"].map(_tenth) + f"（{whole}）"


# --- bad days -------------------------------------------------------------------------------------


def _index_days(asked: _Asked, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the valid days of district and stations, each by the edition in force on it."""
    rows = recall_table(
        asked.connection, aqi_days, *scope_of(aqi_days, asked.district, start, end), as_of=asked.as_of
    )
    if rows.empty:
        return rows
    rows["day"] = rows["day"].astype("datetime64[us]")
    rows = in_force_on_its_day(rows, registry_of(asked.district))
    return rows[rows["valid"].astype(bool) & rows["aqi"].notna()].assign(month=rows["day"].dt.strftime("%m"))


def _bad_days(asked: _Asked) -> list[pd.DataFrame]:
    now = _index_days(asked, *_span(asked.year))
    if now.empty:
        return []
    last = now["day"].max()
    before = _index_days(asked, *_span(asked.year - 1, _same_day(last, asked.year - 1)))
    bad, was = (part[part["aqi"] > _GOOD] if len(part) else part for part in (now, before))
    of_district = bad[bad["site"] == ""]
    earlier = was[was["site"] == ""] if len(was) else was
    known = len(before) > 0 and before["day"].nunique() >= _enough(asked, last)
    pollutants = counts_by_pollutant(of_district["primary"])
    before_by = counts_by_pollutant(earlier["primary"]) if len(earlier) else pd.Series(dtype="float64")
    words = pd.Series(
        {key: parameters()[key].zh if key else "未注明" for key in pollutants.index}, dtype="object"
    )
    valid = now[now["site"] == ""].groupby("month")["day"].size()
    months = of_district.groupby("month")["day"].size().reindex(valid.index).fillna(0.0)
    months_before = earlier.groupby("month")["day"].size() if len(earlier) else pd.Series(dtype="float64")
    month_names = pd.Series({f"{number:02d}": f"{number}月" for number in range(1, 13)})
    top = of_district.groupby("month")["primary"].agg(lambda part: counts_by_pollutant(part).index[0])
    led = (
        top.map(lambda key: f"，主要为 {parameters()[key].zh}" if key else "").reindex(valid.index).fillna("")
    )
    editions = [
        part.groupby("month")["edition"].max().reindex(valid.index)
        for part in (now, before if known else now)
    ]
    basis = (editions[0] != editions[1]).map({True: "，评价标准版本不同", False: ""})
    stations = now[now["site"] != ""].groupby("site")["day"].size()
    by_station = bad[bad["site"] != ""].groupby("site")["day"].size().reindex(stations.index).fillna(0.0)
    found = [
        _rows("pollutant", pollutants, words, "天", _against(pollutants, before_by, known)),
        _rows(
            "month",
            months,
            month_names,
            "天",
            "有效 "
            + valid.astype("str")
            + " 天"
            + led
            + "，"
            + _against(months, months_before, known)
            + basis,
        ),
    ]
    names = asked.district.sites.set_index("key")["name"]
    notes = "有效 " + stations.astype("str") + " 天；各站各自计数，不相加"
    return [*found, _rows("station", by_station, names, "天", notes).assign(share=np.nan)]


def _against(now: pd.Series, before: pd.Series, known: bool) -> pd.Series:
    if not known:
        return pd.Series("上年无数据", index=now.index)
    was = before.reindex(now.index).fillna(0.0)
    return "上年同期 " + was.map(_figure) + " 天（" + (now - was).map("{:+.3g}".format) + "）"


def _figure(value: float) -> str:
    return plain(float(round_half_even([value], 2)[0]))


# --- shares of sections ---------------------------------------------------------------------------


def _sections(asked: _Asked) -> list[pd.DataFrame]:
    district, feeder = asked.district, asked.indicator.feeder
    sections = sections_counted(district, asked.year)
    sections = sections[sections["level"].isin(list(feeder.levels))]
    if sections.empty:
        return []
    keys = sections["key"].tolist()
    start, end = _span(asked.year)
    results = recall_table(
        asked.connection,
        section_results,
        *scope_of(section_results, district, datetime(asked.year - 1, 1, 1), end, sites=keys, kinds=["year"]),
        as_of=asked.as_of,
    )
    classes = results[results["period"] == str(asked.year)].set_index("site")["class"]
    was = results[results["period"] == str(asked.year - 1)].set_index("site")["class"]
    names = sections.set_index("key")["name"]
    signs = [
        pd.Series({key: _sign(part.get(key)) for key in keys}, dtype="object") for part in (classes, was)
    ]
    counted = classes.reindex(keys).isin(list(feeder.classes)).astype("float64")
    counted.index = pd.Index(keys)
    rows = [_rows("section", counted, names, "个", signs[0] + "，上年 " + signs[1])]
    return [*rows, *_factors(asked, keys, names, start, end)]


def _sign(number: Any) -> str:
    return "无类别" if number is None or pd.isna(number) else f"{class_sign(int(number))}类"


def _factors(
    asked: _Asked, keys: list[str], names: pd.Series, start: datetime, end: datetime
) -> list[pd.DataFrame]:
    """Return the items that keep sections from the class wanted: how many, which, by how much."""
    district = asked.district
    registry = registry_of(district)
    frame = sections_frame(district)
    frame = frame[frame["site"].isin(keys)]
    used = section_readings(asked.connection, district, keys, start, end, use="evaluation", as_of=asked.as_of)
    if used.kept.empty:
        return []
    dry = section_dry(asked.connection, district, keys, start, end, as_of=asked.as_of)
    means = section_means(used.kept, frame, str(asked.year), registry=registry, dry=dry)
    standard = registry.in_force(CLASS_TOPIC, date(asked.year, 12, 31))
    wanted = class_wanted(asked.indicator)
    evaluated = set(
        registry.in_force("surface-water-evaluation", date(asked.year, 12, 31)).rule("items.section")[
            "parameters"
        ]
    )
    notes: dict[str, str] = {}
    counts: dict[str, float] = {}
    # a dozen items at most
    for name in [
        key for key in means["parameter"].unique() if key in evaluated and limit_rules(key, standard)
    ]:
        mine = means[means["parameter"] == name]
        water = sections_by_site(frame, mine["site"])["waterbody"].to_numpy(dtype=object)
        values = mine["rounded"].to_numpy(dtype=np.float64)
        beyond = classify_values(name, values, water, standard) > wanted
        if beyond.any():
            limits = reference_limits(name, water, standard, wanted)
            unit = parameters()[name].unit
            counts[name] = float(beyond.sum())
            notes[name] = "；".join(
                f"{names[site]} {value:.10g}{'' if np.isnan(limit) else f'→{limit:.10g}'} {unit}"
                for site, value, limit in zip(
                    mine["site"].to_numpy()[beyond], values[beyond], limits[beyond], strict=True
                )
            )
    amounts = pd.Series(counts, dtype="float64").sort_values(ascending=False, kind="stable")
    words = pd.Series({key: parameters()[key].zh for key in counts}, dtype="object")
    goal = f"（须达 {class_sign(wanted)} 类）"
    texts = pd.Series({key: text + goal for key, text in notes.items()}, dtype="object")
    return [_rows("factor", amounts, words, "个", texts)] if counts else []
