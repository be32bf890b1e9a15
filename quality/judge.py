"""Judge readings (监测值): accept or quarantine every row, refuse deliveries that are not what they claim.

One run of Great Expectations judges a batch of any number of deliveries. Text columns become
categories and every row gets the physical range of its parameter and period beside it, so that a
constant number of expectations judges all parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.batch import Batch, DeliveryFacts, Finding
from quality.deliveries import Refusal, Remark, findings, refusals, remarks
from quality.engine import JudgementError, Outcome, run
from quality.suites import JUDGED_COLUMNS, Suite, ranges, suite_for
from vocabulary.parameters import parameters
from vocabulary.reading import CENSORS, CHANNELS, PERIODS, READING_DTYPES, REJECT_DTYPES

__all__ = [
    "DeliveryFacts",
    "Judgement",
    "JudgementError",
    "Refusal",
    "Remark",
    "judge",
    "judged_frame",
    "terms",
]

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

_TEXT = ("site", "parameter", "period", "channel", "censor")

#: where a flagged row stands, and the code it was flagged with
_FLAGGED = ("site", "parameter", "period", "observed_at", "sheet", "row", "column")


@dataclass(frozen=True)
class Judgement:
    """The verdict on a batch.

    Attributes
    ----------
    source, suite_version
        What was judged by which version of quality/data/suites.toml.
    deliveries
        Name of each delivery, by its number.
    accepted
        The accepted readings: columns and dtypes of the readings given, with `delivery`, index 0..n-1.
    quarantined
        One row a rejected reading: REJECT_DTYPES and `delivery`, in the order of the batch.
        Readings of a refused delivery are in neither of the two.
    flagged
        One row a flag: delivery, site, parameter, period, observed_at, sheet, row, column, code. The reading is accepted
        all the same; a row may have more than one flag.
    refused
        Delivery number -> (code, zh, en).
    remarks
        What the checks that refuse nothing say, by delivery; those of severity warn are for a person.
    facts
        What was known of each delivery beside its readings.
    results
        One record an expectation or delivery check, plain data, in suite order.
    counts
        One row a delivery: delivery, name, rows, accepted, quarantined, refused.
        rows = accepted + quarantined, or 0 accepted and 0 quarantined where refused.
    document
        What Great Expectations itself said, as plain data, where it was asked for.
    """

    source: str
    suite_version: str
    deliveries: tuple[str, ...]
    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    flagged: pd.DataFrame
    refused: dict[int, Refusal]
    remarks: list[Remark]
    facts: tuple[DeliveryFacts, ...]
    results: list[dict[str, Any]]
    counts: pd.DataFrame
    document: dict[str, Any] | None = None

    def refused_cells(self) -> pd.DataFrame:
        """Return one reject row a refused delivery, standing for all its readings.

        The frame is like `quarantined`; `cells` is the number of readings, so that the balance of the
        delivery is kept without a quarantine row for each.
        """
        lost = self.counts[self.counts["refused"]]
        frame = pd.DataFrame(index=range(len(lost)), columns=list(REJECT_DTYPES))
        frame = frame.assign(**{name: "" for name, kind in REJECT_DTYPES.items() if kind == "str"})
        frame["observed_at"] = pd.NaT
        frame["row"] = 0
        frame["code"] = [self.refused[number].code for number in lost["delivery"]]
        frame["cells"] = lost["rows"].to_numpy()
        frame = frame.astype(REJECT_DTYPES)
        frame["delivery"] = lost["delivery"].to_numpy()
        return frame[frame["cells"] > 0].reset_index(drop=True)


def _codes(column: pd.Series) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return text as integer codes and the distinct texts; a missing text is ''."""
    codes, texts = pd.factorize(column)
    known = [str(text) for text in texts]
    if "" not in known:
        known.append("")
    return np.where(codes < 0, known.index(""), codes).astype(np.int64), tuple(known)


