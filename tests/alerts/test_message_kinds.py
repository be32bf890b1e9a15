"""A message of every kind and step: what it must say, and that no name in it is ever more than text."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from alerts.channels import AppriseChannel, ConsoleChannel, FileChannel
from alerts.links import Links
from alerts.messages import Beside, family_of, write_message
from alerts.notices import Item, send_tests, write_digest
from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from alerts.rule_kinds import TERMS
from alerts.rules import Rule, load_alerts
from tests.alerts.kinds import BESIDE, SECTION, example_of
from tests.alerts.receiving import hook_to, receiving

ROOT = Path(__file__).resolve().parents[2]
RULES = load_alerts(ROOT / "districts" / "chiping" / "alerts.toml").rules
LINKS = Links("https://eco.example.cn/alerts", ("a secret of the tests that is long enough for links",))
AT = dt.datetime(2026, 3, 24, 18, 30)
LINKED = replace(
    BESIDE,
    respond=LINKS.link(12, "acknowledge", at=AT, nonce="k"),
    silence=LINKS.link(12, "silence", at=AT, nonce="k"),
)
STEPS = (
    "firing",
    "reminder-2",
    "escalated-1",
    "worsened-1",
    "reopened-1",
    "acknowledged",
    "closed",
    "resolved",
    "annulled",
)
#: HTML, line breaks, a correction made up, links, mentions, template, formula, terminal and direction signs
NASTY = (
    '=1+1"><script>alert(1)</script><at user_id="all">\r\n【更正】 [看](http://evil.example) @all <@u1> {{7*7}} '
    "{% raw %} \x1b[31m\u202e\u200b*粗* `x` # | ~~"
)


def told(rule: Rule, step: str = "firing", **given) -> str:
    place, facts = example_of(rule)
    if step == "resolved":
        facts = replace(facts, until=facts.last_seen + pd.Timedelta(days=2))
    written = {"language": "zh", "markup": "text", "key": "k1", "beside": LINKED} | given
    message = write_message(rule, step, written.pop("place", place), written.pop("facts", facts), **written)
    return f"{message.title}\n{message.body}"


def test_both_districts_have_rules_of_every_kind() -> None:
    assert {rule.kind for rule in RULES} == set(TERMS), "so every kind is looked at here"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_kind_says_what_where_since_when_by_which_clause_and_what_to_do(rule: Rule) -> None:
    place, facts = example_of(rule)
    text = told(rule)
    title, *lines = text.splitlines()
    level = {"red": "红色预警", "orange": "橙色预警", "yellow": "黄色预警", "blue": "蓝色预警"}[rule.level]
    assert title.startswith(f"【{level}】{rule.title_zh}：{place.name}")
    for begin in ("时间：自 2026", f"依据：{rule.clause}（", "数据：截至 2026-03-25 02:30", "编号：k1"):
        assert any(line.startswith(begin) for line in lines), begin
    assert f"查看与签收：{LINKED.respond}" in lines
    (factor,) = facts.factors
    assert factor.zh in text
    if factor.value is not None:
        assert f"{factor.value:g}" in text
        assert str(factor.limit if isinstance(factor.limit, str) else f"{factor.limit:g}") in text
    if place.enterprise:
        assert f"企业：{place.enterprise}" in lines
    assert "None" not in text
    assert "nan" not in text.lower().replace("finance", "")
    assert len(set(lines)) == len(lines), "no line says again what another said"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("section-class", "水质：劣Ⅴ类（目标 Ⅳ类）"),
        ("section-class", "上游：茌新河上游示例断面 Ⅳ类（2026-03-24 08:00）"),
        ("section-class", "下游：茌新河入徒骇河口示例断面 Ⅴ类（2026-03-24 12:00）"),
        ("section-class", "趋势：氨氮 近 6 次 1.42 → 1.8 → 2.1 → 2.6 → 3.1 → 3.5 mg/L（上升）"),
        (
            "section-target",
            "　氨氮 1.9 mg/L，Ⅳ类限值 ≤ 1.5 mg/L，超标 0.267 倍（茌新河示例断面.csv，第 140 行，氨氮(mg/L) 列）",
        ),
        (
            "section-nearing",
            "　氨氮 1.9 mg/L，Ⅴ类限值 ≤ 2 mg/L，为限值的 95%（茌新河示例断面.csv，第 140 行，氨氮(mg/L) 列）",
        ),
        ("aqi-level", "　空气质量指数 231，预警水平 ≤ 200"),
        ("data-flat", "　细颗粒物(PM2.5)"),
        ("data-missing", "　数据时次完整率 37.5 %，要求 ≥ 50 %"),
        ("indicator-off-track", "　细颗粒物(PM2.5)浓度 43 µg/m³，目标 ≤ 42 µg/m³"),
        ("source-silent", "　无新数据 5 天，要求 ≤ 3 天"),
    ],
)
def test_the_facts_of_a_kind_stand_in_plain_words(kind: str, line: str) -> None:
    rule = next(rule for rule in RULES if rule.kind == kind)
    assert line in told(rule).splitlines()


@pytest.mark.parametrize(
    ("step", "title", "first"),
    [
        ("reminder-2", "【红色预警·提醒】", "提醒（第 2 次）：该预警尚无人签收，请尽快处理。"),
        ("escalated-1", "【红色预警·升级】", "升级：该预警逾时无人签收，现通知科室负责人。"),
        ("worsened-1", "【红色预警·加重】", "加重：情况比上次通知时更重。"),
        ("acknowledged", "【红色预警·已签收】", "签收：已有人处理，提醒和升级不再发送。"),
        ("closed", "【红色预警·人工关闭】", "关闭：已由人工关闭；加重或再次出现时另行通知。"),
        ("annulled", "【红色预警·更正】", "更正：据迟到或订正的数据，此前通知的预警不成立，请勿再据此处置。"),
    ],
)
def test_each_step_says_first_what_it_is(step: str, title: str, first: str) -> None:
    lines = told(RULES[0], step).splitlines()
    assert lines[0].startswith(title)
    assert lines[1] == first
    over = step in ("acknowledged", "closed", "annulled")
    assert any(line.startswith("查看与签收：") for line in lines) is not over
    assert any(line.startswith("静默：") for line in lines) is not over


def test_without_links_a_command_is_named() -> None:
    assert "签收：在服务器上执行 ecoplan alerts ack 12" in told(RULES[0], beside=Beside(episode_id=12))


def test_a_short_message_fits_a_phone_and_keeps_its_link() -> None:
    lines = told(RULES[0], "reminder-1", form="short").splitlines()
    assert lines[1].startswith(
        "提醒：断面劣Ⅴ：茌新河示例断面（茌新河）自 2026-03-24 08:00 起，2 次读数为劣Ⅴ类：氨氮 3.5 mg/L"
    )
    assert lines[2:] == [f"签收：{LINKED.respond}", "编号：k1"]


@pytest.mark.parametrize("language", ["zh", "en", "zh+en"])
@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
@pytest.mark.parametrize("form", ["full", "short"])
def test_every_kind_and_step_can_be_written(language: str, markup: str, form: str) -> None:
    for rule in RULES:
        for step in STEPS:
            text = told(rule, step, language=language, markup=markup, form=form)
            assert "{{" not in text
            assert "{%" not in text
            if language == "en":
                # names of places and clauses stay as they are
                assert "：" not in text.replace("：//", "")


class Tags(HTMLParser):
    """The tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name == "href"]


