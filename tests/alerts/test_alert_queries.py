from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sqlalchemy import Engine

from alerts.query import EpisodeNotFoundError, list_episodes, show_episode

if TYPE_CHECKING:
    from conftest import Nights


@pytest.fixture
def filled(nights: Nights, samples: Callable) -> Nights:
    nights.run(pd.concat([samples("6655", "S1"), samples("55!", "S2")]))
    nights.run(samples("66"), district="gaoxin", silent=True)
    nights.run(samples("55"), district="gaoxin")
    return nights


def test_the_list_has_the_documented_keys(filled: Nights, engine: Engine) -> None:
    with engine.connect() as connection:
        records = list_episodes(connection)
    assert [list(record) for record in records] == [
        ["id", "rule", "district", "subject", "level", "state", "since", "until", "class", "limit", "message"]
    ] * 2
    newest, older = records
    assert (newest["subject"], newest["state"], newest["since"], newest["until"]) == (
        "S2",
        "firing",
        "2026-03-20T08:00",
        None,
    )
    assert (older["state"], older["until"]) == ("resolved", "2026-03-20T08:00")
    assert (newest["class"], newest["limit"], newest["level"]) == (6, "氨氮 ≤ 2 mg/L", "red")
    assert newest["message"].startswith("断面劣Ⅴ：茌中河示例断面（茌中河）自 2026-03-20 08:00 起，1 次读数")


def test_the_list_by_district_state_and_language(filled: Nights, engine: Engine) -> None:
    with engine.connect() as connection:
        assert list_episodes(connection, "gaoxin") == []
        assert [record["district"] for record in list_episodes(connection, state="annulled")] == ["gaoxin"]
        assert [record["subject"] for record in list_episodes(connection, "chiping", "firing")] == ["S2"]
        english = list_episodes(connection, state="firing", language="en")[0]["message"]
    assert english.startswith("section worse than class V: ")


def test_show_gives_evidence_steps_and_what_left(filled: Nights, engine: Engine) -> None:
    with engine.connect() as connection:
        number = list_episodes(connection, state="firing")[0]["id"]
        shown = show_episode(connection, number)
    assert shown["evidence"]["clause"] == "GB 3838-2002 表1"
    assert shown["evidence"]["readings"] == [
        {
            "parameter": "nh3_n",
            "value": 7.0,
            "limit": 2.0,
            "multiple": 2.5,
            "unit": "mg/L",
            "observed_at": "2026-03-20 08:00",
            "delivery": "茌新河示例断面.csv",
            "sheet": "",
            "row": 4,
            "column": "氨氮(mg/L)",
        }
    ]
    assert [(step["step"], step["note"]) for step in shown["steps"]] == [("firing", "queued")]
    assert [(message["channel"], message["state"]) for message in shown["outbox"]] == [
        ("console", "waiting"),
        ("file", "waiting"),
    ]
    # kept in UTC, shown in Asia/Shanghai
    assert shown["known_at"] == dt.datetime(2026, 4, 2, 2).isoformat()
    assert shown["history"] is False


def test_an_unknown_id_is_an_error(filled: Nights, engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(EpisodeNotFoundError, match="99"):
        show_episode(connection, 99)
