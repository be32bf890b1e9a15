"""The library's verdicts: the fast way equals the slow way, and no exception passes for a pass."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from quality import engine
from quality import judge as judge_module
from quality.engine import JudgementError, library, run
from quality.judge import judge, judged_frame, terms
from quality.suites import RowExpectation, suite_for

TERMS = terms()


def expectation(kind, **args):
    return RowExpectation(
        order=0,
        code="negative",
        type=kind,
        args=args,
        where=None,
        severity="quarantine",
        basis="a test",
        sure="C",
    )


@pytest.mark.parametrize("source", ["air-quotsoft", "water-cnemc-api"])
def test_the_fast_way_equals_the_slow_row_id_mode_row_for_row(mixed, source):
    frame = judged_frame(mixed)
    suite = suite_for(source).expectations
    fast = run(frame, suite, TERMS)
    # ids unlike the index, so that the slow mode cannot lean on it
    slow = run(frame.assign(row_id=np.arange(len(frame)) * 7 + 3), suite, TERMS, id_column="row_id")
    assert sum(len(outcome.rows) for outcome in fast) > 1000
    for ours, theirs in zip(fast, slow, strict=True):
        assert ours.expectation is theirs.expectation
        np.testing.assert_array_equal(ours.rows * 7 + 3, theirs.rows)


def test_verdicts_equal_plain_masks_written_out_by_hand(mixed):
    low = {"water_temp": -5.0, "water_class": 1.0}
    high = {
        "pm2_5": 2000,
        "pm10": 10000,
        "o3": 1200,
        "ph": 14,
        "water_temp": 60,
        "nh3_n": 10000,
        "water_class": 6,
    }
    value, parameter = mixed["value"], mixed["parameter"]
    year = mixed["observed_at"].dt.year
    expected = np.select(
        [
            mixed["site"] == "",
            ~parameter.isin(list(high)),
            mixed["period"] == "2h",
            mixed["observed_at"].isna(),
            ~year.between(1990, 2099),
            value.isna(),
            value.isin([-99, -999, -9999]),
            (value < 0) & (parameter != "water_temp"),
            (value < parameter.map(low).fillna(0.0)) | (value > parameter.map(high)),
            (parameter == "water_class") & (value % 1 != 0),
        ],
        [
            "key-incomplete",
            "unknown-parameter",
            "period-unknown",
            "time-missing",
            "time-implausible",
            "not-a-number",
            "sentinel",
            "negative",
            "out-of-range",
            "class-unknown",
        ],
        default="",
    )
    # one delivery a row, so that none is refused as a whole
    found = judge(mixed.assign(delivery=np.arange(len(mixed))), source="water-cnemc-api").quarantined
    got = pd.Series("", index=range(len(mixed)), dtype="str")
    got[found["delivery"].to_numpy()] = found["code"].to_numpy()
    assert got.tolist() == expected.tolist()
    assert set(expected) >= {"", "time-implausible", "class-unknown", "out-of-range", "sentinel"}


def test_an_expectation_that_raises_is_an_error(make):
    frame = judged_frame(make([{}]))
    # text compared with a number raises inside the library, which reports it as a mere failure
    broken = expectation("ExpectColumnValuesToBeBetween", column="site", min_value=0, max_value=1)
    with pytest.raises(JudgementError, match=r"ExpectColumnValuesToBeBetween \(negative\)"):
        run(frame, [broken], TERMS)


def test_a_column_that_is_missing_is_an_error_not_a_verdict(make):
    broken = expectation("ExpectColumnValuesToNotBeNull", column="no_such_column")
    with pytest.raises(JudgementError, match="no_such_column"):
        run(judged_frame(make([{}])), [broken], TERMS)


def test_a_class_the_library_does_not_have_is_an_error(make):
    with pytest.raises(JudgementError, match="ExpectMiracles"):
        run(judged_frame(make([{}])), [expectation("ExpectMiracles")], TERMS)


def test_an_expectation_without_rows_cannot_judge_rows(make):
    table = expectation("ExpectTableRowCountToEqual", value=1)
    with pytest.raises(JudgementError, match="no verdict per row"):
        run(judged_frame(make([{}])), [table], TERMS)


def test_an_error_of_the_library_reaches_the_caller_of_judge(make, monkeypatch):
    suite = suite_for("air-quotsoft")
    broken = expectation("ExpectColumnValuesToNotBeNull", column="no_such_column")
    blind = type(suite)(
        source=suite.source, version=suite.version, expectations=(broken,), checks=suite.checks
    )
    monkeypatch.setattr(judge_module, "suite_for", lambda _source: blind)
    with pytest.raises(JudgementError):
        judge(make([{}]), source="air-quotsoft")


def test_threads_judge_side_by_side_but_never_two_in_the_parser_of_the_library(mixed, monkeypatch):
    frame = judged_frame(mixed).head(200).reset_index(drop=True)
    suite = suite_for("air-quotsoft").expectations
    alone = [outcome.rows.tolist() for outcome in run(frame, suite, TERMS)]
    parsing = library().core.suite_parameters
    real, inside, most = parsing.parse_string, set(), []

    def slow(*given, **named):
        inside.add(threading.get_ident())
        most.append(len(inside))
        time.sleep(0.001)
        try:
            return real(*given, **named)
        finally:
            inside.discard(threading.get_ident())

    monkeypatch.setattr(parsing, "parse_string", slow)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: [o.rows.tolist() for o in run(frame, suite, TERMS)], range(8)))
    assert together == [alone] * 8
    assert max(most) == 1


def test_the_filters_of_warnings_are_changed_once_and_not_by_every_thread_that_judges(monkeypatch):
    known = library()

    def forbidden():
        raise AssertionError("the filters are the whole process's")

    monkeypatch.setattr(engine.warnings, "catch_warnings", forbidden)
    assert library() is known
