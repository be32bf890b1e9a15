"""Which outlet values count: flags, empty and negative values, hours without discharge.

What a flag means stands in `indicators/standards/gas_*.toml` and `wastewater_*.toml`; a flag that is not
listed there is not valid and is logged, never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Registry, Standard
from vocabulary.parameters import normalise_name, parameters

log = logging.getLogger(__name__)

#: topic of the validity rule of each medium
TOPICS = {"flue_gas": "gas-validity", "wastewater": "wastewater-validity"}
EFFLUENT_FLOW = "effluent_flow"
FLUE_FLOW = "flue_flow"

VALID, STOPPED, OTHER = "valid", "stopped", "other"
OUT_OF_CONTROL = "out-of-control"


def medium_of(keys: pd.Series) -> pd.Series:
    """Return flue_gas or wastewater for each parameter key; an outlet has no other medium."""
    known = parameters()
    media = {
        key: "flue_gas" if key in known and "flue_gas" in known[key].media else "wastewater"
        for key in keys.unique()
    }
    return keys.map(media).astype("str")


def flag_meanings(standard: Standard) -> dict[str, Mapping[str, Any]]:
    """Return folded flag letter or word -> the rule of the flag."""
    found: dict[str, Mapping[str, Any]] = {}
    for letter, rule in standard.tables["flags"].items():
        for word in (letter, *rule["words"]):
            found[normalise_name(word)] = {**rule, "letter": letter}
    return found


def validity(hours: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Judge which outlet values count.

    Parameters
    ----------
    hours : DataFrame, n rows
        site, parameter, observed_at (start of the hour), value, provider_flag.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame, n rows, same index
        medium, valid, kind (valid, stopped, exempt, out-of-control, other), high (an unknown value above
        the range), calibration, reason ('' or why the value does not count), clause (of the flag).

    Notes
    -----
    HJ 212-2017 table 8 (only N is normal); HJ 355-2019, HJ 356-2019 (negative values, no discharge).
    """
    frame = pd.DataFrame(
        {
            "medium": medium_of(hours["parameter"]),
            "valid": False,
            "kind": OTHER,
            "high": False,
            "calibration": False,
            "reason": "no-standard",
            "clause": "",
        },
        index=hours.index,
    )
    for medium, topic in TOPICS.items():
        of_medium = (frame["medium"] == medium).to_numpy()
        for standard, in_force in registry.spans(topic, hours["observed_at"]):
            mask = of_medium & in_force
            if mask.any():
                _apply_flags(frame, hours["provider_flag"], mask, standard)
    _strike(frame, hours["value"].isna().to_numpy(), "no-value")
    _strike(frame, (hours["value"] < 0).to_numpy(dtype=bool, na_value=False), "negative")
    still = without_discharge(hours, frame)
    _strike(frame, still & (hours["parameter"] != EFFLUENT_FLOW).to_numpy(), "no-discharge")
    frame.loc[still, "kind"] = STOPPED
    frame.loc[still & (hours["parameter"] == EFFLUENT_FLOW).to_numpy(), "kind"] = VALID
    return frame.astype({"kind": "str", "reason": "str", "clause": "str"})


def _apply_flags(
    frame: pd.DataFrame, flags: pd.Series, mask: npt.NDArray[np.bool_], standard: Standard
) -> None:
    meanings = flag_meanings(standard)
    codes, texts = pd.factorize(flags[mask].fillna(""))
    rows = []
    for text in texts:
        folded = normalise_name(str(text))
        rule = meanings.get(folded)
        if folded == "":
            rows.append((True, VALID, False, False, "", ""))
        elif rule is None:
            log.warning("flag %r is not listed in %s: its values are not used", str(text), standard.label)
            rows.append((False, OTHER, False, False, f"unknown-flag:{text}", ""))
        else:
            good = rule["kind"] == VALID
            reason = "" if good else f"flag:{rule['letter']}"
            high, calibration = bool(rule.get("high")), bool(rule.get("calibration"))
            rows.append((good, rule["kind"], high, calibration, reason, "" if good else rule["clause"]))
    names = ["valid", "kind", "high", "calibration", "reason", "clause"]
    table = pd.DataFrame(rows, columns=names).iloc[codes]
    for name in names:
        frame.loc[mask, name] = table[name].to_numpy()


def _strike(frame: pd.DataFrame, where: npt.NDArray[np.bool_], reason: str) -> None:
    """Take valid values out for `reason`; a value already out keeps its first reason."""
    hit = where & frame["valid"].to_numpy()
    frame.loc[hit, "valid"] = False
    frame.loc[hit, "kind"] = OTHER
    frame.loc[hit, "reason"] = reason


def without_discharge(hours: pd.DataFrame, judged: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which wastewater rows lie in an hour whose valid flow is zero."""
    flow = hours.loc[
        (hours["parameter"] == EFFLUENT_FLOW) & judged["valid"] & (hours["value"] == 0),
        ["site", "observed_at"],
    ].drop_duplicates()
    if flow.empty:
        return np.zeros(len(hours), dtype=np.bool_)
    joined = hours[["site", "observed_at"]].merge(
        flow, on=["site", "observed_at"], how="left", indicator=True
    )
    dry = (joined["_merge"] == "both").to_numpy()
    return np.asarray(dry & (judged["medium"] == "wastewater").to_numpy())
