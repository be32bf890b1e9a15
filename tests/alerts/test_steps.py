from __future__ import annotations

import datetime as dt
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.steps import FOLDED, HISTORY, QUEUED, Condition, Step, advance

NIGHT = dt.datetime(2026, 3, 31, 18)


def walk(conditions: list[tuple[Condition, bool, bool]]) -> tuple[list[str], tuple[Step, ...]]:
    """Run nights one after another: the steps told, in order, and all steps at the end."""
    steps: tuple[Step, ...] = ()
    told = []
    for number, (now, speak, fresh) in enumerate(conditions):
        after = advance(steps, now, at=NIGHT + dt.timedelta(days=number), speak=speak, fresh=fresh)
        steps = after.steps
        if after.tell:
            told.append(after.tell)
    return told, steps


def test_open_then_resolved_is_two_messages() -> None:
    told, steps = walk(
        [("open", True, True), ("open", True, True), ("resolved", True, True), ("resolved", True, True)]
    )
    assert told == ["firing", "resolved"]
    assert [(step.name, step.note) for step in steps] == [("firing", QUEUED), ("resolved", QUEUED)]


def test_found_when_over_is_one_message_that_says_both() -> None:
    told, steps = walk([("resolved", True, True)])
    assert told == ["resolved"]
    assert [(step.name, step.note) for step in steps] == [("firing", FOLDED), ("resolved", QUEUED)]


def test_old_and_over_is_history() -> None:
    told, steps = walk([("resolved", True, False)])
    assert told == []
    assert {step.note for step in steps} == {HISTORY}


def test_the_end_of_what_was_told_is_told_however_old_it_is() -> None:
    assert walk([("open", True, True), ("resolved", True, False)])[0] == ["firing", "resolved"]


def test_a_silent_run_says_nothing_and_the_next_night_says_it_once() -> None:
    told, steps = walk([("open", False, True), ("open", True, True), ("open", True, True)])
    assert told == ["firing"]
    assert len(steps) == 1


def test_coming_back_is_a_new_round() -> None:
    told, _ = walk(
        [("open", True, True), ("resolved", True, True), ("open", True, True), ("resolved", True, True)]
    )
    assert told == ["firing", "resolved", "reopened-1", "resolved-1"]


def test_closing_and_coming_back_unseen_tells_nothing_new() -> None:
    assert walk([("open", True, True), ("resolved", False, True), ("open", True, True)])[0] == ["firing"]


def test_a_correction_goes_only_to_those_who_were_told() -> None:
    assert walk([("open", True, True), ("annulled", True, True)])[0] == ["firing", "annulled"]
    assert walk([("open", False, True), ("annulled", True, True)])[0] == []


def test_the_first_that_people_hear_is_worded_as_a_beginning() -> None:
    steps = walk([("open", False, True), ("resolved", False, True)])[1]
    after = advance(steps, "open", at=NIGHT + dt.timedelta(days=9), speak=True, fresh=True)
    assert (after.tell, after.wording) == ("reopened-1", "firing")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "resolved", "annulled"]), st.booleans(), st.booleans()),
        max_size=12,
    ).map(lambda nights: [(now, speak, fresh or now == "open") for now, speak, fresh in nights])
)
def test_no_step_is_told_twice_and_what_people_know_follows_the_facts(
    nights: list[tuple[Condition, bool, bool]],
) -> None:
    told, steps = walk(nights)
    assert len(told) == len(set(told))
    assert len({step.name for step in steps}) == len(steps)
    kinds = ["open" if name.startswith(("firing", "reopened")) else name.split("-")[0] for name in told]
    assert all(one != two for one, two in itertools.pairwise(kinds))
    if nights and nights[-1][1] and nights[-1][2] and (told or nights[-1][0] != "annulled"):
        assert kinds
        assert kinds[-1] == nights[-1][0]
