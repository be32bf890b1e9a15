"""What must hold whatever the readings are: order, far readings, parts with context, sameness with a slow judge."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from quality.flags import Verdict, context, flag, flag_rules

KIND = ("pm2_5", "1h", "automatic")
READING = st.tuples(
    st.sampled_from(["A", "B", "C", "D", "E"]),
    st.sampled_from(["pm2_5", "pm10", "so2"]),
    st.integers(0, 24 * 30 * 4),  # quarters of an hour
    st.sampled_from([0.0, 5.0, 5.0, 5.0, 80.0, 81.0, 300.0, 1200.0, np.nan]),
)
READINGS = st.lists(READING, min_size=1, max_size=60)


def made(rows):
    frame = pd.DataFrame(rows, columns=["site", "parameter", "quarter", "value"])
    frame["observed_at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(frame["quarter"] * 15, unit="m")
    return frame.assign(district="d", period="1h", channel="automatic")


def dense(seed, hours=24 * 40):
    """Make forty days of hours with runs, holes, spikes, repeated and missing values."""
    rng = np.random.default_rng(seed)
    value = np.repeat(rng.integers(1, 400, hours), rng.choice([1, 1, 1, 2, 9, 30], hours))[:hours].astype(
        float
    )
    value[rng.random(hours) < 0.03] = np.nan
    kept = np.flatnonzero(rng.random(hours) > rng.choice([0.02, 0.3]))
    frame = made([("A", "pm2_5", int(hour) * 4, value[hour]) for hour in kept])
    return pd.concat([frame, frame.sample(frac=0.02, random_state=seed)], ignore_index=True)


@given(rows=READINGS, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing(rows, seed):
    frame = made(rows)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    assert_frame_equal(flag(shuffled).sort_index(), flag(frame))


@given(rows=READINGS, far=READINGS)
@settings(max_examples=40, deadline=None)
def test_readings_far_away_change_nothing(rows, far):
    frame, other = made(rows), made(far)
    reach = max(context(parameter, "1h", "automatic") for parameter in ("pm2_5", "pm10", "so2"))
    days = pd.Timedelta(days=30) + reach + timedelta(hours=1)
    around = pd.concat(
        [
            other.assign(observed_at=other["observed_at"] + days),
            frame,
            other.assign(observed_at=other["observed_at"] - days),
        ],
        ignore_index=True,
    )
    within = flag(around).iloc[len(other) : len(other) + len(frame)].reset_index(drop=True)
    assert_frame_equal(within, flag(frame))


@given(seed=st.integers(0, 10_000), cut=st.integers(0, 24 * 40), width=st.integers(1, 96))
@settings(max_examples=40, deadline=None)
def test_a_part_with_its_context_gets_the_verdicts_of_the_whole(seed, cut, width):
    frame = dense(seed)
    whole = flag(frame)
    begin = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=cut)
    end = begin + pd.Timedelta(hours=width)
    reach = context(*KIND)
    time = frame["observed_at"]
    part = frame[(time >= begin - reach) & (time <= end + reach)]
    asked = (part["observed_at"] >= begin) & (part["observed_at"] <= end)
    assert_frame_equal(flag(part)[asked], whole.loc[part.index][asked])


@given(seed=st.integers(0, 10_000), changed=st.integers(0, 24 * 40))
@settings(max_examples=30, deadline=None)
def test_a_changed_reading_moves_no_verdict_beyond_its_context(seed, changed):
    frame = dense(seed)
    at = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=changed)
    other = frame.copy()
    other.loc[other["observed_at"] == at, "value"] = 999.0
    other = other[(other["observed_at"] != at + pd.Timedelta(hours=1))]
    kept = other.index
    moved = (flag(other) != flag(frame).loc[kept]).any(axis=1)
    distance = (frame["observed_at"].loc[kept][moved] - at).abs()
    assert (distance <= context(*KIND) + timedelta(hours=1)).all()


def slow_flat_line(frame, rule):
    """Judge a run of one series reading by reading."""
    known = frame.dropna(subset=["value"]).drop_duplicates("observed_at").sort_values("observed_at")
    times, values = list(known["observed_at"]), list(known["value"])
    verdicts = {}
    for n, time in enumerate(times):
        beside = (n > 0 and time - times[n - 1] <= rule.hole) or (
            n + 1 < len(times) and times[n + 1] - time <= rule.hole
        )
        first = last = n
        while first > 0 and values[first - 1] == values[n] and times[first] - times[first - 1] <= rule.hole:
            first -= 1
        while (
            last + 1 < len(times)
            and values[last + 1] == values[n]
            and times[last + 1] - times[last] <= rule.hole
        ):
            last += 1
        lasts, enough = times[last] - times[first], last - first + 1 >= rule.readings
        if not beside:
            verdicts[time] = int(Verdict.NOT_EVALUATED)
        elif enough and lasts >= rule.bad:
            verdicts[time] = int(Verdict.BAD)
        elif enough and lasts >= rule.suspect:
            verdicts[time] = int(Verdict.SUSPECT)
        else:
            verdicts[time] = int(Verdict.GOOD)
    return verdicts


def slow_spike(frame, rule):
    """Judge the spikes of one series reading by reading."""
    known = frame.dropna(subset=["value"]).drop_duplicates("observed_at").sort_values("observed_at")
    times, values = list(known["observed_at"]), list(known["value"])
    verdicts = dict.fromkeys(times, int(Verdict.NOT_EVALUATED))
    for n in range(1, len(times) - 1):
        if times[n] - times[n - 1] > rule.within or times[n + 1] - times[n] > rule.within:
            continue
        value, before, after = values[n], values[n - 1], values[n + 1]
        mean = (before + after) / 2
        excess, smaller = abs(value - mean), min(abs(value - before), abs(after - value))
        peak = (value > before and value > after) or (value < before and value < after)
        size, bound = min(mean, value), rule.bound
        verdicts[times[n]] = int(Verdict.GOOD)
        leaps = peak and smaller >= rule.side * excess
        if leaps and excess > max(bound.suspect, bound.suspect_share * size):
            worse = excess > max(bound.bad, bound.bad_share * size)
            verdicts[times[n]] = int(Verdict.BAD if worse else Verdict.SUSPECT)
    return verdicts


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_slow_judge_says_the_same(seed):
    frame = dense(seed)
    found = flag(frame)
    for test, slow in (("flat_line", slow_flat_line), ("spike", slow_spike)):
        expected = frame["observed_at"].map(slow(frame, getattr(flag_rules(), test)[KIND]))
        expected = expected.where(frame["value"].notna(), int(Verdict.MISSING)).astype("int8")
        assert found[test].tolist() == expected.tolist(), test


@given(rows=READINGS)
@settings(max_examples=30, deadline=None)
def test_every_reading_has_one_verdict_per_test(rows):
    frame = made(rows)
    found = flag(frame)
    assert (found.dtypes == np.int8).all()
    assert found.isin([int(verdict) for verdict in Verdict]).all(axis=None)
    missing = frame["value"].isna()
    assert (found[missing] == Verdict.MISSING).all(axis=None)
    assert (found[~missing] != Verdict.MISSING).all(axis=None)


def test_what_the_provider_says_is_not_looked_at():
    frame = dense(3)
    assert_frame_equal(flag(frame.assign(provider_flag="维护")), flag(frame))


def test_words_of_any_kind_and_in_any_pieces_name_the_same_series():
    rng = np.random.default_rng(1)
    one = dense(5, hours=400).drop_duplicates("observed_at").sort_values("observed_at")
    other = one.assign(value=rng.permutation(one["value"]), site="B")
    texts = {"site": "str", "parameter": "str", "district": "str", "period": "str", "channel": "str"}
    frame = pd.concat([one.astype(texts), other.astype(texts)], ignore_index=True)  # two pieces of arrow text
    objects = frame.astype(dict.fromkeys(texts, "object"))
    apart = pd.concat([flag(one), flag(other)], ignore_index=True)
    assert_frame_equal(flag(frame), apart)
    assert_frame_equal(flag(objects), apart)
    # a missing word is a word of its own
    nameless = frame.assign(site=frame["site"].where(frame["site"] == "B"))
    assert_frame_equal(flag(nameless), apart)


@pytest.mark.parametrize("sites", [("A1", "B2", "C3"), ("A", "B22", "")])
def test_runs_of_words_name_the_same_series_as_words_row_by_row(sites):
    frame = pd.concat([dense(seed).assign(site=site) for seed, site in enumerate(sites)], ignore_index=True)
    frame = frame.sort_values(["site", "observed_at"], ignore_index=True)
    frame.loc[[7, 300], "observed_at"] = pd.NaT
    texts = dict.fromkeys(["site", "parameter", "period", "channel", "district"], "str")
    part = slice(90, len(frame) - 11)  # begins and ends within a run
    found = flag(frame.astype(texts).iloc[part])
    one_by_one = frame.sample(frac=1.0, random_state=3).astype(dict.fromkeys(texts, "object"))
    one_by_one = one_by_one[one_by_one.index.isin(frame.index[part])]
    assert_frame_equal(found, flag(one_by_one).sort_index())
    untimed = found.loc[[300]]
    assert set(untimed.to_numpy().ravel()) <= {Verdict.NOT_EVALUATED, Verdict.MISSING}
    assert (found[["spike", "flat_line"]] > Verdict.NOT_EVALUATED).to_numpy().any()
