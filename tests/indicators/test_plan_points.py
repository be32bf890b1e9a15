"""Black-odorous waters and groundwater points: shares with numerator and denominator, missing sites named."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from indicators.plan_points import black_odorous_fact, groundwater_fact
from indicators.registry import default_registry

REGISTRY = default_registry()
AFTER = date(2026, 4, 1)


def sites(*rows):
    """Rows of key, medium, evaluation."""
    return pd.DataFrame(
        [
            {
                "key": key,
                "name": f"{key}名",
                "kind": "point",
                "medium": medium,
                "evaluation": counts,
                "valid_from": pd.Timestamp("2021-01-01"),
                "valid_to": pd.NaT,
            }
            for key, medium, counts in rows
        ]
    ).astype({"valid_to": "datetime64[us]"})


def readings(*rows):
    """Rows of site, parameter, day, value, and where below it its detection limit."""
    frame = pd.DataFrame(
        [
            [site, name, pd.Timestamp(day), float(value), "<" if limit else "", limit or np.nan]
            for site, name, day, value, *rest in rows
            for limit in [rest[0] if rest else None]
        ],
        columns=["site", "parameter", "observed_at", "value", "censor", "detection_limit"],
    )
    return frame.astype({"observed_at": "datetime64[us]", "detection_limit": "float64"})


WATERS = sites(("B1", "surface_water", True), ("B2", "surface_water", True), ("R1", "surface_water", False))


def states(*rows):
    return readings(*[(site, "black_odorous", day, value) for site, day, value in rows])


def test_the_last_state_of_the_year_counts_and_a_water_that_returned_counts_again():
    register = states(
        ("B1", "2025-03-31", 1), ("B1", "2025-12-31", 0),
        ("B2", "2025-03-31", 0), ("B2", "2025-12-31", 1),
        ("R1", "2025-12-31", 2),
    )  # fmt: skip
    (fact,) = black_odorous_fact(register, WATERS, 2025, as_of_day=AFTER).to_dict("records")
    assert (fact["value"], fact["numerator"], fact["denominator"]) == (50.0, 1, 2)
    assert fact["valid"]
    assert fact["told_zh"] == "仍黑臭 B2名"
    (fact,) = black_odorous_fact(register, WATERS, 2025, as_of_day=date(2025, 12, 31)).to_dict("records")
    assert fact["told_zh"] == "仍黑臭 B1名"


def test_a_water_without_a_state_and_one_in_no_registry_make_the_share_not_valid():
    register = states(("B1", "2025-06-30", 0), ("B2", "2024-06-30", 0), ("某沟", "2025-06-30", 1))
    (fact,) = black_odorous_fact(register, WATERS, 2025, as_of_day=AFTER).to_dict("records")
    assert (fact["value"], fact["denominator"]) == (0.0, 1)
    assert not fact["valid"]
    assert fact["told_zh"] == "无状态 B2名；未登记 某沟"


def test_a_year_the_register_does_not_speak_of_has_no_value():
    register = states(("B1", "2025-06-30", 0))
    (fact,) = black_odorous_fact(register, WATERS, 2023, as_of_day=AFTER).to_dict("records")
    assert np.isnan(fact["value"])
    assert np.isnan(fact["denominator"])
    assert fact["told_zh"] == "黑臭水体清单没有 2023 年的状态"
    assert black_odorous_fact(register[:0], WATERS, 2025, as_of_day=AFTER).empty


WELLS = sites(("D1", "groundwater", True), ("D2", "groundwater", True), ("D3", "groundwater", True))


def test_points_of_class_v_over_classed_points():
    # GB/T 14848 table 1: total hardness above 650 is V, 450..650 IV; TDS above 2000 is V
    found = readings(
        ("D1", "total_hardness", "2025-06-10", 651),
        ("D1", "tds", "2025-06-10", 900),
        ("D2", "total_hardness", "2025-06-11", 650),
        ("D3", "total_hardness", "2025-06-12", 300),
    )
    (fact,) = groundwater_fact(found, WELLS, 2025, as_of_day=AFTER, registry=REGISTRY).to_dict("records")
    assert (fact["numerator"], fact["denominator"]) == (1, 3)
    assert fact["value"] == pytest.approx(100 / 3)
    assert fact["valid"]
    assert fact["told_zh"] == "Ⅴ类 D1名（总硬度）"


def test_several_samplings_are_put_together_before_the_class():
    # 600 and 700: the mean is 650 and still class IV, although one sampling is V
    found = readings(
        ("D1", "total_hardness", "2025-05-10", 600),
        ("D1", "total_hardness", "2025-10-10", 700),
        # half of 0.6 mg/L, twice, would be class III; 0.3 and 2.7 make 1.5, the limit of IV
        ("D1", "nh3_n", "2025-05-10", 0.6, 0.6),
        ("D1", "nh3_n", "2025-10-10", 2.7),
    )
    (fact,) = groundwater_fact(found, WELLS[:1], 2025, as_of_day=AFTER, registry=REGISTRY).to_dict("records")
    assert (fact["numerator"], fact["denominator"], fact["value"]) == (0, 1, 0.0)
    more = readings(("D1", "nh3_n", "2025-11-10", 1.6))  # (0.3 + 2.7 + 1.6) / 3 = 1.533
    (fact,) = groundwater_fact(
        pd.concat([found, more]), WELLS[:1], 2025, as_of_day=AFTER, registry=REGISTRY
    ).to_dict("records")
    assert fact["numerator"] == 1
    assert "氨氮" in fact["told_zh"]


def test_a_point_without_a_class_is_named_and_one_in_no_registry_does_not_count():
    found = readings(
        ("D1", "total_hardness", "2025-06-10", 100),
        ("X9", "total_hardness", "2025-06-10", 900),
        ("D2", "total_hardness", "2026-05-10", 900),
    )
    (fact,) = groundwater_fact(found, WELLS, 2025, as_of_day=AFTER, registry=REGISTRY).to_dict("records")
    assert (fact["numerator"], fact["denominator"]) == (0, 1)
    assert not fact["valid"]
    assert fact["told_zh"] == "无类别 D2名、D3名"
    (fact,) = groundwater_fact(found, WELLS, 2024, as_of_day=AFTER, registry=REGISTRY).to_dict("records")
    assert np.isnan(fact["value"])
    assert fact["told_zh"] == "地下水点位 2024 年没有监测数据"
    # a sampling of the day of judgement or later is not known yet
    (fact,) = groundwater_fact(found, WELLS, 2026, as_of_day=AFTER, registry=REGISTRY).to_dict("records")
    assert np.isnan(fact["value"])
