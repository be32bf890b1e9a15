"""What a provider's flag means for the use of a reading (质控标记).

The policy is data (quality/data/flag_policy.toml): per use, the flags that leave a reading usable.
A flag that is not listed is not usable; it is never guessed to be good.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from vocabulary.parameters import normalise_name


class FlagPolicyError(Exception):
    """A use without a policy was asked for, or the policy file is incomplete."""


@dataclass(frozen=True)
class FlagPolicy:
    """Which provider flags leave a reading usable for one use; flags are folded."""

    use: str
    zh: str
    en: str
    usable: frozenset[str]
    clause: str
    sure: str
    version: str


@cache
def flag_policies() -> dict[str, FlagPolicy]:
    """Return the policy of every use, from quality/data/flag_policy.toml."""
    data = tomllib.loads(files("quality").joinpath("data/flag_policy.toml").read_text("utf-8"))
    return {
        entry["use"]: FlagPolicy(
            use=entry["use"],
            zh=entry["zh"],
            en=entry["en"],
            usable=frozenset(normalise_name(flag) for flag in entry["usable"]),
            clause=entry["clause"],
            sure=entry["sure"],
            version=data["version"],
        )
        for entry in data["policy"]
    }


def usable(readings: pd.DataFrame, use: str) -> pd.Series:
    """Tell which readings the policy of a use lets through.

    Parameters
    ----------
    readings
        n readings with the column `provider_flag`; a missing flag counts as ''.
    use
        Key of the policy: ``real-time-class``, ``evaluation`` or ``emissions``.

    Returns
    -------
    Series
        n booleans on the index of `readings`.

    Raises
    ------
    FlagPolicyError
        When there is no policy for the use.

    Notes
    -----
    The national surface-water release leaves the class of rows marked 维护 blank although they carry
    values; HJ 212-2017 table 8 counts only N as valid.
    """
    policies = flag_policies()
    if use not in policies:
        raise FlagPolicyError(f"no flag policy for use {use!r}, expected one of {', '.join(policies)}")
    codes, flags = pd.factorize(readings["provider_flag"])
    good = [normalise_name(str(flag)) in policies[use].usable for flag in flags]
    # code -1 (a missing flag) takes the last place
    verdict = np.array([*good, "" in policies[use].usable], dtype=bool)[codes]
    return pd.Series(verdict, index=readings.index, name="usable")


def left_out(readings: pd.DataFrame, use: str) -> pd.DataFrame:
    """Count the readings that the policy of a use leaves out, so that a result can say so.

    Returns
    -------
    DataFrame
        Columns parameter, provider_flag, readings; sorted, empty where nothing is left out.
    """
    out = readings.loc[~usable(readings, use), ["parameter", "provider_flag"]].astype("str")
    counted = out.groupby(["parameter", "provider_flag"], sort=True).size()
    return counted.rename("readings").reset_index()
