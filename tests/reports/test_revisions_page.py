"""The page of revisions: every text is escaped, and what did not change is said once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from reports.revisions import LISTED, has_revisions, revision_tables, revisions_html

_EVIL = "<script>alert(1)</script>"


def report(cells: int = 1) -> dict[str, list[dict[str, Any]]]:
    reading = {
        "district": "d",
        "site": _EVIL,
        "parameter": "nh3_n",
        "period": "4h",
        "observed_at": "2025-07-01T08:00:00",
        "old_value": 0.4,
        "new_value": 1.9,
        "unit": "mg/L",
        "old_censor": None,
        "new_censor": "<",
        "old_provider_flag": None,
        "new_provider_flag": _EVIL,
        "source": "s",
        "delivery": _EVIL,
        "sha256": "0" * 64,
        "sheet": "",
        "row": 12,
        "column": "氨氮",
        "replaces": "a.csv",
        "known_before": True,
        "known_at": "2026-01-01T00:00:00.000000",
    }
    section = {
        "district": "d",
        "site": "x",
        "period_kind": "month",
        "period": "2025-07",
        "old_class": 3,
        "new_class": None,
        "old_label": "Ⅲ",
        "new_label": "",
        "old_worst": "nh3_n,tp",
        "new_worst": None,
        "old_attained": True,
        "new_attained": True,
        "revised_readings": 1,
        "known_at": "2026-01-01T00:00:00.000000",
    }
    further = section | {"period": "2025-08", "revised_readings": 0}
    empty: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("days", "outlets", "indicators", "episodes", "deliveries")
    }
    return empty | {"readings": [reading] * cells, "sections": [section, further]}


def page(given: dict[str, list[dict[str, Any]]]) -> str:
    return revisions_html(
        given,
        run_date=date(2026, 1, 2),
        since=datetime(2026, 1, 1, 18),
        until=datetime(2026, 1, 1, 19),
        names={"d": "某区", "x": "某断面"},
    )


def test_every_text_is_escaped_and_named() -> None:
    text = page(report())
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "某区" in text
    assert "氨氮、总磷" in text
    assert "2026-01-02 02:00:00" in text, "times are told in Asia/Shanghai"
    assert "<del>0.4</del> → <ins>&lt;1.9</ins>" in text
    assert "<del>Ⅲ</del> → <ins>—</ins>" in text
    assert "2025-08" not in text, "what further readings turned is only counted"
    assert "另有 1 项" in text


def test_a_long_list_is_cut_and_says_so() -> None:
    text = page(report(LISTED + 1))
    assert f"仅列前 {LISTED} 个" in text
    assert "仅列前" not in page(report(LISTED))


def test_the_terminal_says_once_what_did_not_change() -> None:
    tables = dict(revision_tables(report()))
    (section,) = tables["断面类别因修订而变化"]
    assert (section["类别"], section["达标"]) == ("Ⅲ → —", "是")
    (english,) = dict(revision_tables(report(), language="en"))["Section classes turned"]
    assert english["class"] == "Ⅲ → —"


def test_nothing_revised_is_no_page() -> None:
    assert has_revisions(report())
    assert not has_revisions(report() | {"readings": []})
