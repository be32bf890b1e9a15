"""Parts of a minute and an hour, flags of aggregates, furnaces: the compiled rules, sections 4.1 and 4.5."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from indicators.emission_parts import aggregate_is_normal, furnace_days, means_of_parts
from indicators.registry import Standard, default_registry

REGISTRY = default_registry()
GAS = REGISTRY.get("HJ75-2017")
WATER = REGISTRY.get("HJ355-2019")


def parts(count: int, valid: int, step: str) -> pd.DataFrame:
    at = pd.date_range("2025-01-01", periods=count, freq=step).as_unit("us")
    return pd.DataFrame(
        {
            "site": "G",
            "parameter": "flue_nox",
            "observed_at": at,
            "value": 10.0,
            "valid": np.arange(count) < valid,
        }
    ).assign(value=lambda frame: np.where(frame["valid"], frame["value"], 999.0))


@pytest.mark.parametrize(
    ("to", "step", "count", "valid", "enough"),
    [
        # twelve 5-second readings a minute, 45 minute means an hour
        ("minute", "5s", 12, 12, True),
        ("minute", "5s", 12, 11, False),
        ("hour", "1min", 60, 46, True),
        ("hour", "1min", 60, 45, True),
        ("hour", "1min", 60, 44, False),
    ],
)
def test_a_minute_and_an_hour_of_flue_gas(
    to: Literal["minute", "hour"], step: str, count: int, valid: int, enough: bool
) -> None:
    found = means_of_parts(parts(count, valid, step), to, GAS)
    assert len(found) == 1
    assert (found["value"].iloc[0], found["parts"].iloc[0], bool(found["valid"].iloc[0])) == (
        10.0,
        valid,
        enough,
    )


def test_an_hour_of_none_and_a_part_twice() -> None:
    found = means_of_parts(parts(60, 0, "1min"), "hour", GAS)
    assert (found["value"].isna().all(), found["valid"].tolist()) == (True, [False])
    with pytest.raises(ValueError, match="a part stands twice"):
        means_of_parts(pd.concat([parts(3, 3, "1min")] * 2), "hour", GAS)


@pytest.mark.parametrize(
    ("standard", "normal", "count", "expected"),
    [
        # flue gas: three quarters of the parts
        (GAS, 46, 60, True), (GAS, 45, 60, True), (GAS, 44, 60, False), (GAS, 3, 4, True), (GAS, 2, 3, False),
        # wastewater: every part
        (WATER, 60, 60, True), (WATER, 59, 60, False), (WATER, 5, 6, False),
    ],
)  # fmt: skip
def test_the_flag_of_an_aggregate(standard: Standard, normal: int, count: int, expected: bool) -> None:
    frame = pd.DataFrame({"hour": 7, "normal": np.arange(count) < normal})
    found = aggregate_is_normal(frame, ["hour"], standard)
    assert found[["hour", "parts", "normal_parts", "normal"]].to_numpy().tolist() == [
        [7, count, normal, expected]
    ]


# --- 4.5: waste incineration -------------------------------------------------------------------------


def furnace(values: list[float], start: str = "2025-01-01") -> pd.DataFrame:
    at = pd.date_range(start, periods=len(values), freq="5min").as_unit("us")
    return pd.DataFrame({"site": "F1", "observed_at": at, "value": values})


@pytest.mark.parametrize(
    ("values", "below", "violated"),
    [
        ([849.9] * 6, 6, True),
        ([849.9] * 5, 5, False),
        ([850.0] * 20, 0, False),
        ([850.1] * 20, 0, False),
        ([849.9] * 5 + [np.nan] * 5, 5, False),
    ],
)
def test_a_furnace_below_850_degrees(values: list[float], below: int, violated: bool) -> None:
    found = furnace_days(furnace(values), REGISTRY.get("MEE10-2020")).iloc[0]
    assert (found["below"], bool(found["violated"])) == (below, violated)


def test_furnace_means_are_counted_by_natural_day() -> None:
    found = furnace_days(furnace([800.0] * 10, "2025-01-01 23:35"), REGISTRY.get("MEE10-2020"))
    assert (found["below"].tolist(), found["violated"].tolist()) == ([5, 5], [False, False])
    with pytest.raises(ValueError, match="no start of 5min"):
        furnace_days(furnace([800.0], "2025-01-01 00:03"), REGISTRY.get("MEE10-2020"))
