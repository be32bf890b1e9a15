"""The pages in a real browser, at the width of a phone: by hand's way, without a script on the page."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from service.desk import Desk
from tests.service.pages import LINKS, NOW, path_of, served

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium on this machine: the pages are not looked at"
)

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser, desk: Desk) -> Iterator[Page]:
    with served(desk) as address:
        context = browser.new_context(viewport=PHONE, base_url=address, locale="zh-CN")
        page = context.new_page()
        page.said = []  # type: ignore[attr-defined]
        page.on("console", lambda message: page.said.append(message.text))  # type: ignore[attr-defined]
        yield page
        context.close()


def kept(page: Page, name: str) -> None:
    """Keep a picture for whoever asks for pictures."""
    folder = os.environ.get("PICTURES_FOLDER")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_phone_opens_the_link_acknowledges_and_sees_who_did(phone: Page) -> None:
    phone.goto(path_of("acknowledge"))
    kept(phone, "acknowledge")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], (
        "nothing is wider than the phone"
    )
    assert "茌新河示例断面" in phone.inner_text("h1")
    phone.get_by_label("您的姓名").fill("王值班")
    phone.get_by_label("处理说明（可不填）").fill("已到现场 <b>采样</b>")
    phone.get_by_role("button", name="确认签收").click()
    phone.wait_for_url("**/acknowledge/**lang=zh")
    kept(phone, "acknowledged")
    assert phone.get_by_role("status").inner_text() == "已签收。提醒和升级不再发送。"
    trail = phone.locator("section", has=phone.get_by_role("heading", name="经过与处理记录")).inner_text()
    assert "签收 · 王值班" in trail
    assert "已到现场 <b>采样</b>" in trail
    assert "2026-04-01 10:00 · 网页" in trail
    assert phone.locator("form").count() == 0
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert phone.said == [], "the browser refused nothing and ran nothing"  # type: ignore[attr-defined]


def test_a_form_sent_twice_is_refused_the_second_time(phone: Page) -> None:
    phone.goto(path_of("acknowledge"))
    phone.get_by_label("您的姓名").fill("王值班")
    second = phone.context.new_page()
    second.goto(path_of("acknowledge"))
    second.get_by_label("您的姓名").fill("李同事")
    phone.get_by_role("button", name="确认签收").click()
    phone.wait_for_url("**lang=zh")
    second.get_by_role("button", name="确认签收").click()
    assert "链接已用过" in second.get_by_role("alert").inner_text()
    kept(second, "reused")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (path_of("acknowledge")[:-2], 403, "链接无效"),
        (path_of("acknowledge", at=NOW - dt.timedelta(days=30)), 410, "链接已过期"),
    ],
)
def test_forged_and_expired_links_are_refused(phone: Page, path: str, status: int, said: str) -> None:
    answer = phone.goto(path)
    assert answer is not None
    assert answer.status == status
    assert said in phone.get_by_role("alert").inner_text()
    assert "茌新河" not in phone.content()


def test_a_phone_silences(phone: Page) -> None:
    phone.goto(path_of("silence"))
    kept(phone, "silence")
    phone.get_by_label("您的姓名").fill("王值班")
    phone.get_by_label("静默时长").select_option("24")
    phone.get_by_label("静默理由").fill("站房检修")
    phone.get_by_role("button", name="确认静默").click()
    phone.wait_for_url("**lang=zh")
    assert "静默至 2026-04-02 10:00：王值班，站房检修" in phone.inner_text("main")


def test_the_page_can_be_used_by_everybody(phone: Page) -> None:
    for purpose in ("acknowledge", "silence"):
        phone.goto(path_of(purpose))
        # the checker puts its own script into the page: past the policy that forbids every script
        found = _axe(phone)
        assert found == [], found


def _axe(phone: Page) -> list[str]:
    context = phone.context.browser.new_context(viewport=PHONE, bypass_csp=True)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(phone.url)
    results = Axe().run(page)
    context.close()
    return [violation["id"] for violation in results.response["violations"]]


def test_links_are_of_the_address_people_call() -> None:
    assert LINKS.link(1, "view", at=NOW, nonce="k").startswith("https://eco.example.cn/alerts/view/")
