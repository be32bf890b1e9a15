"""What a receiver sees of a channel that is signed, over real HTTP: everything, once, in order."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

import alerts.outbox
from alerts.outbox import deliver
from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from alerts.webhook import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    WebhookChannel,
    sign,
    verify,
)
from tests.alerts.receiving import NOW, SECRET, Receiver, emptied, hook_to, put, receiving, states, waiting
from warehouse.engine import open_engine

MESSAGE = Outgoing(
    "k1",
    "chiping",
    "S1",
    "【红色预警】断面劣Ⅴ",
    "断面：茌新河\n编号：k1",
    level="red",
    step="firing",
    episode=7,
)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_yet(receiver: Receiver) -> None:
    receiver.plan, receiver.requests, receiver.arrived, receiver.seen = [], [], [], {}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("once") / "warehouse.duckdb"
    open_engine(f"duckdb:///{path}").dispose()
    # the file stays open: opening it for each of many small transactions is most of their time
    engine = create_engine(f"duckdb:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def outbox_of(warehouse: Engine) -> Engine:
    emptied(warehouse)
    return warehouse


def test_a_message_is_signed_over_its_time_and_body(receiver: Receiver) -> None:
    hook_to(receiver).send(MESSAGE)
    (request,) = receiver.requests
    assert request["headers"][KEY_HEADER] == "k1"
    assert request["record"] == {
        "key": "k1",
        "kind": "episode",
        "district": "chiping",
        "subject": "S1",
        "level": "red",
        "step": "firing",
        "episode": 7,
        "title": "【红色预警】断面劣Ⅴ",
        "body": "断面：茌新河\n编号：k1",
        "tells": [],
    }
    headers, body = request["headers"], request["body"]
    now = int(headers[TIMESTAMP_HEADER])
    assert verify(SECRET, headers, body, now=now + 300) == "k1"
    for changed in (
        headers | {TIMESTAMP_HEADER: str(now + 1)},
        headers | {SIGNATURE_HEADER: "v1=" + "0" * 64},
        {KEY_HEADER: "k1"},
    ):
        with pytest.raises(SignatureError, match="forged"):
            verify(SECRET, changed, body, now=now)
    with pytest.raises(SignatureError, match="forged"):
        verify(SECRET, headers, body + b" ", now=now)
    with pytest.raises(SignatureError, match="forged"):
        verify("another secret", headers, body, now=now)
    with pytest.raises(SignatureError, match="stale"):
        verify(SECRET, headers, body, now=now + 301)


def test_the_signature_is_the_one_of_the_document() -> None:
    # printf '1775865600.{}' | openssl dgst -sha256 -hmac key
    assert sign("key", "1775865600", b"{}") == (
        "v1=f52f7fac335bf8e4e077795d157ae7336e85adcf550c8532b1507c05f669dc3f"
    )


@pytest.mark.parametrize(
    ("action", "perhaps"), [("refuse", False), ("drop", True), ("lose", True), ("delay", True)]
)
def test_an_error_says_whether_the_message_may_have_been_taken(
    receiver: Receiver, action: str, perhaps: bool
) -> None:
    receiver.plan = [action]
    with pytest.raises(ChannelError, match="channel hook") as caught:
        hook_to(receiver).send(MESSAGE)
    assert caught.value.maybe_taken is perhaps
    assert "127.0.0.1" not in str(caught.value), "an address may hold a key"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"HOOK_SECRET": "s"}, "HOOK_URL is not set"),
        ({"HOOK_URL": "http://127.0.0.1:9/"}, "HOOK_SECRET is not set"),
        (
            {"HOOK_URL": "http://hooks.example.cn/hunter2", "HOOK_SECRET": "s"},
            "expected to be an https address",
        ),
        ({"HOOK_URL": "http://127.0.0.1:9/hunter2", "HOOK_SECRET": "s"}, "ConnectionError"),
    ],
)
def test_what_was_surely_not_taken_is_said_so(environ: dict[str, str], said: str) -> None:
    channel = WebhookChannel(
        ChannelSettings(key="hook", kind="webhook", url_env="HOOK_URL", secret_env="HOOK_SECRET"),  # noqa: S106 - a name
        environ,
    )
    with pytest.raises(ChannelError, match=said) as caught:
        channel.send(MESSAGE)
    assert caught.value.maybe_taken is False
    assert "hunter2" not in str(caught.value)


TROUBLES = {
    "plan": st.lists(
        st.sampled_from(["take", "drop", "lose", "delay", "refuse", "twice", "crash"]), max_size=9
    ),
    "batches": st.lists(st.integers(1, 5), min_size=1, max_size=3),
    "digest_from": st.sampled_from([0, 2, 4]),
}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**TROUBLES)
def test_every_message_arrives_once_and_in_order(
    receiver: Receiver, outbox_of: Engine, plan: list[str], batches: list[int], digest_from: int
) -> None:
    """Whatever the network does and wherever the sender is killed: by idempotency key, once, in order."""
    all_arrive_once(receiver, outbox_of, plan, batches, digest_from)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**TROUBLES)
def test_every_message_arrives_once_and_in_order_in_many_ways(
    receiver: Receiver, outbox_of: Engine, plan: list[str], batches: list[int], digest_from: int
) -> None:
    all_arrive_once(receiver, outbox_of, plan, batches, digest_from)


def all_arrive_once(
    receiver: Receiver, engine: Engine, plan: list[str], batches: list[int], digest_from: int
) -> None:
    emptied(engine)
    receiver.arrived, receiver.seen = [], {}
    receiver.plan = [action for action in plan if action != "crash"]
    crashes = [place for place, action in enumerate(plan) if action == "crash"]
    channel = hook_to(receiver, digest_from=digest_from)
    keys: list[str] = []
    now = NOW
    for size in [*batches, *[0] * (len(plan) + 2)]:
        keys += put(engine, *[waiting(len(keys) + place + 1) for place in range(size)])
        if crashes:
            crashes.pop()
            killed_after_sending(engine, channel, now)
        else:
            deliver(engine, {"hook": channel}, now=now)
        now += dt.timedelta(hours=1)
    assert receiver.arrived == keys
    assert all(state == "sent" for _, state, _ in states(engine))


def killed_after_sending(engine: Engine, channel: WebhookChannel, now: dt.datetime) -> None:
    """One delivery whose process ends after a message left and before that is written down."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(alerts.outbox, "_mark", killed)
        try:
            deliver(engine, {"hook": channel}, now=now)
        except KeyboardInterrupt:
            return


