"""What a reader returns: readings, rejected cells, and a count that always adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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


def together(parts: Sequence[tuple[str, ReadResult]], *, as_sheet: bool = False) -> ReadResult:
    """Return the results of the sheets of a workbook, or of the parts of an archive, as one.

    Parameters
    ----------
    parts
        Name and result of each; at least one.
    as_sheet
        Whether the names stand in `sheet` from now on, before a `!` and the sheet's own name.
    """
    results = [result for _, result in parts]
    problems = [
        replace(problem, zh=f"{name}：{problem.zh}", en=f"{name}: {problem.en}") if name else problem
        for name, result in parts
        for problem in result.problems
    ]

    def under(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        named = [
            frame.assign(sheet=(name + ("!" + frame["sheet"]).where(frame["sheet"] != "", "")).astype("str"))
            if as_sheet
            else frame
            for (name, _), frame in zip(parts, frames, strict=True)
        ]
        return pd.concat(named, ignore_index=True)

    return ReadResult(
        readings=under([result.readings for result in results]),
        rejects=under([result.rejects for result in results]),
        cells_in=sum(result.cells_in for result in results),
        blank=sum(result.blank for result in results),
        issued_at=max(result.issued_at for result in results),
        issued_stated=all(result.issued_stated for result in results),
        encoding="+".join(dict.fromkeys(result.encoding for result in results)),
        problems=problems,
    )