def nasty(rule: Rule, markup: str, step: str = "firing") -> str:
    _, facts = example_of(rule)
    spoilt = [
        replace(
            item, zh=NASTY, en=NASTY, delivery=NASTY, sheet=NASTY, column=NASTY, flags=NASTY, flags_zh=NASTY
        )
        for item in facts.factors
    ]
    facts = replace(facts, factors=spoilt, details={"note": NASTY})
    beside = replace(
        LINKED,
        role_zh=NASTY,
        role_en=NASTY,
        neighbours=tuple(replace(item, name=NASTY) for item in LINKED.neighbours),
        trends=tuple(replace(item, zh=NASTY, en=NASTY) for item in LINKED.trends),
    )
    place = replace(SECTION, name=NASTY, river=NASTY, district=f"{NASTY}区", enterprise=NASTY)
    return told(rule, step, place=place, facts=facts, beside=beside, markup=markup, language="zh+en")


@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
@pytest.mark.parametrize("kind", ["section-class", "outlet-exceedance", "source-silent"])
def test_a_name_is_text_in_every_markup(kind: str, markup: str) -> None:
    rule = next(rule for rule in RULES if rule.kind == kind)
    for step in ("firing", "escalated-1", "annulled"):
        text = nasty(rule, markup, step)
        assert not {"\r", "\x1b", "\u202e", "\u200b"} & set(text)
        assert "@" not in text, "nobody can be called"
        assert "http://evil" not in text, "no address to follow but ours"
        assert "49" not in text, "no template is filled twice"
        assert not any(line.startswith("【更正】") for line in text.splitlines()[1:])
        assert not any(line.startswith(("=", "+", "-")) for line in text.splitlines())
        title, _, body = text.partition("\n")
        if markup == "html":
            page = Tags(body)
            assert set(page.tags) <= {"br", "a"}
            assert set(page.addresses) <= {LINKED.respond, LINKED.silence}
            assert "<" not in title
        elif markup == "markdown":
            assert re.findall(r"(?<!\\)[`*_\[\]|~#]", re.sub(r"<https://eco[^>]+>", "", body)) == []
            assert not set("<>[]`*_#&") & set(title)
        else:
            assert re.search(r"<[A-Za-z/!]", text) is None, "chats act upon <at …> in plain text too"


