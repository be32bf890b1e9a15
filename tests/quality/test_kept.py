"""Kept outcomes: read once, folded into their month when old, counted once whatever ends in between."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

import quality.kept
from quality.judge import judge
from quality.kept import KeptError, kept_batches, months, prune
from quality.results import write_results
from vocabulary.clock import wall_time

DAY = 86_400


def stamp(path, moment):
    seconds = moment.replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))


@pytest.fixture
def folder(make, tmp_path):
    """Give three batches of one source, judged on two days of January and one of March 2026 (UTC noon)."""
    judged = judge(
        make([{"delivery": 0}, {"delivery": 0, "value": -1.0}] + [{"delivery": 1, "value": -1.0}] * 24),
        source="air-quotsoft",
        deliveries=["a.csv", "b.csv"],
    )
    for name, moment in (
        ("2026-01-01-aa", datetime(2026, 1, 2, 12)),
        ("2026-01-02-bb", datetime(2026, 1, 3, 12)),
        ("2026-03-01-cc", datetime(2026, 3, 2, 12)),
    ):
        path = write_results(judged, tmp_path / "chiping" / "air-quotsoft" / f"{name}.json")
        stamp(path, moment)
    return tmp_path


NOW = datetime(2026, 3, 3)


def sums(folder):
    return {
        month.month: (month.counts, month.codes, len(month.batches))
        for month in months(folder, kept_batches(folder))
    }


# each batch: 26 readings, one accepted, one quarantined, 24 refused with their delivery
ONE = {"deliveries": 2, "rows": 26, "accepted": 1, "quarantined": 1, "refused": 1}
TWO = {name: 2 * count for name, count in ONE.items()}


def test_batches_are_listed_newest_first_with_their_counts(folder):
    batches = kept_batches(folder)
    assert [batch.name for batch in batches] == ["2026-03-01-cc", "2026-01-02-bb", "2026-01-01-aa"]
    assert {name: getattr(batches[0], name) for name in ONE} == ONE
    assert batches[0].codes == {"mostly-bad": 24, "negative": 1}
    assert batches[0].judged_at == wall_time(datetime(2026, 3, 2, 12))
    assert batches[0].month == "2026-03"


def test_pruning_changes_no_sum_and_removes_what_is_old(folder):
    before = sums(folder)
    assert before == {
        "2026-03": (ONE, {"mostly-bad": 24, "negative": 1}, 1),
        "2026-01": (TWO, {"mostly-bad": 48, "negative": 2}, 2),
    }
    assert {batch.name for batch in prune(folder, now=NOW, days=30)} == {"2026-01-01-aa", "2026-01-02-bb"}
    assert sums(folder) == before
    left = sorted(path.name for path in (folder / "chiping" / "air-quotsoft").iterdir())
    assert left == ["2026-03-01-cc.json", "month-2026-01.json"]
    assert prune(folder, now=NOW, days=30) == []
    assert sums(folder) == before


def test_what_is_young_enough_stays(folder):
    # judged on 2 March at 20:00 in Shanghai: three days later to the minute it still stays
    assert [batch.name for batch in prune(folder, now=datetime(2026, 3, 5, 20), days=3)] == [
        "2026-01-02-bb",
        "2026-01-01-aa",
    ]
    assert [batch.name for batch in prune(folder, now=datetime(2026, 3, 5, 20, 1), days=3)] == [
        "2026-03-01-cc"
    ]


def test_a_run_that_ends_between_the_month_and_the_removal_counts_nothing_twice(folder, monkeypatch):
    before = sums(folder)
    removed = []

    def dies(_batch, _folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(quality.kept.Batch, "place", dies)
    with pytest.raises(KeyboardInterrupt):
        removed += prune(folder, now=NOW, days=30)
    monkeypatch.undo()
    assert sorted(path.name for path in folder.rglob("2026-01-*.json")) == [
        "2026-01-01-aa.json",
        "2026-01-02-bb.json",
    ]
    assert sums(folder) == before
    assert len(prune(folder, now=NOW, days=30)) == 2
    assert sums(folder) == before


def test_a_batch_judged_again_counts_as_it_was_judged_last(folder):
    path = folder / "chiping" / "air-quotsoft" / "2026-03-01-cc.json"
    kept_batches(folder)
    outcome = json.loads(path.read_text("utf-8"))
    outcome["deliveries"] = outcome["deliveries"][:1]
    path.write_text(json.dumps(outcome), "utf-8")
    newest = kept_batches(folder)[0]
    assert (newest.name, newest.deliveries, newest.refused) == ("2026-03-01-cc", 1, 0)


def test_only_new_outcomes_are_opened(folder, monkeypatch):
    first = kept_batches(folder)
    monkeypatch.setattr(quality.kept, "read_outcome", lambda path: pytest.fail(f"{path} was opened again"))
    assert kept_batches(folder) == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": 1}'])
def test_a_damaged_index_is_made_anew_and_a_damaged_outcome_is_named(folder, content):
    first = kept_batches(folder)
    (folder / "index.json").write_text(content, "utf-8")
    assert kept_batches(folder) == first
    broken = folder / "chiping" / "air-quotsoft" / "2026-03-02-dd.json"
    broken.write_text(content, "utf-8")
    with pytest.raises(KeptError, match="2026-03-02-dd"):
        kept_batches(folder)


def test_an_empty_folder_holds_nothing(tmp_path):
    assert kept_batches(tmp_path / "none") == []
    assert prune(tmp_path / "none", now=NOW, days=1) == []
    assert months(tmp_path / "none", []) == []
