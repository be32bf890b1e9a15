"""The outcome of a judgement as plain JSON: what was expected, what was found, per delivery.

The document holds no run time and no path, so that the same batch gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from quality.judge import Judgement
from quality.kept import write_aside
from vocabulary.reasons import reasons


def _delivery(judgement: Judgement, number: int, codes: dict[int, dict[str, int]]) -> dict[str, Any]:
    row = judgement.counts.loc[judgement.counts["delivery"] == number].iloc[0]
    refusal = judgement.refused.get(number)
    facts = judgement.facts[number]
    return {
        "delivery": number,
        "name": str(row["name"]),
        "rows": int(row["rows"]),
        "accepted": int(row["accepted"]),
        "quarantined": int(row["quarantined"]),
        "codes": codes.get(number, {}),
        "refused": None if refusal is None else refusal._asdict(),
        "cells_in": facts.cells_in,
        "blank": facts.blank,
        "rejected": dict(sorted(facts.rejected.items())),
        "remarks": [
            {"code": remark.code, "severity": remark.severity, "zh": remark.zh, "en": remark.en}
            for remark in judgement.remarks
            if remark.delivery == number
        ],
    }


def _expectation(judgement: Judgement, record: dict[str, Any]) -> dict[str, Any]:
    reason = reasons()[record["code"]]
    spread = [
        {
            "delivery": number,
            "name": judgement.deliveries[number],
            **(found if isinstance(found, dict) else {"unexpected": found}),
        }
        for number, found in sorted(record["by_delivery"].items())
    ]
    return {**record, "zh": reason.zh, "en": reason.en, "by_delivery": spread}


def results_document(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as plain data.

    Returns
    -------
    dict
        source, suite_version, flagged (rows by code), flagged_by_parameter (the same by code and parameter), deliveries (one record each with counts, codes, refusal, what its
        reader turned away and remarks, by number)
        and expectations (one record each, in suite order, with the reason in Chinese and English).
    """
    codes: dict[int, dict[str, int]] = {}
    flagged = judgement.flagged["code"].value_counts().sort_index()
    by_parameter: dict[str, dict[str, int]] = {}
    for (code, parameter), n in judgement.flagged.groupby(["code", "parameter"]).size().items():
        by_parameter.setdefault(str(code), {})[str(parameter)] = int(n)
    rows = judgement.quarantined
    # one step a code, not a row: the codes are a handful
    for code in sorted(rows["code"].unique()):
        spread = np.bincount(rows.loc[rows["code"] == code, "delivery"])
        for number in np.flatnonzero(spread):
            codes.setdefault(int(number), {})[str(code)] = int(spread[number])
    return {
        "source": judgement.source,
        "suite_version": judgement.suite_version,
        "flagged": {str(code): int(n) for code, n in flagged.items()},
        "flagged_by_parameter": by_parameter,
        "deliveries": [_delivery(judgement, number, codes) for number in range(len(judgement.deliveries))],
        "expectations": [_expectation(judgement, record) for record in judgement.results],
    }


def results_json(judgement: Judgement) -> str:
    """Return `results_document` as JSON text, the same for the same batch."""
    return json.dumps(results_document(judgement), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_results(judgement: Judgement, path: Path) -> Path:
    """Write `results_json` to a file, whole or not at all; missing folders are made.

    Raises
    ------
    OSError
        When the folder cannot be written; an older file is then left as it was.
    """
    write_aside(path, results_json(judgement))
    return path
