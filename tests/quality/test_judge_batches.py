"""A batch is judged row by row: nothing is lost, and neighbours change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from quality.judge import DeliveryFacts, JudgementError, judge
from vocabulary.reading import READING_DTYPES, REJECT_DTYPES, empty_readings

ROWS = st.fixed_dictionaries(
    {
        "site": st.sampled_from(["A", "B", ""]),
        "parameter": st.sampled_from(["pm2_5", "pm10", "co", "o3", "bogus"]),
        "period": st.sampled_from(["1h", "24h", "2h"]),
        "value": st.sampled_from([0.0, 1.0, 20.0, 1200.5, 5000.0, -1.0, -9999.0, float("nan")]),
        "delivery": st.integers(0, 2),
    }
)


@given(rows=st.lists(ROWS, max_size=90), repeat=st.integers(1, 12))
@settings(max_examples=6, deadline=None)
def test_a_batch_of_many_gives_what_each_delivery_alone_gives(make, rows, repeat):
    batch = make(rows * repeat)
    whole = judge(batch, source="air-quotsoft", deliveries=["a", "b", "c"])
    assert whole.counts["rows"].sum() == len(batch)
    for number in range(3):
        alone = judge(batch[batch["delivery"] == number].assign(delivery=0), source="air-quotsoft")
        for mine, its in ((whole.accepted, alone.accepted), (whole.quarantined, alone.quarantined)):
            part = mine[mine["delivery"] == number].drop(columns="delivery").reset_index(drop=True)
            assert_frame_equal(part, its.drop(columns="delivery"))
        assert whole.refused.get(number) == alone.refused.get(0)


def test_every_row_is_accepted_quarantined_or_refused(mixed):
    judgement = judge(mixed, source="water-cnemc-api")
    counts = judgement.counts
    kept = counts[~counts["refused"]]
    assert (kept["rows"] == kept["accepted"] + kept["quarantined"]).all()
    assert (
        len(judgement.accepted) + len(judgement.quarantined) + judgement.refused_cells()["cells"].sum()
        == 4000
    )


def test_order_and_index_of_the_rows_change_no_verdict(mixed):
    straight = judge(mixed, source="air-quotsoft")
    shuffled = judge(mixed.sample(frac=1.0, random_state=3), source="air-quotsoft")
    assert_frame_equal(
        shuffled.quarantined.sort_values("row").reset_index(drop=True),
        straight.quarantined.sort_values("row").reset_index(drop=True),
    )
    assert shuffled.refused == straight.refused


def test_two_judgements_share_nothing(make):
    first = judge(make([{"value": -1.0}, {}]), source="air-quotsoft")
    second = judge(make([{}, {"value": -9999.0}, {}]), source="air-quotsoft")
    assert first.quarantined["code"].tolist() == ["negative"]
    assert second.quarantined["code"].tolist() == ["sentinel"]


def test_an_empty_frame_is_judged(make):
    judgement = judge(empty_readings(), source="air-quotsoft", deliveries=["empty.csv"])
    assert judgement.accepted.empty
    assert judgement.quarantined.empty
    assert not judgement.refused
    assert judgement.counts[["name", "rows"]].to_dict("records") == [{"name": "empty.csv", "rows": 0}]
    assert {item["code"] for item in judgement.results} >= {"negative", "mostly-bad"}
    assert all(item["success"] and item["unexpected"] == 0 for item in judgement.results)
    assert {name: str(kind) for name, kind in judgement.quarantined.dtypes.items()} == {
        **REJECT_DTYPES,
        "delivery": "int64",
    }


def test_frames_keep_the_contract(mixed):
    judgement = judge(mixed, source="hj212")
    kinds = {name: str(kind) for name, kind in judgement.accepted.dtypes.items()}
    assert kinds == {**READING_DTYPES, "delivery": "int64"}
    assert judgement.accepted.index.equals(pd.RangeIndex(len(judgement.accepted)))
    assert {name: str(kind) for name, kind in judgement.quarantined.dtypes.items()} == {
        **REJECT_DTYPES,
        "delivery": "int64",
    }


def test_a_frame_without_deliveries_is_one_delivery(make):
    judgement = judge(make([{}, {"value": -1.0}]), source="air-quotsoft")
    assert judgement.accepted["delivery"].tolist() == [0]
    assert judgement.quarantined["delivery"].tolist() == [0]
    assert judgement.deliveries == ("0",)


def test_few_bad_rows_are_quarantined_and_no_more(make):
    judgement = judge(make([{"value": -1.0}] * 23), source="air-quotsoft")
    assert len(judgement.quarantined) == 23
    assert not judgement.refused


def test_a_delivery_of_bad_rows_only_is_refused_whole(make):
    rows = [{"value": -1.0, "delivery": 0}] * 24 + [{"delivery": 1}] * 2
    judgement = judge(make(rows), source="air-quotsoft", deliveries=["bad.csv", "good.csv"])
    assert judgement.refused[0].code == "mostly-bad"
    assert "100.0%" in judgement.refused[0].zh
    assert "100.0%" in judgement.refused[0].en
    assert judgement.quarantined.empty
    assert judgement.accepted["delivery"].tolist() == [1, 1]
    cells = judgement.refused_cells()
    assert cells[["code", "cells", "delivery"]].to_dict("records") == [
        {"code": "mostly-bad", "cells": 24, "delivery": 0}
    ]
    assert {name: str(kind) for name, kind in cells.dtypes.items()} == {**REJECT_DTYPES, "delivery": "int64"}


def test_half_bad_is_not_mostly_bad(make):
    judgement = judge(make([{"value": -1.0}] * 12 + [{}] * 12), source="air-quotsoft")
    assert not judgement.refused
    assert judgement.refused_cells().empty


def test_stand_ins_for_missing_do_not_cost_a_delivery(make):
    judgement = judge(make([{"value": -9999.0}] * 90 + [{}] * 10), source="air-quotsoft")
    assert not judgement.refused
    assert (len(judgement.accepted), len(judgement.quarantined)) == (10, 90)


def test_an_expectation_that_only_warns_keeps_its_rows(make, monkeypatch):
    import quality.judge

    suite = quality.judge.suite_for("air-quotsoft")
    softer = [
        replace(item, severity="warn") if item.code == "negative" else item for item in suite.expectations
    ]
    softer = [item for item in softer if item.code != "out-of-range"]
    monkeypatch.setattr(quality.judge, "suite_for", lambda _: replace(suite, expectations=tuple(softer)))
    judgement = judge(make([{"value": -1.0}, {"value": -9999.0}]), source="air-quotsoft")
    assert judgement.accepted["value"].tolist() == [-1.0]
    assert judgement.quarantined["code"].tolist() == ["sentinel"]


def test_damaged_cells_that_the_reader_turned_away_count_as_failing(make):
    rows = make([{}] * 30)

    def refused(rejected):
        return judge(rows, source="air-quotsoft", facts={0: DeliveryFacts(rejected=rejected)}).refused

    assert not refused({"not-a-number": 20, "line-too-short": 10})
    assert refused({"not-a-number": 20, "line-too-short": 11})[0].code == "mostly-bad"


def test_cells_that_a_layout_turns_away_by_its_rules_speak_against_nothing(make):
    by_rule = dict.fromkeys(["field-not-taken", "summary-row", "column-unknown", "time-missing"], 1000)
    facts = {0: DeliveryFacts(cells_in=4030, rejected=by_rule)}
    assert not judge(make([{}] * 30), source="outlet-hourly", facts=facts).refused


def test_a_parameter_without_a_range_is_accepted_with_a_warning(make, monkeypatch):
    import quality.judge

    limits = quality.judge.ranges()
    blind = type(limits)(
        version=limits.version,
        parameters=limits.parameters,
        periods=limits.periods,
        lower=np.full_like(limits.lower, np.nan),
        upper=np.full_like(limits.upper, np.nan),
    )
    monkeypatch.setattr(quality.judge, "ranges", lambda: blind)
    judgement = judge(make([{"value": 1e12}]), source="air-quotsoft")
    assert len(judgement.accepted) == 1
    record = next(item for item in judgement.results if item["code"] == "range-unknown")
    assert (record["severity"], record["success"], record["unexpected"]) == ("warn", False, 1)


def test_a_delivery_number_beyond_the_names_is_an_error(make):
    with pytest.raises(JudgementError, match="column delivery: 1 found, but 1 deliveries"):
        judge(make([{"delivery": 1}]), source="air-quotsoft", deliveries=["only.csv"])
    with pytest.raises(JudgementError, match="-1 found, expected 0 or more"):
        judge(make([{"delivery": -1}]), source="air-quotsoft")


def test_facts_of_a_delivery_that_is_not_there_are_an_error(make):
    with pytest.raises(JudgementError, match="facts: delivery 3 found, but 1 deliveries"):
        judge(make([{}]), source="air-quotsoft", facts={3: DeliveryFacts()})


def test_a_missing_column_is_named(make):
    with pytest.raises(KeyError, match="raw, column"):
        judge(make([{}]).drop(columns=["raw", "column"]), source="air-quotsoft")


def test_category_columns_are_judged_like_text(mixed):
    text = judge(mixed, source="water-cnemc-api")
    coded = judge(
        mixed.astype({"site": "category", "parameter": "category", "period": "category"}),
        source="water-cnemc-api",
    )
    assert_frame_equal(coded.quarantined, text.quarantined)
