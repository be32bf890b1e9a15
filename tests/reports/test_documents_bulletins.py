"""What a bulletin says of a water body's change, and of a section beyond its own target."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from reports.documents.bulletins import BulletinFacts, black_odorous_bulletin, sections_bulletin
from reports.documents.model import Document, Paragraph, Table
from tests.flows.slices import ROOT
from vocabulary.district import District, load_district


@pytest.fixture(scope="module")
def district() -> District:
    return load_district(ROOT / "districts" / "chiping")


def facts(district: District, rows: list[dict[str, Any]], **given: Any) -> BulletinFacts:
    kept: dict[str, Any] = {"details": [], "standards": [], "share": None} | given
    return BulletinFacts(
        district=district,
        quarter="2026-Q1",
        as_of="2026-04-02T00:00:00",
        judged_on=date(2026, 4, 1),
        rows=rows,
        **kept,
    )


def body(**given: Any) -> dict[str, Any]:
    return {
        "site": "B",
        "name": "示例沟",
        "registered": True,
        "urban": True,
        "state": None,
        "previous": None,
        "first": "",
        "stated_on": "",
        "eliminated": "",
    } | given


def table(document: Document, word: str) -> Table:
    return next(part for part in document.parts if isinstance(part, Table) and word in part.caption)


@pytest.mark.parametrize(
    ("state", "previous", "eliminated", "change"),
    [
        (2.0, None, "", "新增"),
        (1.0, 0.0, "2025-12-31", "返黑返臭"),
        (0.0, 2.0, "", "本季度消除"),
        (1.0, 2.0, "", "减轻"),
        (2.0, 1.0, "", "加重"),
        (1.0, 1.0, "", "未变"),
        (0.0, None, "", "首次登记"),
        (None, 1.0, "", "—"),
    ],
)
def test_change_of_a_water_body(
    district: District, state: float | None, previous: float | None, eliminated: str, change: str
) -> None:
    row = body(state=state, previous=previous, eliminated=eliminated)
    listed = table(black_odorous_bulletin(facts(district, [row])), "黑臭水体清单")
    assert listed.rows[0][5].text == change


def test_a_body_without_a_state_or_a_registration_says_so(district: District) -> None:
    rows = [body(), body(site="X", name="X", registered=False, urban=None, state=1.0)]
    document = black_odorous_bulletin(facts(district, rows))
    silent, strange = table(document, "黑臭水体清单").rows
    assert silent[8].text == "本季度清单没有该水体的状态"
    assert strange[2].text == "未登记"
    assert "不在点位登记表" in strange[8].text
    said = [part.text for part in document.parts if isinstance(part, Paragraph)]
    assert "本季度没有建成区水体的状态，建成区黑臭水体比例无从计算。" in said


def test_an_empty_register_is_said(district: District) -> None:
    document = black_odorous_bulletin(facts(district, []))
    said = [part.text for part in document.parts if isinstance(part, Paragraph)]
    assert "没有登记黑臭水体，清单也没有列出任何水体。" in said


def test_a_section_beyond_its_target_is_named_with_its_items(district: District) -> None:
    common = {
        "river": "茌中河", "level": "区控", "previous": None, "last_year": 3, "items_used": 5, "n_samples": 3,
        "months": 2, "valid": True, "reason": "", "standard": "GB3838-2002", "left_out": 0,
    }  # fmt: skip
    rows = [
        # target Ⅲ, class Ⅳ: beyond; what is beyond Ⅲ is beyond the target here
        common | {"site": "A", "name": "甲", "target_class": 3, "class": 4, "attained": False}
        | {"worst": "tp", "multiples": "tp=0.1", "beyond": "tp=0.1"},
        # target Ⅴ, class Ⅳ: attained, though beyond Ⅲ
        common | {"site": "B", "name": "乙", "target_class": 5, "class": 4, "attained": True}
        | {"worst": "tp", "multiples": "tp=0.1", "beyond": ""},
        common | {"site": "C", "name": "丙", "target_class": 4, "class": None, "attained": None}
        | {"worst": "", "multiples": "", "beyond": "", "reason": "2026-01 断流"},
    ]  # fmt: skip
    document = sections_bulletin(facts(district, rows))
    said = " ".join(part.text for part in document.parts if isinstance(part, Paragraph))
    assert "登记断面 3 个，本季度有水质类别的 2 个" in said
    assert "有目标且已评价的 2 个，达标 1 个，未达标 1 个" in said
    assert "丙（2026-01 断流）" in said
    shown = {row[0].text: [cell.text for cell in row] for row in table(document, "断面水质").rows}
    assert shown["甲"][7:10] == ["否", "总磷（0.1 倍）", "总磷（0.1 倍）"]
    assert shown["乙"][7:10] == ["是", "—", "总磷（0.1 倍）"]
    assert shown["丙"][4:8] == ["—", "—", "Ⅲ", "—"]
