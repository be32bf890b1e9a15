"""The batch as the checks of deliveries see it, and what is known of a delivery beside its readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.suites import DeliveryCheck

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Expected:
    """What the ledger expects of a delivery: cells that hold something, over its last `deliveries`.

    `usual` is their median, `low` their lower decile: a source whose deliveries differ much in size has a
    `low` far below, and a delivery is small only where it is below both (quality/deliveries.py).
    """

    usual: float
    low: float
    deliveries: int


@dataclass(frozen=True)
class DeliveryFacts:
    """What is known of one delivery beside its readings.

    Attributes
    ----------
    cells_in, blank
        As its reader counted them; without `cells_in` its completeness and volume are not judged.
    rejected
        Code -> cells that the reader turned away.
    issued_at
        When the delivery says that it was issued (Asia/Shanghai); None where it does not say.
    until
        End of the day or month that the delivery speaks of; None where it names none.
    expected
        What the ledger expects; None where it holds too little to tell, or the delivery's own time is not over.
    """

    cells_in: int | None = None
    blank: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    issued_at: datetime | None = None
    until: datetime | None = None
    expected: Expected | None = None


@dataclass(frozen=True)
class Finding:
    """A delivery check that did not hold for one delivery."""

    delivery: int
    check: DeliveryCheck
    measured: float
    rows: int
    zh: str
    en: str


#: from the number of a delivery, and what was measured of it, to what is said of it
Told = Callable[[int, float], str]


def told(
    check: DeliveryCheck, hit: Integers, measured: Floats, rows: Integers, zh: Told, en: Told
) -> list[Finding]:
    """Return a finding for every delivery in `hit`; `measured` and `rows` have one value a delivery."""
    return [
        Finding(d, check, value, int(rows[d]), zh(d, value), en(d, value))
        for d, value in zip(hit.tolist(), measured[hit].tolist(), strict=True)
    ]


def above_share(
    check: DeliveryCheck,
    failing: Integers,
    total: Integers,
    zh: Told,
    en: Told,
    *,
    enough: Truths | None = None,
) -> list[Finding]:
    """Return the deliveries of which more fails than the check's `share`, among those with its `rows` or more.

    Parameters
    ----------
    failing, total
        How many fail, and of how many, a delivery.
    enough
        Where a delivery must also hold enough of something else.
    """
    share = failing / np.maximum(total, 1)
    hit = (total >= check.terms["rows"]) & (share > check.terms["share"])
    return told(check, np.flatnonzero(hit if enough is None else hit & enough), share, total, zh, en)


@dataclass(frozen=True)
class Batch:
    """The batch as the checks see it, all arrays of one length, text as integer codes.

    `ranged` is false on accepted rows without a physical range; `code` is the quarantine code of a row
    ('' = accepted) as position in `codes`; `n` deliveries, each with its `facts`.
    """

    n: int
    delivery: Integers
    site: Integers
    parameter: Integers
    parameters: tuple[str, ...]
    period: Integers
    periods: tuple[str, ...]
    observed_at: npt.NDArray[np.datetime64]
    value: Floats
    ranged: Truths
    code: Integers
    codes: tuple[str, ...]
    facts: Sequence[DeliveryFacts]

    @cached_property
    def total(self) -> Integers:
        """Rows of each delivery."""
        return np.bincount(self.delivery, minlength=self.n)

    @cached_property
    def series(self) -> Integers:
        """One number for delivery, site, parameter and period of each row; equal where all four are."""
        sites = int(self.site.max(initial=0)) + 1
        found = (self.delivery * sites + self.site) * len(self.parameters) + self.parameter
        return found * len(self.periods) + self.period

    @cached_property
    def places(self) -> Integers:
        """One number for delivery, site, period and time of each row: what values of one row of a table share."""
        # a missing time is -1 and takes a place of its own
        moments, known = pd.factorize(self.observed_at)
        sites = int(self.site.max(initial=0)) + 1
        found = (self.delivery * sites + self.site) * len(self.periods) + self.period
        return np.asarray(found * (len(known) + 1) + moments + 1, dtype=np.int64)

    @cached_property
    def repeats(self) -> Truths:
        """Whether the row's delivery, site, parameter, period and time stood in an earlier row."""
        keys = self.places * len(self.parameters) + self.parameter
        ordered = np.sort(keys)
        if not (ordered[1:] == ordered[:-1]).any():
            return np.zeros(len(keys), dtype=bool)
        return np.asarray(pd.Series(keys).duplicated())

    @cached_property
    def _masks(self) -> dict[tuple[str, ...], Truths]:
        return {}

    @cached_property
    def _rows(self) -> dict[str, Integers]:
        return {}

    def coded(self, codes: Sequence[str]) -> Truths:
        """Tell which rows have one of the codes; '' stands for accepted."""
        wanted = tuple(codes)
        if wanted not in self._masks:
            self._masks[wanted] = np.asarray(np.isin(np.array(self.codes), wanted)[self.code])
        return self._masks[wanted]

    def rows_of(self, parameter: str, check: DeliveryCheck, periods: Sequence[str] | None = None) -> Integers:
        """Return the places of a parameter's rows that a check on values sees, ascending.

        A check sees accepted rows and those that fail only for its `sees` codes; `periods` narrows the rows
        where it is given.
        """
        if parameter not in self.parameters:
            return np.empty(0, dtype=np.int64)
        if parameter not in self._rows:
            at = self.parameters.index(parameter)
            self._rows[parameter] = np.flatnonzero(self.parameter == at)
        rows = self._rows[parameter]
        wanted = self.coded(["", *check.terms["sees"]])[rows]
        if periods is not None:
            known = np.array([period in periods for period in self.periods])
            wanted = wanted & known[self.period[rows]]
        return rows if wanted.all() else rows[wanted]

    def keyed(self, rows: Integers) -> pd.DataFrame:
        """Return place, row and value of rows; of equal places the later row counts, it is the correction."""
        places = self.places[rows]
        frame = pd.DataFrame({"place": places, "row": rows, "value": self.value[rows]})
        if not self.repeats[rows].any():
            return frame
        return frame.drop_duplicates("place", keep="last")

    def rejected(self, codes: Sequence[str]) -> Integers:
        """Return how many cells of each delivery its reader turned away for one of the codes."""
        return np.array(
            [sum(facts.rejected.get(code, 0) for code in codes) for facts in self.facts], dtype=np.int64
        )
