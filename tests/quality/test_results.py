"""The kept outcome: plain JSON, complete, and the same for the same batch."""

from __future__ import annotations

import json

import pytest

from quality.judge import judge
from quality.results import results_document, results_json, write_results
from quality.suites import suite_for


@pytest.fixture(scope="module")
def judgement(make):
    rows = [{"delivery": 0}, {"delivery": 0, "value": -1.0}, {"delivery": 0, "value": -9999.0}]
    rows += [{"delivery": 1, "value": -1.0}] * 24
    return judge(make(rows), source="air-quotsoft", deliveries=["a.csv", "b.csv", "c.csv"])


def test_the_document_counts_every_delivery(judgement):
    document = results_document(judgement)
    assert [
        (item["name"], item["rows"], item["accepted"], item["quarantined"], item["codes"])
        for item in document["deliveries"]
    ] == [("a.csv", 3, 1, 2, {"negative": 1, "sentinel": 1}), ("b.csv", 24, 0, 0, {}), ("c.csv", 0, 0, 0, {})]
    assert [item["refused"] and item["refused"]["code"] for item in document["deliveries"]] == [
        None,
        "mostly-bad",
        None,
    ]


def test_the_document_has_every_expectation_with_its_reason(judgement):
    document = results_document(judgement)
    suite = suite_for("air-quotsoft")
    assert [item["code"] for item in document["expectations"]] == [
        item.code for item in (*suite.expectations, *suite.checks)
    ]
    negative = next(item for item in document["expectations"] if item["code"] == "negative")
    # the stand-in is below 0 too: the expectation counts it, the first code keeps the row
    assert (negative["evaluated"], negative["unexpected"], negative["success"]) == (27, 26, False)
    assert negative["by_delivery"] == [
        {"delivery": 0, "name": "a.csv", "unexpected": 2},
        {"delivery": 1, "name": "b.csv", "unexpected": 24},
    ]
    assert (negative["zh"], negative["en"]) == ("负值", "negative value")


def test_the_file_is_whole_and_the_same_for_the_same_batch(judgement, tmp_path):
    path = write_results(judgement, tmp_path / "2025" / "batch.json")
    first = path.read_bytes()
    assert json.loads(first) == results_document(judgement)
    assert write_results(judgement, path).read_bytes() == first == results_json(judgement).encode()
    assert [item.name for item in path.parent.iterdir()] == ["batch.json"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(judgement, tmp_path):
    (tmp_path / "batch.json").mkdir()
    with pytest.raises(OSError, match=r"batch\.json"):
        write_results(judgement, tmp_path / "batch.json")
    assert [item.name for item in tmp_path.iterdir()] == ["batch.json"]
