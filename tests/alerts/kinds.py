"""One example of the facts of every kind of rule, as the steps of a night hand them to messages."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pandas as pd

from alerts.evidence import Factor, bound_class_of, conditions_of, named
from alerts.messages import Beside, Facts, Neighbour, Place, Trend
from alerts.rules import Rule

SECTION = Place("茌新河示例断面", "茌新河", "聊城市茌平区", 4)
DISTRICT = Place("聊城市茌平区", "", "聊城市茌平区", None)
STATION = Place("茌平一中示例站", "", "聊城市茌平区", None)
OUTLET = Place("示例热电1号炉排口", "", "聊城市茌平区", None, enterprise="示例热电")
INDICATOR = Place("细颗粒物(PM2.5)浓度", "", "聊城市茌平区", None)
SOURCE = Place("环境空气小时数据（全国发布平台日文件）", "", "聊城市茌平区", None)

AT = pd.Timestamp("2026-03-24 12:00")
DAY = pd.Timestamp("2026-03-24")

BESIDE = Beside(
    episode_id=12,
    role_zh="科室负责人",
    role_en="section head",
    trends=(
        Trend("氨氮", "ammonia nitrogen", "mg/L", ("1.42", "1.8", "2.1", "2.6", "3.1", "3.5"), "rising"),
    ),
    neighbours=(
        Neighbour("upstream", "茌新河上游示例断面", 4, pd.Timestamp("2026-03-24 08:00")),
        Neighbour("downstream", "茌新河入徒骇河口示例断面", 5, pd.Timestamp("2026-03-24 12:00")),
    ),
)


def factor(parameter: str, value: float | None, limit: float | str | None, **changes: object) -> Factor:
    """One reading with its limit; names and unit are those of the vocabulary."""
    zh, en, unit = named(parameter, str(changes.pop("unit", "")))
    over = isinstance(limit, float) and value is not None and limit > 0
    given = {
        "multiple": round(value / limit - 1, 4) if over else None,  # type: ignore[operator]
        "observed_at": f"{AT:%Y-%m-%d %H:%M}",
        "delivery": "",
        "sheet": "",
        "row": None,
        "column": "",
    }
    return Factor(parameter=parameter, zh=zh, en=en, value=value, limit=limit, unit=unit, **(given | changes))  # type: ignore[arg-type]


def example_of(rule: Rule) -> tuple[Place, Facts]:
    """Where and what, for a rule of any kind."""
    zh, en = conditions_of(rule)
    place, factors, water = _of_kind(rule)
    moment = AT if rule.basis in ("sample", "hour") else DAY
    stamped = [replace(item, observed_at=f"{moment:%Y-%m-%d %H:%M}") for item in factors]
    facts = Facts(
        since=moment - pd.Timedelta(hours=4) if rule.basis in ("sample", "hour") else moment,
        until=None,
        last_seen=moment,
        peak_at=moment,
        worst_class=water,
        n_readings=2,
        factors=stamped,
        known_at=dt.datetime(2026, 3, 24, 18, 30),
        bound_class=bound_class_of(rule, place.target_class),
        condition_zh=zh,
        condition_en=en,
    )
    return place, facts


def _of_kind(rule: Rule) -> tuple[Place, list[Factor], int | None]:
    where = {"delivery": "茌新河示例断面.csv", "row": 140, "column": "氨氮(mg/L)"}
    over = {"delivery": "outlets/CPDA001_2026-03.csv", "row": 671, "column": "氮氧化物折算浓度(mg/m3)"}
    absent = {"multiple": None}
    return {
        "section-class": (SECTION, [factor("nh3_n", 3.5, 2.0, **where)], 6),
        "section-target": (SECTION, [factor("nh3_n", 1.9, 1.5, **where)], 5),
        "section-nearing": (SECTION, [factor("nh3_n", 1.9, 2.0, **where)], 5),
        "section-incoming": (SECTION, [factor("cod_mn", 11.0, 10.0, **where)], 5),
        "aqi-level": (DISTRICT, [factor("aqi", 231.0, 200.0, multiple=None)], 5),
        "outlet-exceedance": (OUTLET, [factor("flue_nox_norm", 60.87, 50.0, **over)], None),
        "data-flat": (STATION, [factor("pm2_5", None, None)], None),
        "data-missing": (STATION, [factor("time_share", 37.5, 50.0, **absent)], None),
        "transmission-rate": (OUTLET, [factor("time_share", 62.5, 75.0, **absent)], None),
        "indicator-off-track": (INDICATOR, [factor("细颗粒物(PM2.5)浓度", 43.0, "≤ 42", unit="µg/m³")], None),
        "source-silent": (SOURCE, [factor("silent_days", 5.0, 3.0, **absent)], None),
        "coverage-down": (SOURCE, [factor("usual_share", 49.1, 60.0, **absent)], None),
        "quarantine-share": (SOURCE, [factor("quarantine_share", 33.3, 10.0, **absent)], None),
        "flag-drift": (SOURCE, [factor("flagged_share", 12.0, 5.0, **absent)], None),
    }[rule.kind]
