"""Figures as the terminal writes them: the plan's decimals, half to even, and what is missing is said."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from reports.terminal import figure, permit_used, show_indicators


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (67.0, "%", 1, "67.0"),
        (34.2, "%", 2, "34.20"),
        # 0.125 and 2.675 are ties on paper, whatever the binary fraction is
        (0.125, "%", 2, "0.12"),
        (2.675, "%", 2, "2.68"),
        (2.665, "%", 2, "2.66"),
        (66.0, "%", 0, "66"),
        # no plan says how many: none is lost
        (34.21, "%", None, "34.21"),
        (67.0, "%", None, "67.0"),
        (374.8, "t", 1, "374.8"),
        (None, "%", 2, ""),
    ],
)
def test_a_figure_has_the_plans_decimals(
    value: float | None, unit: str, decimals: int | None, text: str
) -> None:
    assert figure(value, unit, decimals) == text


def test_the_table_of_indicators_loses_no_digit() -> None:
    record: dict[str, Any] = {
        "indicator": 12,
        "name": "示例比例",
        "unit": "%",
        "baseline": 30.5,
        "value": 34.2,
        "numerator": None,
        "denominator": None,
        "target": 35.25,
        "projection": 34.5,
        "low": 33.0,
        "high": 36.25,
        "status": "on-track",
        "remaining": "",
        "reason_zh": "",
        "decimals": 2,
    }
    console = Console(file=io.StringIO(), width=160)
    show_indicators(console, [record], title="指标")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "34.20" in shown
    assert "34.50 (33.00–36.25)" in shown


@pytest.mark.parametrize(
    ("given", "zh", "en"),
    [
        (("site", 12.3456, 365.0, 12.3456 / 365), "12.346/365 t (3.4 %)", "12.346/365 t (3.4 %)"),
        (("enterprise", 2.0, 8.0, 0.25), "2.000/8 t (25.0 %)（全厂）", "2.000/8 t (25.0 %) (enterprise)"),
        # of a permit of nothing there is no share
        (("site", 2.0, 0.0, None), "2.000/0 t", "2.000/0 t"),
        (("site", None, 8.0, None), "—/8 t", "—/8 t"),
        (("", 2.0, None, None), "未登记许可排放量", "not registered"),
        # an item without mass
        (("", None, None, None), "", ""),
    ],
)
def test_how_much_of_a_permit_is_used(given: tuple[Any, ...], zh: str, en: str) -> None:
    names = ("permit_of", "year_tonnes", "permit_tonnes", "permit_share")
    record = dict(zip(names, given, strict=True))
    assert permit_used(record, "zh") == zh
    assert permit_used(record, "en") == en
