"""The policy of our own verdicts: what it says, and what a file that cannot be right is told."""

from __future__ import annotations

import pytest

from quality.flags import Verdict
from quality.provider_flags import FlagPolicyError, flag_policies
from quality.verdict_policy import read_verdict_policies, verdict_policies, verdict_policy

ENTRY = """
version = "1"
[[verdicts]]
use = "evaluation"
tests = ["range"]
least = "suspect"
basis = "b"
sure = "C"
"""


def test_every_use_has_a_policy_for_marks_and_one_for_verdicts() -> None:
    assert set(verdict_policies()) == set(flag_policies())


def test_only_what_is_bad_leaves_a_reading_out_and_never_an_emission() -> None:
    for policy in verdict_policies().values():
        assert set(policy.least.values()) <= {Verdict.BAD}
        # a contradiction or a step does not tell which reading is wrong
        assert not set(policy.least) & {"cross_item", "neighbours", "rate", "spike", "gap", "isolated"}
    assert verdict_policy("emissions").least == {}


def test_a_sampling_worse_than_v_keeps_its_readings() -> None:
    assert verdict_policy("real-time-class").keeps_class == 6
    assert verdict_policy("evaluation").keeps_class is None


def test_a_policy_is_read_as_it_stands() -> None:
    (policy,) = read_verdict_policies(ENTRY).values()
    assert (policy.use, dict(policy.least)) == ("evaluation", {"range": Verdict.SUSPECT})
    assert (policy.keeps_class, policy.sure, policy.version) == (None, "C", "1")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('["range"]', '["ranges"]', "verdicts 1: no test ranges"),
        ('"suspect"', '"good"', "least 'good', expected suspect or bad"),
        ('basis = "b"\n', "", "verdicts 1: basis missing"),
        ('version = "1"\n', "", "version missing"),
        (ENTRY, ENTRY + ENTRY.replace('version = "1"\n', ""), "verdicts 2: use 'evaluation' stated twice"),
    ],
)
def test_a_policy_that_cannot_be_right_is_named(old: str, new: str, says: str) -> None:
    with pytest.raises(FlagPolicyError, match=says):
        read_verdict_policies(ENTRY.replace(old, new))


def test_a_use_without_a_policy_is_refused() -> None:
    with pytest.raises(FlagPolicyError, match="'alerts', expected one of real-time-class"):
        verdict_policy("alerts")
