"""What an evaluation or bulletin is made of: records as the read commands answer them, as of one time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from vocabulary.district import District
from vocabulary.plan import Plan

Record = Mapping[str, Any]
Records = Sequence[Record]
Form = Literal["yearly", "mid-term", "final"]


@dataclass(frozen=True)
class Evidence:
    """Everything an evaluation says, gathered once.

    `as_of` is Asia/Shanghai wall time (ISO text), `judged_on` the day of the run whose judgement is told.
    Mappings by year hold a year only where there is something on record.
    """

    form: Form
    district: District
    plan: Plan
    year: int
    as_of: str
    judged_on: date
    #: records of `ecoplan indicators --json`, by year
    indicators: Mapping[int, Records]
    #: class of every registered section by year (`year`) and month (`month`), with level and target
    sections: Records
    #: records of `ecoplan air --json`, by year, and by month of the year evaluated
    air: Mapping[int, Records]
    air_months: Mapping[str, Records]
    #: days by year, month and AQI level (None: not valid), and by primary pollutant
    air_levels: Records
    air_primary: Records
    #: statements of the ledger: project, pollutant, year, claimed, recognised, offset, state
    ledger: Records
    #: what moved an indicator, of its answer; empty where that is not worked out
    moved: Records
    #: further targets of the plan with their state
    further: Records
    #: figures of the year that were known otherwise once
    turned: Records
    #: one record a source, one a reason of quarantine, one a test of flags
    sources: Records
    quarantined: Records
    flags: Records
    #: editions and clauses that the figures rest on
    standards: Records

    def fingerprint(self) -> str:
        """Return the SHA-256 of all records: what the document says, whatever machine wrote it."""
        told = {
            name: value
            for name, value in vars(self).items()
            if name not in ("district", "plan") and not name.startswith("_")
        }
        told |= {"district": self.district.key, "plan": self.plan.model_dump(mode="json")}
        return fingerprint_of(told)

    def of_year(self, year: int | None = None) -> Records:
        """Return the indicators of a year (of the evaluated one)."""
        return self.indicators.get(self.year if year is None else year, ())

    @property
    def years(self) -> list[int]:
        """The years of the plan up to the evaluated one; for a yearly summary too, since it shows the way."""
        return list(range(self.plan.first_year, self.year + 1))


def fingerprint_of(told: object) -> str:
    """Return the SHA-256 of plain data."""
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
