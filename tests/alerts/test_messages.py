from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evidence import Factor
from alerts.messages import Facts, Place, write_message, write_summary
from alerts.rules import Rule
from alerts.wording import clean

NASTY = "<script>alert(1)</script>\r\n【解除】 [看](http://x) \x1b[31m\u202e{{7*7}} *粗* @all =1+1"


def factor(**changes: object) -> Factor:
    values = {
        "parameter": "nh3_n",
        "zh": "氨氮",
        "en": "ammonia nitrogen",
        "value": 3.5,
        "limit": 2.0,
        "multiple": 0.75,
        "unit": "mg/L",
        "observed_at": "2026-03-24 12:00",
        "delivery": "茌新河示例断面.csv",
        "sheet": "",
        "row": 140,
        "column": "氨氮(mg/L)",
    }
    return Factor(**(values | changes))  # type: ignore[arg-type]


def facts(*factors: Factor, until: str | None = None) -> Facts:
    return Facts(
        since=pd.Timestamp("2026-03-24 08:00"),
        until=None if until is None else pd.Timestamp(until),
        last_seen=pd.Timestamp("2026-03-25 16:00"),
        peak_at=pd.Timestamp("2026-03-24 12:00"),
        worst_class=6,
        n_readings=9,
        factors=list(factors) or [factor()],
        known_at=dt.datetime(2026, 3, 25, 18, 30),
    )


PLACE = Place("茌新河示例断面", "茌新河", "茌平区", 4)


def test_the_message_says_what_where_why_since_when_and_the_limit(rule: Rule) -> None:
    message = write_message(rule, "firing", PLACE, facts(), language="zh", markup="text", key="k1")
    assert message.title == "【红色预警】断面劣Ⅴ：茌新河示例断面（茌新河，茌平区）"
    assert message.body.splitlines() == [
        "断面：茌新河示例断面",
        "河流：茌新河",
        "区县：茌平区",
        "水质：劣Ⅴ类（目标 Ⅳ类）",
        "时间：自 2026-03-24 08:00 起，尚未解除",
        "读数：9 次有效读数劣于Ⅴ类，最近一次 2026-03-25 16:00",
        "最重一次 2026-03-24 12:00：",
        "　氨氮 3.5 mg/L，Ⅴ类限值 ≤ 2 mg/L，超标 0.75 倍（茌新河示例断面.csv，第 140 行，氨氮(mg/L) 列）",
        "质控：以上读数无质控标记",
        "依据：GB 3838-2002 表1（连续 2 次，或一次超过限值的 2 倍，即报）",
        "数据：截至 2026-03-26 02:30 已入库的数据",
        "编号：k1",
    ]


def test_english_stands_below_chinese_where_asked(rule: Rule) -> None:
    message = write_message(rule, "firing", PLACE, facts(), language="zh+en", markup="text", key="k1")
    assert message.title.startswith("【红色预警】")
    chinese, english = message.body.split("\n\n")
    assert "编号：k1" in chinese
    assert "Time: since 2026-03-24 08:00, not over yet" in english
    assert "ammonia nitrogen 3.5 mg/L, class Ⅴ limit ≤ 2 mg/L, 0.75 times over" in english


@pytest.mark.parametrize(
    ("step", "title", "first"),
    [
        ("resolved", "【红色预警·解除】", "解除：自 2026-03-26 00:00 起连续 2 次有效读数不再劣于Ⅴ类。"),
        ("resolved-1", "【红色预警·解除】", "解除："),
        ("reopened-1", "【红色预警·再次】", "再次："),
        ("annulled", "【红色预警·更正】", "更正："),
    ],
)
def test_every_step_says_what_it_is(rule: Rule, step: str, title: str, first: str) -> None:
    told = facts(until=None if step.startswith("reopened") else "2026-03-26 00:00")
    message = write_message(rule, step, PLACE, told, language="zh", markup="text", key="k")
    assert message.title.startswith(title)
    assert message.body.startswith(first)


def test_oxygen_is_bounded_from_below_and_ph_from_both_sides(rule: Rule) -> None:
    oxygen = factor(parameter="do", zh="溶解氧", value=1.2, multiple=None)
    acid = factor(parameter="ph", zh="pH", value=9.6, limit="6~9", multiple=None, unit="")
    body = write_message(
        rule, "firing", PLACE, facts(oxygen, acid), language="zh", markup="text", key="k"
    ).body
    assert "溶解氧 1.2 mg/L，Ⅴ类限值 ≥ 2 mg/L（" in body
    assert "pH 9.6，Ⅴ类限值 6~9（" in body


