"""Histories of a section and of stations, loaded and evaluated as nights would, for the tests of flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from flows.evaluate import evaluate_district
from flows.flagging import flag_district
from flows.run import Run, Summary
from flows.settings import ROOT, Settings
from flows.way import evaluate_and_alert
from vocabulary.district import District, load_district
from vocabulary.reading import READING_DTYPES, empty_rejects
from warehouse import bulk
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse
from warehouse.load import Unit, load_batch
from warehouse.schema import flags, section_results, series

SECTION, STATION, OTHER_STATION = "CP-S3", "CP-A1", "CP-A2"
#: midnight of a Monday
T0 = datetime(2025, 3, 10)
#: tests that speak of what is missing; they find something at every beginning
OF_MISSING = ("gap", "isolated")
_NOTHING = empty_rejects().assign(delivery=pd.Series([], dtype="int64"))


def rows_of(site: str, parameter: str, values: list[float], *, first: datetime = T0, every: int = 4) -> Any:
    """Readings of one series at an even cadence of some hours."""
    at = pd.date_range(first, periods=len(values), freq=f"{every}h", unit="us")
    return pd.DataFrame({"observed_at": at, "value": values}).assign(
        site=site, parameter=parameter, period=f"{every}h"
    )


def together(*parts: pd.DataFrame) -> pd.DataFrame:
    """Parts as one frame of readings."""
    frame = pd.concat(parts, ignore_index=True).assign(
        district="chiping",
        censor="",
        detection_limit=np.nan,
        provider_flag="",
        channel="automatic",
        sheet="",
        column="x",
    )
    frame["raw"] = frame["value"].map(str)
    frame["row"] = np.arange(2, len(frame) + 2)
    return frame[list(READING_DTYPES)].astype(READING_DTYPES)


@dataclass
class History:
    """A warehouse with one district, into which deliveries come one by one."""

    warehouse: Warehouse
    home: Path
    district: District = field(default_factory=lambda: load_district(ROOT / "districts" / "chiping"))
    number: int = 0
    run_date: date = date(2025, 3, 31)

    def load(self, frame: pd.DataFrame, *, rank: int | None = None) -> None:
        """Load one delivery; `rank` orders what deliveries state about one reading."""
        self.number += 1
        issued = datetime(2025, 4, 1) + timedelta(minutes=self.number if rank is None else rank)
        unit = Unit(
            district="chiping",
            source="made",
            partition="",
            sha256=f"{issued:%Y%m%d%H%M}".rjust(64, "0"),
            name=f"{issued:%H%M}.csv",
            size=1,
            issued_at=issued,
            modified_at=issued,
            encoding="utf-8",
            cells_in=len(frame),
            blank=0,
        )
        with self.warehouse.begin() as connection:
            now = datetime(2025, 5, 1) + timedelta(minutes=self.number)
            load_batch(connection, [unit], frame.assign(delivery=0), _NOTHING, now=now)

    def run(self) -> Run:
        """A run of the date at hand."""
        settings = Settings(home=self.home, districts=ROOT / "districts")
        summary = Summary(id="t", kind="t", run_date=self.run_date.isoformat(), started_at="")
        return Run(settings, self.warehouse, {"chiping": self.district}, self.run_date, summary)

    def judge(self) -> dict[str, int]:
        """Flag and evaluate what changed; return what was counted. Alerts and indicators are left to `night`."""
        with self.warehouse.begin() as connection:
            counts = flag_district(connection, self.district)
            return counts | evaluate_district(connection, self.run(), self.district).counts

    def take(self, *frames: pd.DataFrame) -> None:
        """Load each frame as one delivery, then judge."""
        for frame in frames:
            self.load(frame)
        self.judge()

    def night(self, *frames: pd.DataFrame) -> None:
        """Load each frame as one delivery, then do all that a night does."""
        for frame in frames:
            self.load(frame)
        evaluate_and_alert(self.run(), self.district, False)

    def flags(self, *, ended: bool = False) -> list[tuple[str, str, datetime, str, int]]:
        """Site, parameter, time, test and verdict of the flags that stand, but those of what is missing."""
        query = (
            select(series.c.site, series.c.parameter, flags.c.observed_at, flags.c.test, flags.c.verdict)
            .select_from(flags.join(series, flags.c.series_id == series.c.id))
            .where(flags.c.known_until.is_not(None) if ended else flags.c.known_until.is_(None))
        )
        with self.warehouse.read() as connection:
            found = connection.execute(query).all()
        return sorted(tuple(row) for row in found if row.test not in OF_MISSING)

    def rows(self, query: Any) -> list[dict[str, Any]]:
        """What a query gives."""
        with self.warehouse.read() as connection:
            found: list[dict[str, Any]] = bulk.fetch(connection, query).to_dict("records")
        return found

    def rows_max_known(self) -> datetime:
        """When the latest section's result became known, UTC."""
        (row,) = self.rows(select(func.max(section_results.c.known_from).label("at")))
        known: datetime = pd.Timestamp(row["at"]).to_pydatetime()
        return known

    def sha256(self) -> str:
        """The hash of the canonical dump."""
        with self.warehouse.read() as connection:
            return dump_sha256(connection)
