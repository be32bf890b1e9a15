from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.pool import NullPool

from service.desk import Desk
from tests.service.pages import EPISODE, LINKS, NOW, READING, Client, path_of, served
from warehouse.schema import acts, episode_steps, episodes, silences, spent_tokens


def form_of(page: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found, "expected a form on the page"
    return found[1]


def acknowledge(client: Client, path: str, actor: str = "王值班", note: str = "已到现场采样"):
    shown = client.get(path)
    return client.post(path, data={"form": form_of(shown.text), "actor": actor, "note": note})


def rows(file: Path, table) -> list[dict]:
    engine = create_engine(f"duckdb:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_the_page_shows_what_the_episode_rests_on(client: Client) -> None:
    page = client.get(path_of("acknowledge"))
    assert page.status_code == 200
    for fact in (
        "断面劣Ⅴ：茌新河示例断面",
        "红色预警",
        "预警中 · 未签收",
        "茌新河",
        "劣Ⅴ类",
        "2026-03-24 08:00",
        "氨氮 3.5 mg/L",
        "≤ 2 mg/L",
        "0.75",
        "140",
        "氨氮(mg/L)",
        "恒值（可疑）",
        "GB 3838-2002 表1",
        "2026-04-01 02:00",
        "开始预警",
        "已通知",
    ):
        assert fact in page.text, fact


def test_a_name_with_markup_stays_text(client: Client) -> None:
    page = client.get(path_of("acknowledge")).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page


def test_the_page_speaks_english_where_asked(client: Client) -> None:
    page = client.get(f"{path_of('acknowledge')}?lang=en").text
    assert '<html lang="en">' in page
    assert "section worse than class V: 茌新河示例断面" in page
    assert "ammonia nitrogen 3.5 mg/L" in page
    assert "flat line (suspect)" in page


def test_looking_changes_nothing(client: Client, warehouse_file: Path) -> None:
    before = warehouse_file.read_bytes()
    for purpose in ("view", "acknowledge", "silence"):
        assert client.get(path_of(purpose)).status_code == 200
        assert client.head(path_of(purpose)).status_code in (200, 405)
    assert warehouse_file.read_bytes() == before


def test_acknowledging_is_written_once_with_who_and_why(client: Client, warehouse_file: Path) -> None:
    done = acknowledge(client, path_of("acknowledge"))
    assert done.status_code == 303
    page = client.get(path_of("acknowledge"))
    assert "已签收。提醒和升级不再发送。" in page.text
    assert "王值班" in page.text
    assert "已到现场采样" in page.text
    assert "<form" not in page.text
    (act,) = rows(warehouse_file, acts)
    assert (act["actor"], act["act"], act["via"], act["note"]) == (
        "王值班",
        "acknowledge",
        "page",
        "已到现场采样",
    )
    assert act["at"] == NOW
    (episode,) = rows(warehouse_file, episodes)
    assert episode["state"] == "acknowledged"
    assert [token["purpose"] for token in rows(warehouse_file, spent_tokens)] == ["acknowledge"]
    assert [step["step"] for step in rows(warehouse_file, episode_steps)] == ["firing", "acknowledged"]


def test_a_link_acts_once(client: Client, warehouse_file: Path) -> None:
    path = path_of("acknowledge")
    form = form_of(client.get(path).text)
    data = {"form": form, "actor": "王值班", "note": ""}
    assert client.post(path, data=data).status_code == 303
    again = client.post(path, data=data | {"actor": "李冒名"})
    assert again.status_code == 410
    assert "链接已用过" in again.text
    assert [act["actor"] for act in rows(warehouse_file, acts)] == ["王值班"]


def test_a_second_message_of_the_episode_says_who_was_first(client: Client) -> None:
    acknowledge(client, path_of("acknowledge", nonce="first"))
    page = client.get(path_of("acknowledge", nonce="second"))
    assert "此前已由 王值班 于 2026-04-01 10:00 签收。" in page.text
    assert "<form" not in page.text


def test_an_expired_link_is_refused(client: Client, warehouse_file: Path) -> None:
    late = path_of("acknowledge", at=NOW - dt.timedelta(hours=LINKS.hours))
    assert (client.get(late).status_code, client.post(late, data={}).status_code) == (410, 410)
    assert "链接已过期" in client.get(late).text
    just = path_of("acknowledge", at=NOW - dt.timedelta(hours=LINKS.hours) + dt.timedelta(seconds=1))
    assert client.get(just).status_code == 200
    assert rows(warehouse_file, acts) == []


@pytest.mark.parametrize("change", ["purpose", "letter", "cut", "other secret", "no purpose", "nonsense"])
def test_a_forged_link_is_refused(client: Client, warehouse_file: Path, change: str) -> None:
    path = path_of("acknowledge")
    token = path.rsplit("/", 1)[1]
    other = type(LINKS)(LINKS.address, ("another secret that is just as long as it must be",))
    forged = {
        # a link to look does not acknowledge, one to acknowledge does not silence
        "purpose": f"/silence/{token}",
        "letter": f"/acknowledge/{'A' if token[0] != 'A' else 'B'}{token[1:]}",
        "cut": path[:-1],
        "other secret": other.link(1, "acknowledge", at=NOW, nonce="k").removeprefix(other.address),
        "no purpose": f"/resolve/{token}",
        "nonsense": "/acknowledge/nothing",
    }[change]
    for answer in (client.get(forged), client.post(forged, data={"actor": "x"})):
        assert answer.status_code == 403
        assert "链接无效" in answer.text
        assert "茌新河" not in answer.text
    assert rows(warehouse_file, acts) == []


def test_a_form_of_another_page_browser_or_site_is_refused(
    client: Client, desk: Desk, warehouse_file: Path
) -> None:
    path, other = path_of("acknowledge"), path_of("acknowledge", nonce="other")
    form = form_of(client.get(path).text)
    data = {"form": form, "actor": "王值班"}
    assert client.post(other, data=data).status_code == 403, "the form of another link"
    assert client.post(path, data=data | {"form": ""}).status_code == 403, "no form at all"
    abroad = client.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert abroad.status_code == 403
    with served(desk) as address, Client(address) as elsewhere:
        assert elsewhere.post(path, data=data).status_code == 403, "a browser without the page's cookie"
    assert rows(warehouse_file, acts) == []
    assert client.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_silencing_needs_a_reason_and_ends(client: Client, warehouse_file: Path) -> None:
    path = path_of("silence")
    form = form_of(client.get(path).text)
    nameless = client.post(path, data={"form": form, "actor": "王值班", "note": "  ", "hours": "8"})
    assert nameless.status_code == 409
    assert "静默须写明理由" in nameless.text
    odd = client.post(path, data={"form": form, "actor": "王值班", "note": "检修", "hours": "9000"})
    assert odd.status_code == 422
    assert rows(warehouse_file, silences) == []
    assert rows(warehouse_file, spent_tokens) == [], "what was refused has spent nothing"
    done = client.post(path, data={"form": form, "actor": "王值班", "note": "站房检修", "hours": "8"})
    assert done.status_code == 303
    (silence,) = rows(warehouse_file, silences)
    assert (silence["rule"], silence["subject"], silence["owner"]) == (EPISODE["rule"], "CP-S3", "王值班")
    assert silence["ends_at"] - silence["starts_at"] == dt.timedelta(hours=8)
    assert "静默至 2026-04-01 18:00：王值班，站房检修" in client.get(path).text


def test_a_link_to_look_has_no_form_and_acts_not(client: Client, warehouse_file: Path) -> None:
    page = client.get(path_of("view"))
    assert "此链接仅供查看。" in page.text
    assert "<form" not in page.text
    assert client.post(path_of("view"), data={"actor": "王值班"}).status_code == 403
    assert rows(warehouse_file, acts) == []


def test_an_episode_that_is_over_asks_for_nothing(client: Client, warehouse_file: Path) -> None:
    path = path_of("acknowledge")
    form = form_of(client.get(path).text)
    engine = create_engine(f"duckdb:///{warehouse_file}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(update(episodes).values(state="resolved", until=dt.datetime(2026, 3, 26)))
    engine.dispose()
    late = client.post(path, data={"form": form, "actor": "王值班"})
    assert late.status_code == 409
    assert "已解除" in late.text
    assert "该预警已不在预警中，无需签收。" in client.get(path).text
    assert rows(warehouse_file, spent_tokens) == []


def test_an_episode_that_is_not_there_is_said(client: Client) -> None:
    answer = client.get(path_of("acknowledge", episode=99))
    assert (answer.status_code, "没有此预警事件" in answer.text) == (404, True)


def test_every_answer_carries_the_headers(client: Client) -> None:
    for path in (path_of("acknowledge"), "/acknowledge/forged", "/", "/nowhere", "/static/service.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy, "no script at all"
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "no-store" in headers["cache-control"]
    page = client.get(path_of("acknowledge"))
    assert "style=" not in page.text
    assert "<script" not in page.text
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_searching_for_links_is_slowed(client: Client) -> None:
    answers = [client.get(f"/acknowledge/guess{number}").status_code for number in range(25)]
    assert answers == [403] * 20 + [429] * 5
    right = client.get(path_of("acknowledge"))
    assert right.status_code == 429
    assert right.headers["retry-after"] == "60"


def test_too_many_forms_are_refused(client: Client) -> None:
    path = path_of("acknowledge")
    answers = [client.post(path, data={"actor": "x"}).status_code for _ in range(12)]
    assert answers == [403] * 10 + [429] * 2


def test_a_body_that_is_too_long_is_refused(client: Client, warehouse_file: Path) -> None:
    path = path_of("acknowledge")
    form = form_of(client.get(path).text)
    assert client.post(path, data=b"note=" + b"x" * 20_000).status_code == 413
    long = {"form": form, "actor": "王" * 41, "note": ""}
    assert client.post(path, data=long).status_code == 413
    assert rows(warehouse_file, acts) == []


def test_a_warehouse_that_a_night_holds_is_said_kindly(client: Client, warehouse_file: Path) -> None:
    path = path_of("acknowledge")
    form = form_of(client.get(path).text)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(warehouse_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as night:
        assert night.stdout is not None
        assert night.stdout.readline() == "held\n"
        busy = client.post(path, data={"form": form, "actor": "王值班"})
        assert client.get("/healthz").json() == {"ok": True, "warehouse": "unavailable"}
        night.communicate()
    assert busy.status_code == 503
    assert busy.headers["retry-after"] == "60"
    assert "夜间运行正在写入数据" in busy.text
    assert client.post(path, data={"form": form, "actor": "王值班"}).status_code == 303
    assert client.get("/healthz").json() == {"ok": True, "warehouse": "readable"}


def test_metrics_are_served_where_they_are_supplied(desk: Desk, client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    desk.metrics = lambda _connection: b"ecoplan_up 1\n"
    with served(desk) as address, Client(address) as other:
        answer = other.get("/metrics")
    assert answer.text == "ecoplan_up 1\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_a_fault_shows_no_trace(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret words of the inside")

    monkeypatch.setattr("service.app.view_of", broken)
    with served(desk) as address, Client(address) as client:
        answer = client.get(path_of("acknowledge"))
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert "出错了" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_indicator_a_source_and_the_district_have_their_names(
    client: Client, warehouse_file: Path
) -> None:
    readings = [
        READING | {"parameter": "细颗粒物(PM2.5)浓度", "value": 43.0, "limit": "≤ 42", "multiple": None}
    ]
    others = [
        ("indicator-off-track", "14FYP-1", readings, "细颗粒物(PM2.5)浓度 (14FYP-1)"),
        ("source-silent", "air-quotsoft", [], "环境空气小时数据（全国发布平台日文件） (air-quotsoft)"),
        ("aqi-over-200", "chiping", [], "聊城市茌平区 (chiping)"),
        ("no-such-rule", "XX-1", [], "XX-1 (XX-1)"),
    ]
    engine = create_engine(f"duckdb:///{warehouse_file}", poolclass=NullPool)
    with engine.begin() as connection:
        for rule, subject, evidence, _ in others:
            text = json.dumps({"n_readings": 1, "readings": evidence}, ensure_ascii=False)
            changes = {"rule": rule, "subject": subject, "evidence": text, "class": None}
            connection.execute(insert(episodes).values(EPISODE | changes))
    engine.dispose()
    for number, (_, _, _, shown) in enumerate(others, start=2):
        page = client.get(path_of("view", episode=number))
        assert page.status_code == 200
        assert f"<dd>{shown}</dd>" in page.text
