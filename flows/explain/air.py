"""Why a day of air has its index: items against the breakpoints, stations behind the district, hours behind both."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flows.evaluate import AIR, registry_of
from flows.explain.chain import Asked, Chain, said_number, unit_key, unit_of, words_of
from flows.used_readings import divide
from indicators.air_aqi import daily_aqi, wide_days
from indicators.air_days import running_means
from indicators.registry import NoStandardError, Registry, Standard
from warehouse.recall import recall_table
from warehouse.schema import air_days, aqi_days

_DAY_OF = {"o3_8h": "o3_mda8", "o3_1h": "o3_1h_max"}
_LEVELS = {
    1: ("优", "excellent"),
    2: ("良", "good"),
    3: ("轻度污染", "light"),
    4: ("中度污染", "moderate"),
    5: ("重度污染", "heavy"),
    6: ("严重污染", "severe"),
}
_STATISTIC = {
    "o3_mda8": ("日最大8小时平均", "daily maximum 8-h mean"),
    "o3_1h_max": ("日最大1小时平均", "daily maximum 1-h mean"),
}
_DAILY_MEAN = ("日均值", "daily mean")


def explain_air_day(asked: Asked, site: str, day: datetime) -> list[dict[str, Any]]:
    """Return the chain of a day's AQI at a station, or of the district (site '').

    A day under two editions has a result for each; the edition in force on the day has its inputs spelled out.
    """
    chain = Chain(asked)
    registry = registry_of(asked.district)
    end = day + timedelta(days=1)
    index = recall_table(
        asked.connection,
        aqi_days,
        aqi_days.c.district == asked.district.key,
        aqi_days.c.site == site,
        aqi_days.c.day == day,
        as_of=asked.as_of,
    )
    days = recall_table(
        asked.connection,
        air_days,
        air_days.c.district == asked.district.key,
        air_days.c.day == day,
        as_of=asked.as_of,
    )
    for name in ("day", "known_from"):
        days[name] = days[name].astype("datetime64[us]")
    days["valid"] = days["valid"].astype(bool)
    stations = sorted(set(days["site"]) - {""}) if site == "" else [site]
    hours = asked.recall(day, end, sites=stations, wanted=AIR, periods=["1h"]) if stations else None
    index = _in_force_first(index, registry, day)
    if index.empty:
        top = chain.step("result", None, "该日没有空气质量指数", "no AQI of this day", site=site, at=day)
        if hours is not None:
            chain.leaves(top, hours, listed=False, used=False)
    for place, record in enumerate(index.to_dict("records")):
        top = _result(chain, record)
        edition = registry.get(str(record["edition"]))
        chain.rule(
            top,
            edition,
            "daily",
            "参评项目，指数取各分指数的最大值",
            "items; the index is the largest of theirs",
        )
        if place == 0:
            _items(chain, top, edition, registry, record, days, hours)
    chain.rejected(1, stations, day, end)
    return chain.records()


def _in_force_first(index: pd.DataFrame, registry: Registry, day: datetime) -> pd.DataFrame:
    try:
        label = registry.in_force("aqi", day.date()).label
    except NoStandardError:
        return index.sort_values("edition")
    return index.assign(other=index["edition"] != label).sort_values(["other", "edition"])


def _result(chain: Chain, record: dict[str, Any]) -> int:
    shown = None if pd.isna(record["aqi"]) else int(record["aqi"])
    level = _LEVELS.get(0 if pd.isna(record["level"]) else int(record["level"]), ("—", "—"))
    primary = [name for name in str(record["primary"]).split(",") if name]
    zh, en = f"AQI {shown if shown is not None else '无效'}（{level[0]}）", f"AQI {shown} ({level[1]})"
    if primary:
        zh += "；首要污染物 " + "、".join(words_of(name)[0] for name in primary)
        en += "; primary pollutant " + ", ".join(words_of(name)[1] for name in primary)
    return chain.step(
        "result",
        None,
        zh,
        en,
        site=record["site"],
        parameter="aqi",
        period="1d",
        at=pd.Timestamp(record["day"]).to_pydatetime(),
        value=shown,
        standard=record["edition"],
        known_from=record["known_from"],
    )


def _items(
    chain: Chain,
    top: int,
    edition: Standard,
    registry: Registry,
    record: dict[str, Any],
    days: pd.DataFrame,
    hours: pd.DataFrame | None,
) -> None:
    """Add one step an item of the index, the largest first."""
    asked = chain.asked
    own = days[days["site"] == record["site"]]
    wide = wide_days(own)
    indices = daily_aqi(wide, registry=registry, edition=edition.id).iloc[0]
    primary = str(record["primary"]).split(",")
    rows = []
    for item in edition.tables["daily"]["inputs"]:
        pollutant = item.rsplit("_", 1)[0]
        if asked.parameter in (None, pollutant, _DAY_OF.get(item, pollutant)):
            number = indices[f"iaqi_{pollutant}"]
            rows.append((item, pollutant, -1 if pd.isna(number) else int(number)))
    for item, pollutant, number in sorted(rows, key=lambda row: -row[2]):
        name = _DAY_OF.get(item, pollutant)
        values = own[own["parameter"] == name]
        if values.empty:
            continue
        rule = edition.rule(f"breakpoints.{item}")
        zh, en = words_of(pollutant)
        step = _day_step(
            chain,
            top,
            values.iloc[0],
            (f"{zh} 分指数 {number if number >= 0 else '无'}", f"{en} index {number}"),
            edition.label,
            rule["clause"],
            rule["sure"],
            _between(rule, values["value"].iloc[0]),
        )
        detailed = (
            pollutant in primary or asked.parameter is not None or (not any(primary) and number == rows[0][2])
        )
        _behind(chain, step, registry, record, days, hours, name, pollutant, detailed)


def _between(rule: Any, value: float) -> str:
    """Return the breakpoints a value lies between: `75→100, 115→150`."""
    points = list(zip(rule["concentration"], rule["iaqi"], strict=True))
    high = next((place for place, (point, _) in enumerate(points) if value <= point), len(points) - 1)
    low = max(high - 1, 0)
    return "，".join(f"{point:g}→{index}" for point, index in points[low : high + 1])


def _day_step(
    chain: Chain,
    parent: int,
    row: pd.Series,
    said: tuple[str, str],
    standard: str,
    clause: str | None,
    sure: str | None,
    limit: str | None,
) -> int:
    name = str(row["parameter"])
    zh, en = _STATISTIC.get(name, _DAILY_MEAN)
    pollutant = name.removesuffix("_mda8").removesuffix("_1h_max")
    unit = unit_of(pollutant)
    figure = f"{said_number(row['value'], 6)} {unit}".strip() if pd.notna(row["value"]) else "—"
    invalid = ("", "") if row["valid"] else ("，数据不足，无效", ", not valid")
    out = int(row["left_out"]) if pd.notna(row["left_out"]) else 0
    return chain.step(
        "input",
        parent,
        f"{said[0]}：{zh} {figure}，{int(row['hours'])} 个小时值{invalid[0]}"
        + (f"，未采用 {out} 个" if out else ""),
        f"{said[1]}: {en} {figure}, {int(row['hours'])} hours{invalid[1]}"
        + (f", {out} not used" if out else ""),
        site=row["site"],
        parameter=name,
        period="1d",
        at=row["day"].to_pydatetime(),
        value=row["value"],
        unit=unit_key(pollutant),
        limit=limit,
        standard=standard,
        clause=clause,
        sure=sure,
        used=bool(row["valid"]),
        n_readings=int(row["hours"]),
        known_from=row["known_from"],
    )


def _behind(
    chain: Chain,
    step: int,
    registry: Registry,
    record: dict[str, Any],
    days: pd.DataFrame,
    hours: pd.DataFrame | None,
    name: str,
    pollutant: str,
    detailed: bool,
) -> None:
    """Add the stations a district's day rests on, and the hours below each."""
    if hours is None:
        return
    sites = [str(record["site"])] if record["site"] else sorted(set(days["site"]) - {""})
    for site in sites:
        below = step
        own = days[(days["site"] == site) & (days["parameter"] == name)]
        if not record["site"]:
            if own.empty:
                continue
            names = chain.asked.district.sites.drop_duplicates("key", keep="last").set_index("key")["name"]
            said = str(names.get(site, site))
            row = own.iloc[0]
            standard = str(row["standard"])
            rule = registry.get(standard).rule("validity") if standard else {}
            below = _day_step(
                chain, step, row, (said, said), standard, rule.get("clause"), rule.get("sure"), None
            )
        mine = hours[(hours["site"] == site) & (hours["parameter"] == pollutant)]
        if name == "o3_mda8" and detailed:
            _window(chain, below, registry, own, mine)
        used = divide(
            chain.asked.connection, chain.asked.district, mine, "evaluation", as_of=chain.asked.as_of
        )
        chain.leaves(below, used.kept, listed=detailed)
        chain.leaves(
            below, used.marked, listed=detailed, used=False, notes=("平台标记，未采用", "provider's mark")
        )
        chain.leaves(
            below, used.flagged, listed=detailed, used=False, notes=("质控标记，未采用", "our own flag")
        )


def _window(chain: Chain, step: int, registry: Registry, own: pd.DataFrame, hours: pd.DataFrame) -> None:
    """Say which eight hours the daily maximum is of."""
    standard = str(own["standard"].iloc[0]) if len(own) else ""
    if not standard or hours.empty:
        return
    rule = registry.get(standard).rule("ozone")
    values = np.full((1, 24), np.nan)
    values[0, hours["observed_at"].dt.hour.to_numpy()] = hours["value"].to_numpy()
    length, first = int(rule["window_hours"]), int(rule["first_end"])
    ends = running_means(values, length, int(rule["window_needs"]))[0, first - 1 : int(rule["last_end"])]
    if np.isnan(ends).all():
        return
    last = int(np.nanargmax(ends)) + first
    chain.rule(
        step,
        registry.get(standard),
        "ozone",
        f"最大的 8 小时为 {last - length:02d}:00–{last:02d}:00",
        f"the largest 8 hours are {last - length:02d}:00–{last:02d}:00",
    )
