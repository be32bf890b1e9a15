"""Keys, order, completeness, volume and freshness of a delivery: what is said, and what is not."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from quality.batch import Expected
from quality.judge import DeliveryFacts, judge
from quality.suites import SuiteError, suite_for

HOURS = pd.date_range("2025-03-10", periods=100, freq="h")
AIR, SECTION = "air-quotsoft", "water-cnemc-section"


def said(make, rows, source=AIR, **facts):
    """Judge one delivery: its remarks as (code, severity); nothing of this is ever refused."""
    judged = judge(make(rows), source=source, facts={0: DeliveryFacts(**facts)})
    assert not judged.refused
    return [(remark.code, remark.severity) for remark in judged.remarks]


def at(*places, **more):
    return [{"observed_at": HOURS[place], "row": n + 2, **more} for n, place in enumerate(places)]


def test_a_repeated_key_is_counted(make):
    rows = at(0, 1, 1, 2)
    assert said(make, rows) == [("key-repeated", "note")]
    judged = judge(make(rows), source=AIR)
    assert judged.remarks[0].zh.endswith("4 个值中 1 个是重复的")
    assert len(judged.accepted) == 4, "the warehouse settles which one counts"


def test_a_table_that_stands_twice_is_told_to_a_person(make):
    table = at(*range(20))
    once_back = [("key-repeated", "note"), ("time-order", "note")]
    assert said(make, [*table, *table]) == once_back, "half of the rows are repeats"
    assert said(make, [*table, *table, *table]) == [("key-repeated", "warn"), ("time-order", "note")]


@pytest.mark.parametrize("other", [{"site": "B"}, {"parameter": "pm10"}, {"period": "24h"}, {"delivery": 1}])
def test_what_differs_in_any_part_of_the_key_is_no_repeat(make, other):
    rows = [{"observed_at": HOURS[0], "delivery": 0}, {"observed_at": HOURS[0], "delivery": 0, **other}]
    assert judge(make(rows), source=AIR).remarks == []


def test_forwards_and_backwards_are_both_an_order(make):
    assert said(make, at(0, 1, 2, 3)) == []
    assert said(make, at(3, 2, 1, 0)) == []
    assert said(make, at(0, 1, 3, 2)) == [("time-order", "note")]
    by_site = [*at(0, 1, 2, site="A"), *at(0, 1, 2, site="B")]
    assert said(make, by_site) == [], "each series has its own order"


def test_a_merge_of_two_clocks_is_told_to_a_person(make):
    zigzag = [place + 10 * (place % 2) for place in range(40)]
    assert ("time-order", "warn") in said(make, at(*zigzag))


def test_completeness_is_relative_to_the_layout(make):
    rows = at(*range(42))
    # air-quotsoft usually fills 83 % of its cells; under half of that is told
    assert said(make, rows, cells_in=100) == []
    assert said(make, rows, cells_in=102) == [("cells-missing", "warn")]
    assert said(make, rows, source="hj212", cells_in=102) == []
    assert said(make, at(0), cells_in=23) == [], "too small to tell"
    assert said(make, rows) == [], "nothing is known of its cells"


def volume(make, held, usual, low, deliveries=30):
    return said(make, at(*range(42)), cells_in=held + 7, blank=7, expected=Expected(usual, low, deliveries))


def test_volume_is_relative_to_the_ledger(make):
    assert volume(make, 50, 100.0, 90.0) == []
    assert volume(make, 49, 100.0, 90.0) == [("volume-odd", "warn")]
    assert volume(make, 49, 100.0, 40.0) == [], "deliveries of this source differ much in size"
    assert volume(make, 49, 100.0, 90.0, deliveries=4) == [], "the ledger holds too few to tell"
    assert volume(make, 60, 20.0, 20.0) == []
    assert volume(make, 61, 20.0, 20.0) == [("volume-odd", "warn")]


def test_what_rests_on_the_ledger_cannot_refuse(monkeypatch):
    """Were it to refuse, the warehouse would depend on the order of arrival."""
    import quality.suites

    original = quality.suites._read("suites.toml")
    check = next(item for item in original["delivery_check"] if item["kind"] == "volume")
    check["severity"] = "refuse"
    monkeypatch.setattr(quality.suites, "_read", lambda _name: original)
    suite_for.cache_clear()
    with pytest.raises(SuiteError, match="severity 'refuse', expected one of warn, note"):
        suite_for(AIR)
    monkeypatch.undo()
    suite_for.cache_clear()


def test_a_stale_delivery_is_told_and_a_correction_is_none(make):
    rows = at(23)  # 2025-03-10 23:00
    day = datetime(2025, 3, 11)
    assert said(make, rows, issued_at=datetime(2025, 3, 13, 23)) == []
    assert said(make, rows, issued_at=datetime(2025, 3, 14)) == [("delivery-stale", "warn")]
    assert said(make, rows, issued_at=datetime(2025, 4, 2), until=day) == [], "a correction of that day"
    later = {"issued_at": datetime(2025, 4, 2), "until": datetime(2025, 4, 2)}
    assert said(make, rows, **later) == [("delivery-stale", "warn")], "today's file holds old readings"
    assert said(make, rows, source=SECTION, issued_at=datetime(2025, 4, 1)) == [], "a month's file"
    assert said(make, rows) == [], "it does not say when it was issued"


def test_a_reading_from_after_the_issue_is_told(make):
    rows = at(0, 24, 48)
    assert said(make, rows, issued_at=datetime(2025, 3, 11)) == []
    assert said(make, rows, issued_at=datetime(2025, 3, 10, 23)) == [("time-ahead", "warn")]
    judged = judge(
        make(rows), source="target-documents", facts={0: DeliveryFacts(issued_at=datetime(2020, 1, 1))}
    )
    assert judged.remarks == [], "targets lie ahead"


def test_remarks_are_of_their_delivery(make):
    rows = [{**row, "delivery": n} for n in (0, 1) for row in at(0, 1)] + [{**at(1)[0], "delivery": 1}]
    remarks = judge(make(rows), source=AIR, deliveries=["a", "b", "c"]).remarks
    assert [(remark.delivery, remark.code) for remark in remarks] == [(1, "key-repeated")]