def test_a_digest_keeps_names_as_text() -> None:
    for markup in ("text", "html", "markdown"):
        channel = ChannelSettings(key="duty", kind="console", markup=markup, language="zh+en")
        items = [Item("red", "firing", NASTY, NASTY, LINKED.respond), Item("blue", "resolved", NASTY, NASTY)]
        message = write_digest(items, channel, district=NASTY, key="digest:1")
        assert "@" not in message.title + message.body
        assert "http://evil" not in message.body
        assert "\n" not in message.title
        if markup == "html":
            assert set(Tags(message.body).tags) == {"br", "a"}


def test_every_channel_hands_on_the_text_as_it_is(tmp_path: Path) -> None:
    text = nasty(RULES[0], "text")
    title, _, body = text.partition("\n")
    message = Outgoing("k1", "chiping", NASTY, title, body)
    stream = io.StringIO()
    ConsoleChannel(ChannelSettings(key="console", kind="console"), stream).send(message)
    assert "\x1b" not in stream.getvalue()
    path = tmp_path / "file.jsonl"
    FileChannel(ChannelSettings(key="file", kind="file"), path).send(message)
    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line)["title"] == title
    with receiving() as server:
        hook_to(server).send(message)
        (request,) = server.requests
        assert request["record"]["body"] == body


@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
def test_apprise_hands_on_the_markup_as_it_is(markup: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[dict] = []

    def post(_url: str, data=None, **_: object) -> object:
        taken.append(json.loads(data))
        return type(
            "Answer", (), {"status_code": 200, "content": b'{"errcode": 0, "code": 0}', "text": "{}"}
        )()

    monkeypatch.setattr("requests.post", post)
    text = nasty(RULES[0], markup)
    title, _, body = text.partition("\n")
    settings = ChannelSettings(key="duty", kind="apprise", url_env="DUTY", markup=markup)
    for address in (
        "wecombot://bot-key-of-the-tests",
        "feishu://webhook-token-of-tests",
        "dingtalk://token0of0the0tests",
    ):
        taken.clear()
        AppriseChannel(settings, {"DUTY": address}).send(Outgoing("k1", "chiping", "S1", title, body))
        (sent,) = taken
        words = json.dumps(sent, ensure_ascii=False)
        assert "<script" not in words
        assert "<at " not in words
        assert "@" not in words.replace('"at": {', "").replace('"isAtAll"', "").replace('"atMobiles"', "")
        assert "编号：k1" in words


def test_a_marked_test_goes_through_every_channel_and_says_who_refused() -> None:
    class Down:
        settings = ChannelSettings(key="down", kind="console")

        def send(self, message: Outgoing) -> None:
            assert message.kind == "test"
            raise ChannelError("channel down: no")

    stream = io.StringIO()
    channels = {
        "console": ConsoleChannel(ChannelSettings(key="console", kind="console"), stream),
        "down": Down(),
    }
    tested = send_tests(channels, district="chiping", district_name="茌平区", actor="王值班", at=AT)
    assert [(one.channel, one.error) for one in tested] == [("console", ""), ("down", "channel down: no")]
    assert stream.getvalue().splitlines()[:3] == [
        "【测试】ecoplan 通道测试：茌平区",
        "  这是一条测试消息，没有预警，无需处置。",
        "  区县：茌平区",
    ]


def test_a_kind_without_a_family_is_told_in_general_words() -> None:
    assert family_of("no such kind") == "general"
    assert {family_of(kind) for kind in TERMS} == {
        "section",
        "air",
        "outlet",
        "data",
        "indicator",
        "pipeline",
    }
