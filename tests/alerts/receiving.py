"""A receiver on loopback that answers as badly as networks do, and messages to send to it."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sqlalchemy import Engine, delete, select

from alerts.queueing import queue_messages
from alerts.routing_settings import ChannelSettings
from alerts.webhook import WebhookChannel, verify
from warehouse.schema import outbox

NOW = dt.datetime(2026, 4, 10, 18)
SECRET = "what both sides know and nobody else does"  # noqa: S105 - of this test
#: seconds the sender waits for an answer; a receiver that delays takes longer
PATIENCE = (1.0, 0.12)


class Receiver(ThreadingHTTPServer):
    """Takes messages by their idempotency key; what it does to each request stands in `plan`.

    `take` answers 200. `drop` takes the message and closes without an answer; `lose` closes without taking it.
    `delay` takes it and answers when nobody waits any more. `refuse` answers 503 without taking it. `twice` is
    a network that brings one request two times. After the plan everything is taken.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan: list[str] = []
        self.requests: list[dict] = []
        #: keys in the order in which they came for the first time; a digest brings those it tells
        self.arrived: list[str] = []
        #: messages as a person would see them: the first of each key
        self.seen: dict[str, dict] = {}
        self.lock = threading.Lock()

    def take(self, key: str, record: dict) -> None:
        with self.lock:
            if key in self.seen:
                return
            self.seen[key] = record
            self.arrived += record["tells"] or [key]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            action = self.server.plan.pop(0) if self.server.plan else "take"
        key = verify(SECRET, dict(self.headers), body)
        record = json.loads(body)
        self.server.requests.append({"headers": dict(self.headers), "body": body, "record": record})
        assert key == record["key"]
        for _ in range(2 if action == "twice" else 1):
            if action not in ("lose", "refuse"):
                self.server.take(key, record)
        if action in ("drop", "lose"):
            self.close_connection = True
            return
        if action == "delay":
            time.sleep(3 * PATIENCE[1])
        try:
            self.send_response(503 if action == "refuse" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            assert action == "delay", "only who was made to wait may have gone"

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def receiving() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook_to(server: Receiver, **settings: object) -> WebhookChannel:
    """A signed webhook to the receiver."""
    named = {"key": "hook", "kind": "webhook", "url_env": "HOOK_URL", "secret_env": "HOOK_SECRET"}
    return WebhookChannel(
        ChannelSettings.model_validate(named | settings),
        {"HOOK_URL": f"http://127.0.0.1:{server.server_port}/alerts", "HOOK_SECRET": SECRET},
        timeout=PATIENCE,
    )


def waiting(number: int, **changes: object) -> dict:
    """A message of an episode of its own, as it waits in the outbox."""
    key = f"section-worse-than-v:chiping:S{number}:202604101200:firing:hook"
    return {
        "idempotency_key": key,
        "channel": "hook",
        "district": "chiping",
        "subject": f"S{number}",
        "title": f"【红色预警】断面劣Ⅴ：断面{number}",
        "body": f"编号：{key}",
        "state": "waiting",
        "attempts": 0,
        "not_before": NOW,
        "created_at": NOW,
        "last_error": "",
        "kind": "episode",
        "level": "orange",
        "episode_id": number,
        "step": "firing",
        "role": "duty",
        "group_key": "",
        "told_by": "",
    } | changes


def put(engine: Engine, *messages: dict) -> list[str]:
    """Put messages into the outbox; return their keys."""
    with engine.begin() as connection:
        queue_messages(connection, messages)
    return [message["idempotency_key"] for message in messages]


def emptied(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(outbox))


def states(engine: Engine) -> list[tuple[str, str, int]]:
    """(kind, state, attempts) of every row, in order."""
    with engine.connect() as connection:
        rows = connection.execute(select(outbox).order_by(outbox.c.id)).mappings()
        return [(row["kind"], row["state"], row["attempts"]) for row in rows]
