"""Fills a warehouse with a little of everything, for what must not be lost on the way."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import insert

from tests.warehouse.loading import readings, unit
from vocabulary.reading import REJECT_DTYPES
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.schema import (
    air_days,
    episode_steps,
    episodes,
    flags,
    outbox,
    pull_marks,
    runs,
    section_results,
)

T0 = datetime(2025, 7, 1, 1, 2, 3, 456789)


def fill(warehouse: Warehouse) -> str:
    """Two deliveries with a revision, a rejected cell, derived rows, an episode; return the dump hash."""
    with warehouse.begin() as connection:
        rows = [("断面甲", hour, 0.1 * hour + 0.2) for hour in range(0, 24 * 40, 4)]
        rejects = pd.DataFrame(
            [
                {
                    **dict.fromkeys(REJECT_DTYPES, ""),
                    "observed_at": pd.NaT,
                    "row": 7,
                    "column": '氨氮, "mg/L"',
                    "raw": "坏\n值",
                    "code": "not-a-number",
                    "cells": 1,
                }
            ]
        ).astype(REJECT_DTYPES)
        load_batch(
            connection,
            [unit(1, len(rows) + 1)],
            readings(rows),
            rejects.assign(delivery=0),
            now=T0,
        )
        correction = readings([("断面甲", 0, 1e-300), ("B", 4, 3.25)], censor="<", detection_limit=0.01)
        none = rejects.iloc[:0].assign(delivery=pd.Series([], dtype="int64"))
        load_batch(connection, [unit(2, 2)], correction, none, now=T0 + timedelta(days=1))
        known = {"known_from": T0, "known_until": None}
        connection.execute(
            insert(section_results).values(
                district="d",
                site="断面甲",
                period_kind="month",
                period="2025-01",
                start=datetime(2025, 1, 1),
                items_used=3,
                items="",
                worst="",
                multiples="",
                nd_limited=False,
                n_samples=4,
                valid=False,
                reason="few-samples",
                mode="evaluation",
                standard="GB 3838-2002",
                **known,
                **{"class": 3},
            )
        )
        connection.execute(
            insert(air_days).values(
                district="d",
                site="",
                day=datetime(2025, 1, 1),
                parameter="pm2_5",
                value=None,
                hours=3,
                valid=False,
                standard="GB 3095-2012",
                **known,
            )
        )
        connection.execute(
            insert(flags).values(
                series_id=1, observed_at=datetime(2025, 1, 1), test="spike", verdict=3, **known
            )
        )
        number = connection.execute(
            insert(episodes).returning(episodes.c.id).values(**_episode("断面甲"))
        ).scalar_one()
        connection.execute(
            insert(episode_steps).values(episode_id=number, step="firing", at=T0, actor="", note="")
        )
        connection.execute(insert(outbox).values(**message("k1")))
        connection.execute(
            insert(runs).values(
                id="r1", kind="nightly", run_date=T0, started_at=T0, status="done", summary='{"a": "“"}'
            )
        )
        connection.execute(
            insert(pull_marks).values(
                district="d",
                source="s",
                address="a/b.csv",
                etag="",
                last_modified="",
                sha256="f" * 64,
                size=1,
                modified_ns=1_775_000_000_123_456_789,
                seen_at=T0,
            )
        )
        return dump_sha256(connection)


def _episode(subject: str) -> dict[str, object]:
    return {
        "rule": "worse-than-v",
        "district": "d",
        "subject": subject,
        "level": "red",
        "state": "firing",
        "since": datetime(2025, 1, 1),
        "class": 6,
        "limit": "2.0",
        "evidence": '{"raw": "<0.05\\n"}',
        "message_zh": "“断面甲”劣Ⅴ",
        "message_en": "worse than Ⅴ",
        "history": False,
        "known_at": T0,
        "updated_at": T0,
    }


def message(key: str) -> dict[str, object]:
    """One waiting message; its id is the database's choice."""
    return {
        "idempotency_key": key,
        "channel": "file",
        "district": "d",
        "subject": "断面甲",
        "title": "t",
        "body": "",
        "state": "waiting",
        "attempts": 0,
        "not_before": T0,
        "created_at": T0,
    }


def go_on(warehouse: Warehouse) -> None:
    """Load, alert and queue once more: every id must be one that is free."""
    with warehouse.begin() as connection:
        rejects = pd.DataFrame(
            [dict.fromkeys(REJECT_DTYPES, "") | {"observed_at": pd.NaT, "row": 1, "cells": 1, "code": "x"}]
        ).astype(REJECT_DTYPES)
        load_batch(connection, [unit(9, 2)], readings([("新", 0, 1.0)]), rejects.assign(delivery=0), now=T0)
        connection.execute(insert(episodes).values(**_episode("断面乙")))
        connection.execute(insert(outbox).values(**message("k2")))
