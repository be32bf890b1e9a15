"""Long lists over several pages: every row stands once, and every page leads to every other."""

from __future__ import annotations

import pytest

from reports.site.calendars import months_between, since_first
from reports.site.paging import paged


def rows(count: int) -> list[dict[str, int]]:
    return [{"n": number} for number in range(count)]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (1590, 16)])
def test_every_row_stands_on_one_page(count, pages):
    parts = paged(rows(count), "water")
    assert len(parts) == pages
    assert [row for part in parts for row in part.rows] == rows(count)
    assert all(part.total == count for part in parts)


def test_a_short_list_has_no_links():
    (part,) = paged(rows(3), "water", size=3)
    assert (part.file, part.links) == ("water.html", ())


def test_pages_are_linked_by_the_rows_they_hold():
    parts = paged(rows(7), "air", size=3)
    assert [part.file for part in parts] == ["air.html", "air-2.html", "air-3.html"]
    assert parts[1].links == (("air.html", "1–3"), ("air-2.html", "4–6"), ("air-3.html", "7–7"))
    assert {part.links for part in parts} == {parts[0].links}


def test_months_before_the_first_day_are_left_out_and_gaps_stay():
    months = ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert since_first({"2025-12-31": 1}, months) == ["2026-02", "2026-01", "2025-12"]
    assert since_first({}, months) == []
    assert months_between(["2026-02", "2025-11"]) == months
    assert months_between([]) == []