def test_after_a_day_without_a_receiver_everything_comes_once_as_one_digest(
    receiver: Receiver, outbox_of: Engine
) -> None:
    channel = hook_to(receiver, digest_from=5)
    receiver.plan = ["refuse"] * 200
    keys = []
    for hour in range(24):
        now = NOW + dt.timedelta(hours=hour)
        keys += put(outbox_of, waiting(hour + 1, created_at=now, not_before=now))
        report = deliver(outbox_of, {"hook": channel}, now=now)
        assert report.failed == {"hook": "channel hook: answered 503, expected 2xx"}
        assert report.waiting == {"hook": hour + 1}
    receiver.plan = []
    report = deliver(outbox_of, {"hook": channel}, now=NOW + dt.timedelta(days=1))
    assert (report.sent, report.digests, report.waiting) == ({"hook": 24}, {"hook": 1}, {})
    assert receiver.arrived == keys
    (digest,) = receiver.seen.values()
    assert digest["title"] == "【橙色预警 24 条】chiping预警汇总"
    assert digest["tells"] == keys
    assert [f"断面{number}" in digest["body"] for number in (1, 24)] == [True, True]
    assert json.dumps(digest, ensure_ascii=False).count("断面7\\n") == 1
    assert deliver(outbox_of, {"hook": channel}, now=NOW + dt.timedelta(days=2)).sent == {}


def test_without_a_digest_a_day_of_messages_comes_one_by_one(receiver: Receiver, outbox_of: Engine) -> None:
    channel = hook_to(receiver)
    receiver.plan = ["refuse"] * 3
    keys = put(outbox_of, *[waiting(number) for number in range(1, 8)])
    for hours in (0, 1, 2):
        deliver(outbox_of, {"hook": channel}, now=NOW + dt.timedelta(hours=hours))
    assert receiver.arrived == []
    assert deliver(outbox_of, {"hook": channel}, now=NOW + dt.timedelta(days=1)).sent == {"hook": 7}
    assert receiver.arrived == list(receiver.seen) == keys