def test_the_last_reading_is_shown_beside_the_worst(rule: Rule) -> None:
    last = factor(observed_at="2026-03-25 16:00", value=2.1, multiple=0.05)
    body = write_message(
        rule, "firing", PLACE, facts(factor(), last), language="zh", markup="text", key="k"
    ).body
    assert "最近一次 2026-03-25 16:00：\n　氨氮 2.1 mg/L" in body


def test_unknown_river_and_target_are_not_guessed(rule: Rule) -> None:
    place = Place("S9", "", "茌平区", None)
    message = write_message(rule, "firing", place, facts(), language="zh+en", markup="text", key="k")
    assert "河流" not in message.body
    assert "目标 未定" in message.body
    assert "target not set" in message.body
    assert message.title == "【红色预警】断面劣Ⅴ：S9（茌平区）"


@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
def test_an_injected_name_stays_one_line_of_text(rule: Rule, markup: str) -> None:
    nasty = Place(NASTY, NASTY, f"{NASTY}区", 4)
    plain = write_message(rule, "firing", PLACE, facts(), language="zh+en", markup=markup, key="k")  # type: ignore[arg-type]
    told = facts(factor(delivery=NASTY, column=NASTY, zh=NASTY, en=NASTY))
    message = write_message(rule, "firing", nasty, told, language="zh+en", markup=markup, key="k")  # type: ignore[arg-type]
    assert len(message.body.splitlines()) == len(plain.body.splitlines())
    for text in (message.title, message.body):
        assert not set("\r\x1b\u202e") & set(text)
        assert "@all" not in text
        assert "49" not in text.replace("{{7*7}}", "")
    assert "\n" not in message.title
    if markup == "html":
        assert "<script" not in message.body
        assert "＜script&gt;" in message.body
        assert "<script" not in message.title
        assert "&lt;" not in message.title
    if markup == "markdown":
        assert "[看](" not in message.body
        assert r"\[看\](" in message.body
        assert r"\*粗\*" in message.body
        assert "[看]" not in message.title


def test_html_lines_end_in_breaks(rule: Rule) -> None:
    body = write_message(rule, "firing", PLACE, facts(), language="zh", markup="html", key="k").body
    assert all(line.endswith("<br>") for line in body.splitlines()[:-1])


def test_the_summary_is_one_line_and_does_not_depend_on_the_run(rule: Rule) -> None:
    one = write_summary(rule, PLACE, facts(), language="zh")
    assert one == (
        "断面劣Ⅴ：茌新河示例断面（茌新河）自 2026-03-24 08:00 起，9 次读数为劣Ⅴ类：氨氮 3.5 mg/L（限值 ≤ 2 mg/L，超 0.75 倍）"
    )
    later = Facts(**(vars(facts()) | {"known_at": dt.datetime(2027, 1, 1)}))
    assert write_summary(rule, PLACE, later, language="zh") == one
    english = write_summary(rule, PLACE, facts(until="2026-03-26 00:00"), language="en")
    assert english.startswith(
        "section worse than class V: 茌新河示例断面 (茌新河) from 2026-03-24 08:00 to 2026-03-26"
    )
    assert ": ammonia nitrogen 3.5 mg/L (limit" in english


@given(st.text(max_size=400))
def test_clean_text_is_one_printable_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable() or cleaned == ""
    assert len(cleaned.splitlines()) <= 1
    assert len(cleaned) <= 160
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("multiple", "said"),
    [
        # 2.225 against 2.0, with what binary fractions leave: half to even on the decimal
        ((2.225 - 2.0) / 2.0, "超标 0.112 倍"),
        ((2.227 - 2.0) / 2.0, "超标 0.114 倍"),
        (1.5, "超标 1.5 倍"),
    ],
)
def test_a_multiple_is_rounded_half_to_even_on_its_decimal(rule: Rule, multiple: float, said: str) -> None:
    body = write_message(
        rule, "firing", PLACE, facts(factor(multiple=multiple)), language="zh", markup="text", key="k1"
    ).body
    assert said in body
