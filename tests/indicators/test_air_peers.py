"""Ours has no difference from the standard over every concentration; the packages' are all explained."""

from __future__ import annotations

from pathlib import Path

from benchmarks.aqi_peers import EDITIONS, HUB_ITEMS, compare

TABLE = Path(__file__).resolve().parents[2] / "docs" / "law-differences.md"


def test_ours_has_no_difference_over_every_concentration():
    ours = [row for row in compare() if row["package"] == "ecoplan"]
    assert len(ours) == len(EDITIONS) * len(HUB_ITEMS)
    assert sum(row["compared"] for row in ours) > 25_000
    assert [row for row in ours if row["different"]] == []


def test_every_listed_difference_has_its_clause():
    text = TABLE.read_text("utf-8")
    assert "unexplained" not in text
    assert "aqi-hub 0." in text
    assert "python-aqi 0." in text
