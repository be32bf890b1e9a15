"""What a reader returns: readings, rejected cells, and a count that always adds up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from vocabulary.reading import READING_DTYPES, REJECT_DTYPES
from vocabulary.reasons import reasons


class UnbalancedReadError(Exception):
    """A reader lost or invented a cell: a defect of the reader, never of the delivery."""


@dataclass(frozen=True)
class Problem:
    """A remark on the delivery that stops nothing; `code` is a key of vocabulary/data/reasons.toml."""

    code: str
    zh: str
    en: str
    row: int | None = None


@dataclass(frozen=True)
class ReadResult:
    """Readings and rejected cells of one delivery.

    Attributes
    ----------
    readings, rejects
        Frames as in vocabulary/reading.py, in the order of the delivery.
    cells_in
        Value positions physically present in the export.
    blank
        Value positions that hold a missing mark of the layout.
    issued_at
        When the platform issued the export (naive, Asia/Shanghai): orders revisions.
    issued_stated
        False when nothing but the file's modification time told `issued_at`.
    encoding
        Encoding found by evidence (`utf-8`, `utf-8-sig`, `gb18030`, `utf-16`).
    problems
        Remarks on the delivery as a whole.

    Raises
    ------
    UnbalancedReadError
        On construction, when `cells_in != len(readings) + rejects.cells.sum() + blank`, when a
        frame does not follow the contract, or when a code is unknown.
    """

    readings: pd.DataFrame
    rejects: pd.DataFrame
    cells_in: int
    blank: int
    issued_at: datetime
    issued_stated: bool
    encoding: str
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prove the balance and the contract."""
        for frame, contract in ((self.readings, READING_DTYPES), (self.rejects, REJECT_DTYPES)):
            found = {name: str(kind) for name, kind in frame.dtypes.items()}
            if list(found) != list(contract) or found != contract:
                raise UnbalancedReadError(f"columns {found}, expected {contract}")
        rejected = int(self.rejects["cells"].sum())
        if self.cells_in != len(self.readings) + rejected + self.blank:
            raise UnbalancedReadError(
                f"cells_in {self.cells_in} != readings {len(self.readings)} + rejected {rejected}"
                f" + blank {self.blank}"
            )
        codes = set(self.rejects["code"].unique()) | {problem.code for problem in self.problems}
        if strangers := codes - set(reasons()):
            raise UnbalancedReadError(f"codes without a reason: {sorted(strangers)}")
