from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.links import PURPOSES, LinkError, Links, TokenError, links_of, usable_links

AT = dt.datetime(2026, 4, 1, 2)
SECRET = "a secret of the tests that is long enough for links"  # noqa: S105
LINKS = Links("https://eco.example.cn/alerts/", (SECRET,), hours=72)


def token_of(links: Links = LINKS, purpose: str = "acknowledge", nonce: str = "k") -> str:
    return links.link(7, purpose, at=AT, nonce=nonce).rsplit("/", 1)[1]  # type: ignore[arg-type]


def test_a_link_is_of_one_episode_and_purpose_until_its_time_is_over() -> None:
    link = LINKS.link(7, "acknowledge", at=AT, nonce="k")
    assert link.startswith("https://eco.example.cn/alerts/acknowledge/")
    token = LINKS.read(token_of(), "acknowledge", now=AT + dt.timedelta(hours=72, seconds=-1))
    assert (token.episode_id, token.purpose, token.expires) == (7, "acknowledge", dt.datetime(2026, 4, 4, 2))
    with pytest.raises(TokenError, match="expired"):
        LINKS.read(token_of(), "acknowledge", now=AT + dt.timedelta(hours=72))


def test_no_link_serves_another_purpose() -> None:
    for made in PURPOSES:
        for asked in PURPOSES:
            if made == asked:
                assert LINKS.read(token_of(purpose=made), asked, now=AT).purpose == asked
            else:
                with pytest.raises(TokenError, match="forged"):
                    LINKS.read(token_of(purpose=made), asked, now=AT)


def test_links_of_two_messages_are_spent_apart() -> None:
    first, second = (LINKS.read(token_of(nonce=nonce), "acknowledge", now=AT) for nonce in ("k1", "k2"))
    assert first.number != second.number
    assert LINKS.read(token_of(nonce="k1"), "acknowledge", now=AT).number == first.number


def test_an_old_secret_reads_and_the_last_one_signs() -> None:
    newer = "the secret that took its place, also long enough"
    both = Links(LINKS.address, (SECRET, newer))
    assert both.read(token_of(), "acknowledge", now=AT).episode_id == 7
    assert Links(LINKS.address, (newer,)).read(token_of(both), "acknowledge", now=AT).episode_id == 7
    with pytest.raises(TokenError, match="forged"):
        LINKS.read(token_of(both), "acknowledge", now=AT)


@given(st.text(max_size=60))
def test_nothing_made_elsewhere_is_read(text: str) -> None:
    with pytest.raises(TokenError, match="forged"):
        LINKS.read(text, "acknowledge", now=AT)


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_no_changed_letter_is_read(place: int, letter: str) -> None:
    token = token_of()
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    # the last letter of base64 carries bits that mean nothing: another one may say the same
    if changed == token or place == len(token) - 1:
        return
    with pytest.raises(TokenError, match="forged"):
        LINKS.read(changed, "acknowledge", now=AT)


def test_without_a_secret_or_an_address_there_are_no_links() -> None:
    assert links_of({}) is None
    assert links_of({"ECOPLAN_LINK_SECRET": SECRET}) is None
    assert links_of({"ECOPLAN_SERVICE_URL": "https://eco.example.cn"}) is None
    made = links_of(
        {"ECOPLAN_LINK_SECRET": f"{SECRET}, {SECRET}2", "ECOPLAN_SERVICE_URL": "https://eco.example.cn"}
    )
    assert made == Links("https://eco.example.cn", (SECRET, f"{SECRET}2"), 72)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ECOPLAN_LINK_SECRET": "hunter2"}, "ECOPLAN_LINK_SECRET: 至少 32 个字符"),
        ({"ECOPLAN_SERVICE_URL": "eco.example.cn"}, "ECOPLAN_SERVICE_URL"),
        ({"ECOPLAN_SERVICE_URL": "javascript://x/y"}, "ECOPLAN_SERVICE_URL"),
        ({"ECOPLAN_LINK_HOURS": "soon"}, "ECOPLAN_LINK_HOURS"),
        ({"ECOPLAN_LINK_HOURS": "0"}, "ECOPLAN_LINK_HOURS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_stops_no_alert(
    changed: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"ECOPLAN_LINK_SECRET": SECRET, "ECOPLAN_SERVICE_URL": "https://eco.example.cn"} | changed
    with pytest.raises(LinkError, match=said) as caught:
        links_of(given)
    assert "hunter2" not in str(caught.value)
    assert usable_links(given) is None
    assert "消息不带链接" in caplog.text


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(LINKS)
