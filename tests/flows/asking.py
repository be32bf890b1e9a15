"""Asks a warehouse as the read commands do."""

from __future__ import annotations

import time
from datetime import datetime

from sqlalchemy import Connection

from flows.answers import records as answers
from tests.flows.slices import Slice
from vocabulary.clock import SHANGHAI
from vocabulary.district import load_district

#: an air day of chiping and its planted correction
ORIGINAL = "air/china_sites_20250310.csv"
CORRECTION = "air/china_sites_20250310_issued20250401.csv"


def wall() -> str:
    """The present moment as a person would type it for `--as-of`."""
    time.sleep(0.002)
    return datetime.now(SHANGHAI).replace(tzinfo=None).isoformat()


class Asking:
    """Asks a warehouse as the read commands do."""

    def __init__(self, made: Slice, connection: Connection) -> None:
        self.connection = connection
        self.district = load_district(made.root / "districts" / "chiping")

    def pm2_5(self, as_of: str | None) -> dict:
        moment = answers.as_of_utc(as_of)
        (record,) = [
            item
            for item in answers.indicators(self.connection, self.district, 2025, as_of=moment)
            if item["indicator"] == 1
        ]
        return record

    def section(self, period: str, as_of: str | None) -> dict:
        found = answers.sections(self.connection, self.district, period, as_of=answers.as_of_utc(as_of))
        (record,) = [item for item in found if item["site"] == "CP-S3" and item["period"] == period[:16]]
        return record