def _positions(texts: tuple[str, ...], words: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the place of each text in `words`; len(words) where it is none of them."""
    place = {word: number for number, word in enumerate(words)}
    return np.array([place.get(text, len(words)) for text in texts], dtype=np.int64)


def _range_position(value: Floats, lower: Floats, upper: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        position = (value - lower) / (upper - lower)
    # a value one float away from an end must not be rounded onto it
    position[(value > upper) & (position <= 1)] = np.inf
    position[(value < lower) & (position >= 0)] = -np.inf
    return position


def terms() -> dict[str, Any]:
    """Return the values that expectations of suites.toml name with ``$PARAMETER``."""
    return {
        "parameters": list(parameters()),
        "periods": list(PERIODS),
        "channels": list(CHANNELS),
        "censors": list(CENSORS),
    }


def judged_frame(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the frame that the suites see: text as categories, helper columns beside the value.

    Parameters
    ----------
    readings
        n readings, columns of READING_DTYPES.

    Returns
    -------
    DataFrame
        n rows, index 0..n-1, columns JUDGED_COLUMNS. `range_position` is where the value stands in the physical range of its
        parameter and period (0 at the lower, 1 at the upper end; NaN where the range or the value is
        missing), `outside_value` is the value where it is not within that range, else NaN,
        `zero_floor` is 0 where the parameter cannot be negative, else NaN; `aqi_fraction` is what an AQI has beyond a
        whole number, NaN for other parameters.
    """
    coded = {name: _codes(readings[name]) for name in _TEXT}
    limits = ranges()
    # one row and one column more: what is not in the vocabulary has no range
    edge = ((0, 1), (0, 1))
    lower = np.pad(limits.lower, edge, constant_values=np.nan)
    upper = np.pad(limits.upper, edge, constant_values=np.nan)
    at_parameter = _positions(coded["parameter"][1], limits.parameters)[coded["parameter"][0]]
    at_period = _positions(coded["period"][1], limits.periods)[coded["period"][0]]
    low = lower[at_parameter, at_period]
    data: dict[str, Any] = {
        name: pd.Categorical.from_codes(codes, list(texts)) for name, (codes, texts) in coded.items()
    }
    data["observed_year"] = readings["observed_at"].dt.year.to_numpy(dtype=np.float64, na_value=np.nan)
    data["value"] = readings["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    data["zero_floor"] = np.where(low >= 0, 0.0, np.nan)
    position = _range_position(data["value"], low, upper[at_parameter, at_period])
    data["range_position"] = position
    data["outside_value"] = np.where((position >= 0) & (position <= 1), np.nan, data["value"])
    is_aqi = np.array([text == "aqi" for text in coded["parameter"][1]])[coded["parameter"][0]]
    data["aqi_fraction"] = np.full(len(readings), np.nan)
    data["aqi_fraction"][is_aqi] = data["value"][is_aqi] % 1.0
    return pd.DataFrame({name: data[name] for name in JUDGED_COLUMNS}, index=range(len(readings)))


def _row_codes(outcomes: Sequence[Outcome], n: int) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the code of each row, as position in the codes; 0 is '' and the first failing one wins."""
    codes = tuple(dict.fromkeys(["", *(outcome.expectation.code for outcome in outcomes)]))
    verdict = np.zeros(n, dtype=np.int64)
    for outcome in reversed(outcomes):
        if outcome.expectation.severity == "quarantine":
            verdict[outcome.rows] = codes.index(outcome.expectation.code)
    return verdict, codes


def _delivery_numbers(
    readings: pd.DataFrame, deliveries: Sequence[str]
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    if "delivery" not in readings.columns:
        numbers = np.zeros(len(readings), dtype=np.int64)
    else:
        numbers = readings["delivery"].to_numpy(dtype=np.int64)
    highest = int(numbers.max()) if len(numbers) else -1
    if len(numbers) and numbers.min() < 0:
        raise JudgementError(f"column delivery: {numbers.min()} found, expected 0 or more")
    if deliveries and highest >= len(deliveries):
        raise JudgementError(f"column delivery: {highest} found, but {len(deliveries)} deliveries are named")
    names = tuple(deliveries) if deliveries else tuple(str(n) for n in range(max(highest + 1, 1)))
    return numbers, names


def _records(
    outcomes: Sequence[Outcome],
    suite: Suite,
    found: Sequence[Finding],
    delivery: npt.NDArray[np.int64],
    names: tuple[str, ...],
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for outcome in outcomes:
        item = outcome.expectation
        spread = np.bincount(delivery[outcome.rows], minlength=len(names))
        records.append(
            {
                "code": item.code,
                "expectation": item.type,
                "args": dict(item.args),
                "where": None if item.where is None else {"column": item.where[0], "equals": item.where[1]},
                "severity": item.severity,
                "evaluated": outcome.evaluated,
                "unexpected": len(outcome.rows),
                "success": outcome.success,
                "by_delivery": {int(d): int(spread[d]) for d in np.flatnonzero(spread)},
                "basis": item.basis,
                "sure": item.sure,
            }
        )
    for check in suite.checks:
        hits = [finding for finding in found if finding.check is check]
        records.append(
            {
                "code": check.code,
                "expectation": check.kind,
                "args": dict(check.terms),
                "where": None,
                "severity": check.severity,
                "evaluated": len(names),
                "unexpected": len(hits),
                "success": not hits,
                "by_delivery": {
                    hit.delivery: {"measured": hit.measured, "rows": hit.rows, "zh": hit.zh, "en": hit.en}
                    for hit in hits
                },
                "basis": check.basis,
                "sure": check.sure,
            }
        )
    return records


def _flagged(
    readings: pd.DataFrame, outcomes: Sequence[Outcome], accepted: Truths, delivery: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Return the accepted rows that an expectation of severity flag names, in its order."""
    parts = []
    for outcome in outcomes:
        if outcome.expectation.severity == "flag":
            rows = outcome.rows[accepted[outcome.rows]]
            named = readings.loc[rows, list(_FLAGGED)].assign(code=outcome.expectation.code)
            named.insert(0, "delivery", delivery[rows])
            parts.append(named)
    if not parts:
        parts = [readings.loc[[], list(_FLAGGED)].assign(code="", delivery=delivery[:0])]
    return pd.concat(parts, ignore_index=True)[["delivery", *_FLAGGED, "code"]]


def _facts(given: Mapping[int, DeliveryFacts] | None, names: tuple[str, ...]) -> tuple[DeliveryFacts, ...]:
    given = given or {}
    strange = [number for number in given if not 0 <= number < len(names)]
    if strange:
        raise JudgementError(f"facts: delivery {strange[0]} found, but {len(names)} deliveries are judged")
    return tuple(given.get(number, DeliveryFacts()) for number in range(len(names)))


def _rejects(
    readings: pd.DataFrame, codes: npt.NDArray[Any], delivery: npt.NDArray[np.int64]
) -> pd.DataFrame:
    frame = readings[[name for name in REJECT_DTYPES if name in READING_DTYPES]].reset_index(drop=True)
    frame["code"] = codes
    frame["cells"] = 1
    # a reading without site, parameter or period is rejected for just that; the reject frame has ''
    text = {name: "" for name in ("site", "parameter", "period") if frame[name].isna().any()}
    frame = frame.fillna(text)[list(REJECT_DTYPES)].astype(REJECT_DTYPES)
    frame["delivery"] = delivery
    return frame


def judge(
    readings: pd.DataFrame,
    *,
    source: str,
    deliveries: Sequence[str] = (),
    facts: Mapping[int, DeliveryFacts] | None = None,
    documented: bool = False,
) -> Judgement:
    """Judge a batch of readings row by row, and its deliveries each as a whole.

    Row verdicts come from the suite of the source (quality/data/suites.toml); the first expectation
    that a row fails, in the order of the suite, gives its code. A delivery is judged by itself: a
    batch of many gives what each alone would give.

    Parameters
    ----------
    readings
        n readings, columns of READING_DTYPES, any index; an int column `delivery` (0..k-1) tells the
        deliveries of the batch apart (absent: one delivery).
    source
        Source key, e.g. ``air-quotsoft``; selects the suite.
    deliveries
        Names of the deliveries, by number; a delivery may have no reading. Empty: '0', '1', ….
    facts
        Delivery number -> what is known beside its readings: cells, what its reader turned away, its issue, what the
        ledger expects. What is not given is not judged.
    documented
        Whether the judgement carries what Great Expectations itself said, for its own pages.

    Returns
    -------
    Judgement

    Raises
    ------
    JudgementError
        When an expectation could not be evaluated, or a delivery number does not fit `deliveries`.
    KeyError
        When a column of READING_DTYPES is missing.
    """
    readings = readings.reset_index(drop=True)
    missing = [name for name in READING_DTYPES if name not in readings.columns]
    if missing:
        raise KeyError(f"readings lack the columns {', '.join(missing)}")
    suite = suite_for(source)
    delivery, names = _delivery_numbers(readings, deliveries)
    frame = judged_frame(readings)
    nothing = np.empty(0, dtype=np.int64)
    outcomes = [Outcome(item, 0, nothing, success=True) for item in suite.expectations]
    documents: list[dict[str, Any]] = []
    if len(frame):
        used = {name for item in suite.expectations for name in item.columns}
        own = frame[[name for name in frame.columns if name in used]]
        outcomes = run(own, suite.expectations, terms(), keep=documents.append if documented else None)
    verdict, codes = _row_codes(outcomes, len(frame))
    known = _facts(facts, names)
    found = findings(
        Batch(
            n=len(names),
            delivery=delivery,
            site=frame["site"].cat.codes.to_numpy(dtype=np.int64),
            parameter=frame["parameter"].cat.codes.to_numpy(dtype=np.int64),
            parameters=tuple(frame["parameter"].cat.categories),
            period=frame["period"].cat.codes.to_numpy(dtype=np.int64),
            periods=tuple(frame["period"].cat.categories),
            observed_at=readings["observed_at"].to_numpy(),
            value=frame["value"].to_numpy(),
            ranged=frame["range_position"].notna().to_numpy() | (verdict != 0),
            code=verdict,
            codes=codes,
            facts=known,
        ),
        suite.checks,
    )
    refused = refusals(found)
    lost = np.isin(np.arange(len(names)), list(refused))
    kept = ~lost[delivery]
    good, bad = kept & (verdict == 0), kept & (verdict != 0)
    accepted = readings if good.all() else readings[good].reset_index(drop=True)
    if "delivery" not in accepted.columns:
        accepted = accepted.assign(delivery=delivery[good])
    counts = pd.DataFrame(
        {
            "delivery": np.arange(len(names)),
            "name": pd.Series(names, dtype="str"),
            "rows": np.bincount(delivery, minlength=len(names)),
            "accepted": np.bincount(delivery[good], minlength=len(names)),
            "quarantined": np.bincount(delivery[bad], minlength=len(names)),
            "refused": lost,
        }
    )
    return Judgement(
        source=source,
        suite_version=suite.version,
        deliveries=names,
        accepted=accepted,
        quarantined=_rejects(readings[bad], np.array(codes, dtype=object)[verdict[bad]], delivery[bad]),
        flagged=_flagged(readings, outcomes, good, delivery),
        refused=refused,
        remarks=remarks(found),
        facts=known,
        results=_records(outcomes, suite, found, delivery, names),
        counts=counts,
        document=documents[0] if documents else None,
    )
