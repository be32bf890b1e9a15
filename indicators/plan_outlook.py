"""Outlook of a running year: its projection and what is to be done, in words a record carries.

An outlook says for one statistic what the year may end with and how that was found, or why it is not projected; and for
shares of sections which of them must turn, by which factor and how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from indicators.plan_budget import STILL
from indicators.plan_facts import GOOD_DAY_RATIO, PM2_5_MEAN, is_cumulative, plain
from indicators.projection import Projected, rounded
from vocabulary.plan import Indicator

_NAN = float("nan")


@dataclass(frozen=True)
class Outlook:
    """What is said beside a running year's figure; without a projection the numbers are NaN and the words say why."""

    projection: float = _NAN
    low: float = _NAN
    high: float = _NAN
    zh: str = ""
    en: str = ""
    remaining: str = ""


def outlook_of(indicator: Indicator, found: Projected | None, level: float) -> Outlook:
    """Return the outlook of a monitored indicator.

    Parameters
    ----------
    indicator : Indicator
    found : Projected or None
        None: too few data this year.
    level : float
        Share of outcomes that the interval holds, 0 … 1.
    """
    if found is None:
        return Outlook(zh="不作预测：本年数据尚少", en="not projected: too few data this year")
    # a mean is shown with one decimal until the year is over
    middle, low, high = rounded(found, max(indicator.decimals, 1))
    share = plain(level * 100)
    if found.method == "past-years":
        zh = f"按前 {found.years} 年同期分块抽样"
        en = f"blocks drawn from the same season of {found.years} past year{'s' if found.years > 1 else ''}"
    else:
        zh, en = "无往年数据，按本年数据抽样", "no past year: drawn from this year's own data"
    span = f"{plain(low)}–{plain(high)}"
    return Outlook(
        middle,
        low,
        high,
        f"年末预测 {plain(middle)}（{share} % 区间 {span}；{zh}）",
        f"projected for the year's end {plain(middle)} ({share} % interval {span}; {en})",
    )


def not_projected(indicator: Indicator) -> Outlook:
    """Return the outlook of an indicator that has no projection by its nature, and why."""
    if is_cumulative(indicator):
        return Outlook(
            zh="不作预测：减排量以核定为准，不外推",
            en="not projected: what counts is recognised, no rate is run on",
        )
    if indicator.feeder.levels or indicator.feeder.statistic in (PM2_5_MEAN, GOOD_DAY_RATIO):
        return Outlook(zh="不作预测：本年无监测数据", en="not projected: nothing monitored this year")
    return Outlook(
        zh="不作预测：台账或年度报送数", en="not projected: a register or a figure returned once a year"
    )


def with_outlooks(
    rows: pd.DataFrame, statistics: Mapping[int, str], outlooks: Mapping[str, Outlook]
) -> pd.DataFrame:
    """Return evaluated indicators with their outlook; those that are not applicable or have no data stay as they are.

    Parameters
    ----------
    rows : DataFrame
        As `indicators.plan.evaluate_plan` gives them.
    statistics : mapping
        Number of an indicator -> its statistic.
    outlooks : mapping
        Statistic -> outlook.
    """
    none = Outlook()
    mine = [outlooks.get(statistics[number], none) for number in rows["indicator"]]
    mine = [
        none if status in ("not-applicable", "no-data") or np.isnan(value) else item
        for item, status, value in zip(mine, rows["status"], rows["value"], strict=True)
    ]
    # which sections, only where some must turn
    mine = [
        item if text.startswith(STILL) else replace(item, remaining="")
        for item, text in zip(mine, rows["remaining"], strict=True)
    ]
    frame = rows.assign(
        projection=[item.projection for item in mine],
        low=[item.low for item in mine],
        high=[item.high for item in mine],
        remaining=_joined(rows["remaining"], [item.remaining for item in mine], "；"),
        reason_zh=_joined(rows["reason_zh"], [item.zh for item in mine], "；"),
        reason_en=_joined(rows["reason_en"], [item.en for item in mine], "; "),
    )
    return frame[list(rows.columns)].astype(rows.dtypes.to_dict())


def _joined(first: pd.Series, second: list[str], sign: str) -> list[str]:
    return [sign.join(part for part in pair if part) for pair in zip(first, second, strict=True)]
