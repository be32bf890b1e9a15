"""The page and the tree of an explanation: escaped, offline, everything in them."""

from __future__ import annotations

import io
import re
from typing import Any

from lxml import html
from rich.console import Console

from flows.explain.chain import KEYS
from reports.explain_page import explain_html
from reports.explain_tree import SHOWN, as_tree, show_chain

_EVIL = '<script>alert(1)</script>"=1+1'


def step(identity: int, parent: int | None, kind: str, **facts: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(KEYS)
    return blank | {"id": identity, "parent": parent, "kind": kind, "zh": "说明", "en": "said"} | facts


def chain() -> list[dict[str, Any]]:
    place = {"delivery": _EVIL, "sha256": "a" * 64, "sheet": "", "row": 7, "column": _EVIL, "raw": _EVIL}
    return [
        step(1, None, "result", zh=_EVIL, district="chiping", site="CP-S3", name=_EVIL, value=6.0),
        step(2, 1, "rule", zh="限值", standard="GB3838-2002", clause="表1 第8项", sure="V2"),
        step(3, 1, "input", zh="总磷", limit="Ⅴ≤0.4"),
        step(4, 3, "reading", parameter="tp", at="2026-03-31T20:00:00", value=0.58, proved=True, used=True)
        | place,
        step(
            5,
            3,
            "reading",
            parameter="tp",
            at="2026-03-31T16:00:00",
            value=0.4,
            proved=False,
            used=False,
            zh="",
            en="",
        )
        | place,
        *[
            step(number, 1, "files", delivery=f"f{number}.csv", sha256="b" * 64, row=2, row_last=9)
            for number in range(6, 30)
        ],
    ]


def test_the_page_shows_every_step_and_runs_nothing() -> None:
    page = explain_html(chain(), title=_EVIL, known_at="2026-04-01T00:00:00", command="ecoplan explain")
    tree = html.fromstring(page)
    assert not tree.xpath("//script | //link | //img | //iframe | //@onclick | //@src")
    assert not re.findall(r"https?://", page)
    assert tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content") == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]
    assert tree.xpath("//html/@lang") == ["zh-CN"]
    text = tree.text_content()
    assert text.count(_EVIL) >= 6
    assert "f29.csv" in text
    assert len(tree.xpath("//tbody/tr")) == 2
    assert [mark.text for mark in tree.xpath("//tbody//b")] == ["✓", "✗"]


def test_rows_hang_below_their_step() -> None:
    (top,) = as_tree(chain())
    assert [child.record["id"] for child in top.rules] == [2]
    assert [row["id"] for row in top.others[0].rows] == [4, 5]


def test_the_terminal_cuts_long_lists_and_says_so() -> None:
    out = io.StringIO()
    show_chain(Console(file=out, width=200), chain())
    said = out.getvalue()
    assert said.count("f1") + said.count("f6") + said.count("f7") + said.count("f8") >= 1
    files = 30 - 6
    assert len(re.findall(r"f\d+\.csv", said)) == SHOWN
    assert f"另有 {files - SHOWN} 项" in said
    # marks of the terminal's own language stay text
    assert "[/]" not in said
    assert "a" * 64 in said


def test_english_is_a_setting() -> None:
    out = io.StringIO()
    show_chain(Console(file=out, width=200), chain(), language="en")
    assert "more, see --json" in out.getvalue()
    assert "not used" in out.getvalue()
