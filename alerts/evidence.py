"""What an episode rests on: the readings with their limits and where they stand in the delivery."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from alerts.rules import Rule
from vocabulary.parameters import parameters

#: columns the frame of evidence must have: one row per item beyond its limit in a bad sample.
#: value and limit are in the parameter's canonical unit; limit may also be text ("6~9");
#: multiple is the exceedance multiple (超标倍数), missing where none is defined (pH, DO).
EVIDENCE_COLUMNS: tuple[str, ...] = (
    "site",
    "observed_at",
    "parameter",
    "value",
    "limit",
    "multiple",
    "delivery",
    "sheet",
    "row",
    "column",
)
#: columns it may have: the quality flags of the reading (`flat_line=4`), and the same in words
FLAG_COLUMNS: tuple[str, ...] = ("flags", "flags_zh", "flags_en")
#: and, for what is no parameter of the vocabulary nor a measure of kinds.toml, its unit; its name is its own
UNIT_COLUMN = "unit"


class EvidenceError(Exception):
    """The frame of evidence lacks a column."""


@dataclass(frozen=True)
class Factor:
    """One reading beyond its limit, ready to be shown."""

    parameter: str
    zh: str
    en: str
    value: float | None
    limit: float | str | None
    multiple: float | None
    unit: str
    observed_at: str
    delivery: str
    sheet: str
    row: int | None
    column: str
    flags: str = ""
    flags_zh: str = ""
    flags_en: str = ""

    @property
    def measured(self) -> str:
        """The value with its unit: `3.5 mg/L`; '' where a reading says nothing by its size (it stood still)."""
        if self.value is None:
            return ""
        return f"{_number(self.value)} {self.unit}".strip()

    @property
    def bound(self) -> str:
        """The limit with its unit and side: a value above it broke an upper limit, one below a lower."""
        if self.limit is None or self.limit == "":
            return ""
        if isinstance(self.limit, str):
            return f"{self.limit} {self.unit}".strip()
        side = "≥" if self.value is not None and self.value < self.limit else "≤"
        return f"{side} {_number(self.limit)} {self.unit}".strip()

    @property
    def times(self) -> str:
        """The exceedance multiple (超标倍数), '' where none is defined."""
        return _number(self.multiple)


def choose_evidence(
    found: pd.DataFrame, evidence: pd.DataFrame
) -> dict[tuple[str, pd.Timestamp], list[Factor]]:
    """Pick for every episode the readings of its first, its peak and its last bad sample.

    Parameters
    ----------
    found
        Episodes of `find_episodes`.
    evidence
        `EVIDENCE_COLUMNS`, any number of sites and times, in any order; `FLAG_COLUMNS` where flags are known.

    Returns
    -------
    dict
        (site, since) -> factors by time, then as delivered worst first (largest multiple, then name).
        An episode without evidence is absent.

    Raises
    ------
    EvidenceError
        A column is missing.
    """
    missing = [name for name in EVIDENCE_COLUMNS if name not in evidence.columns]
    if missing:
        raise EvidenceError(
            f"evidence: no column {', '.join(missing)}; expected {', '.join(EVIDENCE_COLUMNS)}"
        )
    if found.empty:
        return {}
    moments = found.melt(
        id_vars=["site", "since"], value_vars=["peak_at", "last_seen"], value_name="observed_at"
    )[["site", "since", "observed_at"]]
    first = found[["site", "since"]].assign(observed_at=found["since"])
    wanted = pd.concat([first, moments]).drop_duplicates()
    # a frame without rows has no types of its own
    flags = {name: evidence.get(name, "") for name in (*FLAG_COLUMNS, UNIT_COLUMN)}
    given = (
        evidence[list(EVIDENCE_COLUMNS)]
        .assign(**flags)
        .astype({"site": "str", "observed_at": "datetime64[us]"})
    )
    rows = wanted.merge(given, on=["site", "observed_at"])
    rows = rows.sort_values(
        ["site", "since", "observed_at", "multiple", "parameter", "delivery", "sheet", "row"],
        ascending=[True, True, True, False, True, True, True, True],
        na_position="last",
        kind="stable",
    ).drop_duplicates(["site", "since", "observed_at", "parameter"])
    return {
        (str(site), pd.Timestamp(since)): [_factor(record) for record in part.to_dict("records")]
        for (site, since), part in rows.groupby(["site", "since"], sort=False)
    }


def at_time(factors: list[Factor], moment: pd.Timestamp) -> list[Factor]:
    """Return the factors of one sample."""
    wanted = f"{moment:%Y-%m-%d %H:%M}"
    return [factor for factor in factors if factor.observed_at == wanted]


def limit_text(factors: list[Factor]) -> str:
    """Write the limits an episode broke, each once: `氨氮 ≤ 2 mg/L; 总磷 ≤ 0.4 mg/L`."""
    return "; ".join(dict.fromkeys(f"{factor.zh} {factor.bound}" for factor in factors))


def bound_class_of(rule: Rule, target_class: int | None) -> int | None:
    """Return the class that was to be kept, where it is not the one that clears the rule."""
    if rule.kind == "section-target":
        return target_class
    return rule.raise_class - 1 if rule.kind == "section-nearing" else None


def conditions_of(rule: Rule) -> tuple[str, str]:
    """Say when a rule raises, in Chinese and English, from its own numbers."""
    said = _kinds()["condition"][rule.kind]
    numbers = rule.model_dump() | {
        "raise_percent": 100 * rule.raise_share,
        "clear_percent": 100 * rule.clear_share,
    }
    for language in ("zh", "en"):
        beyond = said.get(f"beyond_{language}", "") if rule.raise_multiple else ""
        numbers[f"beyond_{language}"] = beyond.format_map(numbers)
    return said["zh"].format_map(numbers), said["en"].format_map(numbers)


def named(parameter: str, unit: str = "") -> tuple[str, str, str]:
    """Return name in Chinese, in English, and unit of what was measured: a parameter, a measure, or its own name."""
    known = parameters().get(parameter)
    if known is not None:
        return known.zh, known.en, "" if known.unit == "1" else known.unit
    measure = _kinds()["measure"].get(parameter)
    if measure is not None:
        return measure["zh"], measure["en"], measure["unit"]
    return parameter, parameter, unit


def evidence_json(
    rule: Rule,
    factors: list[Factor],
    *,
    n_readings: int,
    target_class: int | None = None,
    told: Mapping[str, Any] | None = None,
) -> str:
    """Write the evidence kept with the episode; the same facts give the same text, byte for byte.

    The time until which the facts were known stands beside it in the episode (`known_at`): inside,
    it would make every night look like a change. `told` is how bad it was when people were told last.
    """
    zh, en = conditions_of(rule)
    return json.dumps(
        {
            "rule": rule.id,
            "rule_version": rule.version,
            "clause": rule.clause,
            "n_readings": n_readings,
            "bound_class": bound_class_of(rule, target_class),
            "condition_zh": zh,
            "condition_en": en,
            "told": None if told is None else dict(told),
            "readings": [
                {
                    "parameter": factor.parameter,
                    "value": factor.value,
                    "limit": factor.limit,
                    "multiple": factor.multiple,
                    "unit": factor.unit,
                    "observed_at": factor.observed_at,
                    "delivery": factor.delivery,
                    "sheet": factor.sheet,
                    "row": factor.row,
                    "column": factor.column,
                }
                | ({name: getattr(factor, name) for name in FLAG_COLUMNS} if factor.flags else {})
                for factor in factors
            ],
        },
        ensure_ascii=False,
    )


def _factor(record: dict[Any, Any]) -> Factor:
    key = str(record["parameter"])
    zh, en, unit = named(key, _text(record[UNIT_COLUMN]))
    return Factor(
        parameter=key,
        zh=zh,
        en=en,
        value=_amount(record["value"]),
        limit=record["limit"] if isinstance(record["limit"], str) else _amount(record["limit"]),
        multiple=_amount(record["multiple"]),
        unit=unit,
        observed_at=f"{record['observed_at']:%Y-%m-%d %H:%M}",
        delivery=_text(record["delivery"]),
        sheet=_text(record["sheet"]),
        row=None if pd.isna(record["row"]) else int(record["row"]),
        column=_text(record["column"]),
        **{name: _text(record[name]) for name in FLAG_COLUMNS},
    )


def _amount(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _number(value: float | None) -> str:
    """Write a number as short as it was delivered, without an exponent for everyday sizes."""
    return "" if value is None else f"{value:.10g}"


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def least_before(kind: str) -> int:
    """Return how many periods before a rule of a kind must have to compare with, from kinds.toml."""
    return int(_kinds()["condition"][kind]["least_before"])


@cache
def _kinds() -> dict[str, Any]:
    return tomllib.loads(files("alerts").joinpath("data/kinds.toml").read_text("utf-8"))
