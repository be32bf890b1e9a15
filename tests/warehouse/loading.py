"""Makes small batches for the warehouse tests."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from vocabulary.reading import READING_DTYPES, empty_rejects
from warehouse.load import Unit

ISSUED = datetime(2025, 6, 1)


def unit(number: int, cells: int, *, issued: datetime | None = None, blank: int = 0, **given: object) -> Unit:
    """One delivery; later numbers are issued later unless said otherwise."""
    when = issued or ISSUED + timedelta(days=number)
    facts = {
        "district": "d",
        "source": "s",
        "partition": "2025-01",
        "sha256": f"{number:064x}",
        "name": f"export-{number}.csv",
        "size": 1,
        "issued_at": when,
        "modified_at": when,
        "encoding": "utf-8",
        "cells_in": cells,
        "blank": blank,
    }
    return Unit(**(facts | given))  # type: ignore[arg-type]


def readings(rows: list[tuple[str, int, float]], delivery: int = 0, **given: object) -> pd.DataFrame:
    """Readings (site, hour, value) of one delivery, in the order given."""
    frame = pd.DataFrame(
        {
            "district": "d",
            "site": [site for site, _, _ in rows],
            "parameter": "nh3_n",
            "period": "4h",
            "observed_at": [datetime(2025, 1, 1) + timedelta(hours=hour) for _, hour, _ in rows],
            "value": [value for _, _, value in rows],
            "raw": [str(value) for _, _, value in rows],
            "censor": "",
            "detection_limit": float("nan"),
            "provider_flag": "",
            "channel": "automatic",
            "sheet": "",
            "row": range(2, len(rows) + 2),
            "column": "氨氮(mg/L)",
        }
        | given
    ).astype(READING_DTYPES)
    return frame.assign(delivery=delivery)


def no_rejects() -> pd.DataFrame:
    """An empty frame of rejected cells."""
    return empty_rejects().assign(delivery=pd.Series([], dtype="int64"))
