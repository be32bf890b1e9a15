"""Which of our own verdicts leave a reading out, by use; the provider's marks are `quality.provider_flags`.

The policy is data (quality/data/flag_policy.toml, `[[verdicts]]`). A flag is a verdict beside a value and deletes
nothing: every result says how many readings were left out of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from quality.flags import Verdict
from quality.flags.rules import TEST_KEYS
from quality.provider_flags import FlagPolicyError, flag_policies

_LEAST = {"suspect": Verdict.SUSPECT, "bad": Verdict.BAD}


@dataclass(frozen=True)
class VerdictPolicy:
    """What one use leaves out.

    Attributes
    ----------
    least
        Test -> the least verdict that leaves a reading out; other tests leave nothing out.
    keeps_class
        A sampling that has this water class or a worse one with its flagged readings keeps them; None: none does.
    """

    use: str
    least: Mapping[str, Verdict]
    keeps_class: int | None
    basis: str
    sure: str
    version: str


def read_verdict_policies(text: str) -> dict[str, VerdictPolicy]:
    """Read the policies from TOML of the form of quality/data/flag_policy.toml.

    Raises
    ------
    FlagPolicyError
        When a key lacks, a use is stated twice, a test is unknown, or `least` is neither suspect nor bad.
    """
    data = tomllib.loads(text)
    found: dict[str, VerdictPolicy] = {}
    for number, entry in enumerate(data.get("verdicts", ()), start=1):
        where = f"flag_policy.toml, verdicts {number}"
        try:
            use, tests, least = entry["use"], entry["tests"], entry["least"]
            basis, sure, version = entry["basis"], entry["sure"], data["version"]
        except KeyError as error:
            raise FlagPolicyError(f"{where}: {error.args[0]} missing") from error
        unknown = sorted(set(tests) - set(TEST_KEYS))
        if unknown:
            raise FlagPolicyError(
                f"{where}: no test {', '.join(unknown)}, expected of {', '.join(TEST_KEYS)}"
            )
        if least not in _LEAST:
            raise FlagPolicyError(f"{where}: least {least!r}, expected {' or '.join(_LEAST)}")
        if use in found:
            raise FlagPolicyError(f"{where}: use {use!r} stated twice")
        verdicts = dict.fromkeys(tests, _LEAST[least])
        found[use] = VerdictPolicy(use, verdicts, entry.get("keeps_class"), basis, sure, version)
    return found


@cache
def verdict_policies() -> dict[str, VerdictPolicy]:
    """Return the policies in force, one for every use that has a policy for the provider's marks.

    Raises
    ------
    FlagPolicyError
        As `read_verdict_policies`, and when a use lacks.
    """
    found = read_verdict_policies(files("quality").joinpath("data/flag_policy.toml").read_text("utf-8"))
    lacking = sorted(set(flag_policies()) ^ set(found))
    if lacking:
        raise FlagPolicyError(
            f"flag_policy.toml: {', '.join(lacking)} stands in only one of policy, verdicts"
        )
    return found


def verdict_policy(use: str) -> VerdictPolicy:
    """Return the policy of one use.

    Raises
    ------
    FlagPolicyError
        When there is none.
    """
    policies = verdict_policies()
    if use not in policies:
        raise FlagPolicyError(f"no flag policy for use {use!r}, expected one of {', '.join(policies)}")
    return policies[use]
