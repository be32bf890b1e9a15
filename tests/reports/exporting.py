"""A small filled warehouse and its exports, for the export tests."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import insert

from reports.export import Known, write_export
from reports.export_rows import Choice
from tests.warehouse.loading import no_rejects, readings, unit
from vocabulary.reading import REJECT_DTYPES
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.schema import air_days, outlet_results, section_results

FIRST, SECOND = datetime(2026, 1, 1, 3), datetime(2026, 1, 2, 3)
EVER = (datetime(1990, 1, 1), datetime(2100, 1, 1))
EVIL = '=HYPERLINK("http://example.invalid")'


def fill(warehouse: Warehouse) -> None:
    """Two deliveries, the second revising two readings; a rejected cell; some derived rows."""
    rows = [(site, hour, hour / 7 - 1) for site in ("断面乙", "a", "甲") for hour in range(0, 1600, 4)]
    rejected = pd.DataFrame(
        {
            **{name: ["d"] * 2 for name in ("district", "site", "parameter", "period")},
            "observed_at": [datetime(2025, 1, 5), pd.NaT],
            "raw": [EVIL, "-"],
            "sheet": "",
            "row": [9, 10],
            "column": "氨氮",
            "code": "not-a-number",
            "cells": 1,
        }
    ).astype(REJECT_DTYPES)
    with warehouse.begin() as connection:
        load_batch(
            connection,
            [unit(1, len(rows) + 2)],
            readings(rows, provider_flag="@SUM(1)", raw="-3.2"),
            rejected.assign(delivery=0),
            now=FIRST,
        )
        load_batch(
            connection,
            [unit(2, 2)],
            readings([("a", 0, 5.0), ("a", 4, 6.0)]),
            no_rejects(),
            now=SECOND,
        )
        section = {
            "district": "d",
            "site": "a",
            "period_kind": "month",
            "period": "2025-01",
            "start": datetime(2025, 1, 1),
            "items_used": 5,
            "items": "nh3_n",
            "worst": "nh3_n",
            "multiples": "",
            "nd_limited": False,
            "n_samples": 3,
            "valid": True,
            "reason": "",
            "mode": "evaluation",
            "standard": "GB3838-2002",
        }
        connection.execute(
            insert(section_results),
            [
                section | {"class": 4, "attained": True, "known_from": FIRST, "known_until": SECOND},
                section | {"class": None, "attained": None, "known_from": SECOND, "known_until": None},
            ],
        )
        day = {
            "district": "d",
            "site": "",
            "day": datetime(2025, 1, 3),
            "hours": 24,
            "valid": True,
            "standard": "HJ663-2013",
            "known_from": FIRST,
        }
        connection.execute(
            insert(air_days),
            [
                day | {"parameter": "o3_mda8", "value": 101.25},
                day | {"parameter": "co", "value": None},
            ],
        )
        connection.execute(
            insert(outlet_results).values(
                district="d",
                site="o",
                parameter="flue_so2_norm",
                period_kind="hour",
                start=datetime(2025, 1, 3, 5),
                value=-1.5,
                limit=35.0,
                verdict="exceed_hour",
                multiple=0.1,
                clause="表2",
                known_from=FIRST,
            )
        )


EPISODES: list[dict[str, Any]] = [
    {
        "id": 7,
        "rule": "r",
        "district": "d",
        "subject": "a",
        "level": "red",
        "state": "firing",
        "since": datetime(2025, 1, 2),
        "until": None,
        "class": 6,
        "limit": "氨氮 ≤ 2 mg/L",
        "message_zh": "断面劣Ⅴ",
        "message_en": "worse than class V",
        "history": False,
        "evidence": "{}",
        "known_at": FIRST,
        "updated_at": FIRST,
    }
]


def export(warehouse: Warehouse, folder: Path, form: Any, **chosen: Any) -> dict[str, Any]:
    choice = Choice(("d",), **chosen)
    known = Known(choice.as_of or datetime(2026, 2, 1), [{"id": "GB3838-2002", "version": "2002"}])
    with warehouse.read() as connection:
        return write_export(connection, folder, form, choice, list(EPISODES), known)


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
