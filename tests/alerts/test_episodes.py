from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.episodes import EPISODE_DTYPES, SamplesError, find_episodes
from alerts.rules import Rule

START = pd.Timestamp("2026-03-20 00:00")
CASES = {
    # signs: samples four hours apart; expected: (number of the first, number of the clearing or None)
    "": [],
    "5555": [],
    "6": [],
    "565656": [],
    "66": [(0, None)],
    "5566": [(2, None)],
    "6-6": [(0, None)],
    "6---6": [(0, None)],
    "-66": [(1, None)],
    "!": [(0, None)],
    "5!5": [(1, None)],
    "6!": [(0, None)],
    "5!55": [(1, 2)],
    "665": [(0, None)],
    "6655": [(0, 2)],
    "665-5": [(0, 2)],
    "665656": [(0, None)],
    "66565655": [(0, 6)],
    "6655665566": [(0, 2), (4, 6), (8, None)],
    "66556": [(0, 2)],
    "66556-6": [(0, 2), (4, None)],
    "66CC!CC": [(0, 2), (4, 5)],
}


@pytest.mark.parametrize("signs", CASES)
def test_opens_after_two_bad_or_one_beyond_and_closes_after_two_good(
    signs: str, rule: Rule, samples: Callable
) -> None:
    found = find_episodes(samples(signs), rule)
    times = [START + pd.Timedelta(hours=4 * number) for number in range(len(signs))]
    expected = [(times[first], pd.NaT if end is None else times[end]) for first, end in CASES[signs]]
    assert list(found["since"]) == [first for first, _ in expected]
    assert [str(end) for end in found["until"]] == [str(end) for _, end in expected]
    assert {name: str(kind) for name, kind in found.dtypes.items()} == EPISODE_DTYPES


def test_peak_is_the_largest_multiple_and_the_earliest_of_equals(rule: Rule, samples: Callable) -> None:
    rows = samples("666666")
    rows["multiples"] = ["nh3_n=0.4", "nh3_n=0.2;tp=1.2", "nh3_n=1.2", "", "cod_mn=0.1", "nh3_n=0.9"]
    rows["worst"] = ["nh3_n", "tp,nh3_n", "nh3_n", "do", "cod_mn", "nh3_n"]
    found = find_episodes(rows, rule).iloc[0]
    assert found["peak_at"] == START + pd.Timedelta(hours=4)
    assert (found["peak_multiple"], found["worst"], found["multiples"]) == (
        1.2,
        "tp,nh3_n",
        "nh3_n=0.2;tp=1.2",
    )
    assert (found["worst_class"], found["n_readings"]) == (6, 6)
    assert found["last_seen"] == START + pd.Timedelta(hours=20)


def test_an_episode_of_oxygen_alone_has_a_peak_without_a_multiple(rule: Rule, samples: Callable) -> None:
    rows = samples("66").assign(multiples="", worst="do")
    found = find_episodes(rows, rule).iloc[0]
    assert pd.isna(found["peak_multiple"])
    assert found["peak_at"] == START


def test_good_readings_within_an_episode_are_not_counted(rule: Rule, samples: Callable) -> None:
    found = find_episodes(samples("6656-655"), rule).iloc[0]
    assert found["n_readings"] == 4
    assert found["last_seen"] == START + pd.Timedelta(hours=20)


def test_runs_do_not_cross_from_one_site_to_the_next(rule: Rule, samples: Callable) -> None:
    rows = pd.concat([samples("556", "S1"), samples("655", "S2"), samples("66", "S3")])
    assert list(find_episodes(rows, rule)["site"]) == ["S3"]


def test_days_on_which_the_rule_is_not_valid_are_not_judged(rule: Rule, samples: Callable) -> None:
    dated = rule.model_copy(update={"valid_from": dt.date(2026, 3, 21), "valid_to": dt.date(2026, 3, 21)})
    found = find_episodes(samples("6" * 18), dated)
    assert list(found["since"]) == [pd.Timestamp("2026-03-21 00:00")]
    assert list(found["last_seen"]) == [pd.Timestamp("2026-03-21 20:00")]


def test_beyond_without_a_bad_class_raises_nothing(rule: Rule, samples: Callable) -> None:
    assert find_episodes(samples("555").assign(beyond=True), rule).empty


def test_two_samples_of_one_time_are_refused(rule: Rule, samples: Callable) -> None:
    with pytest.raises(SamplesError, match=r"S1 has two samples of 2026-03-20 00:00"):
        find_episodes(pd.concat([samples("6"), samples("5")]), rule)


def test_a_missing_column_is_named(rule: Rule, samples: Callable) -> None:
    with pytest.raises(SamplesError, match="no column beyond"):
        find_episodes(samples("66").drop(columns="beyond"), rule)


def reference(signs: str, raise_after: int, clear_after: int) -> list[tuple[int, int | None, int]]:
    """(first, clearing, bad samples) by the plain reading of the rule, one sample after another."""
    judged = [(number, sign) for number, sign in enumerate(signs) if sign != "-"]
    found: list[tuple[int, int | None, int]] = []
    began: int | None = None
    bad_run: list[int] = []
    good_run: list[int] = []
    count = 0
    for number, sign in judged:
        if sign in "6!":
            bad_run, good_run = [*bad_run, number], []
        else:
            bad_run, good_run = [], [*good_run, number]
        if began is None:
            if bad_run and (len(bad_run) >= raise_after or sign == "!"):
                began, count = bad_run[0], len(bad_run)
        elif bad_run:
            count += 1
        elif len(good_run) >= clear_after:
            found.append((began, good_run[0], count))
            began = None
    return [*found, (began, None, count)] if began is not None else found


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="56!-", max_size=24), min_size=1, max_size=4),
    raise_after=st.integers(1, 4),
    clear_after=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)
def test_equals_the_plain_reading_of_the_rule_in_any_order(
    texts: list[str], raise_after: int, clear_after: int, seed: int, rule: Rule, samples: Callable
) -> None:
    changed = rule.model_copy(update={"raise_after": raise_after, "clear_after": clear_after})
    rows = pd.concat([samples(text, f"S{number}") for number, text in enumerate(texts)])
    found = find_episodes(rows.sample(frac=1, random_state=seed), changed)
    pd.testing.assert_frame_equal(found, find_episodes(rows, changed))
    step = pd.Timedelta(hours=4)
    got = [
        (
            row["site"],
            int((row["since"] - START) / step),
            None if pd.isna(row["until"]) else int((row["until"] - START) / step),
            row["n_readings"],
        )
        for row in found.to_dict("records")
    ]
    expected = [
        (f"S{number}", *episode)
        for number, text in enumerate(texts)
        for episode in reference(text, raise_after, clear_after)
    ]
    assert got == expected
