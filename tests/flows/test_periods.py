"""Periods of the command line: they end with the first moment of the period after, to the microsecond."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from flows.answers.records import PeriodError, bounds

LAST = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("period", "start", "after"),
    [
        ("2025", (2025, 1, 1), (2026, 1, 1)),
        ("2024-Q1", (2024, 1, 1), (2024, 4, 1)),
        ("2025-Q4", (2025, 10, 1), (2026, 1, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2026-03-31", (2026, 3, 31), (2026, 4, 1)),
        ("2025-11..2026-01", (2025, 11, 1), (2026, 2, 1)),
        ("2025-12-31..2025-12-31", (2025, 12, 31), (2026, 1, 1)),
    ],
)
def test_a_period_holds_its_last_microsecond_and_nothing_after(
    period: str, start: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    first, end = bounds(period)
    assert (first, end) == (datetime(*start), datetime(*after))
    # 23:59:59.999999 of the last day belongs to it
    last = datetime(*after) - LAST
    assert (last.hour, last.minute, last.second, last.microsecond) == (23, 59, 59, 999999)
    assert first <= last < end


@pytest.mark.parametrize(
    "period", ["2026-01..2025-12", "2026-Q5", "2026-13", "2026-02-30", "202", "2026-01-02..2026-01-01"]
)
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(PeriodError, match="expected a year"):
        bounds(period)
