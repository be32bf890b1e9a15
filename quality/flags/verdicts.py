"""The verdicts of a test (QARTOD, IODE primary level): 1 good, 2 not evaluated, 3 suspect, 4 bad, 9 missing."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: name of the column that holds the worst verdict of a reading
OVERALL = "overall"


class Verdict(IntEnum):
    """What a test says about a reading.

    Source: IOOS, Manual for Real-Time Oceanographic Data Quality Control Flags 1.2 (QARTOD), table 1.
    """

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    BAD = 4
    MISSING = 9


#: share by which a difference may exceed a limit and still equal it: 1.1 - 1.0 is not above 0.1,
#: although binary numbers say so
_SLACK = 1e-9


def beyond(size: Floats, limit: Floats | float) -> Bools:
    """Tell where a size exceeds a limit by more than the noise of binary numbers."""
    return np.asarray(size > limit + _SLACK * np.abs(limit), dtype=bool)


def graded(suspect: Bools, bad: Bools, evaluated: Bools | None = None) -> Codes:
    """Turn three masks of n into n verdicts; what was not evaluated is neither suspect nor bad."""
    verdict = suspect.astype(np.int8)
    verdict *= np.int8(Verdict.SUSPECT - Verdict.GOOD)
    verdict += np.int8(Verdict.GOOD)
    verdict[bad] = Verdict.BAD
    if evaluated is not None:
        verdict[~evaluated] = Verdict.NOT_EVALUATED
    return verdict


def worst(verdicts: Sequence[Codes]) -> Codes:
    """Return the worst verdict among those that were evaluated; not evaluated where none was."""
    # not evaluated counts as 0, below good: 0 < good < suspect < bad
    most = np.zeros(len(verdicts[0]), dtype=np.int8)
    for verdict in verdicts:
        np.maximum(most, verdict * (verdict != Verdict.NOT_EVALUATED), out=most)
    most[most == 0] = Verdict.NOT_EVALUATED
    return most
