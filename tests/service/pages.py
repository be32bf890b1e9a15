"""What the tests of pages share: an episode, links, a server on loopback, a browser-like client."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import uvicorn

from alerts.links import Links
from service.app import create_app
from service.desk import Desk

ROOT = Path(__file__).resolve().parents[2]
NOW = dt.datetime(2026, 4, 1, 2)
LINKS = Links("https://eco.example.cn/alerts", ("a secret of the tests, long enough for links",))
#: what a data provider could have written into a name
NASTY = "<script>alert(1)</script>{{7*7}}"

READING = {
    "parameter": "nh3_n",
    "value": 3.5,
    "limit": 2.0,
    "multiple": 0.75,
    "unit": "mg/L",
    "observed_at": "2026-03-24 12:00",
    "delivery": f"茌新河{NASTY}.csv",
    "sheet": "",
    "row": 140,
    "column": "氨氮(mg/L)",
    "flags": "flat_line=3",
    "flags_zh": "恒值（可疑）",
    "flags_en": "flat line (suspect)",
}
EPISODE = {
    "rule": "section-worse-than-v",
    "district": "chiping",
    "subject": "CP-S3",
    "level": "red",
    "state": "firing",
    "since": dt.datetime(2026, 3, 24, 8),
    "until": None,
    "class": 6,
    "limit": "氨氮 ≤ 2 mg/L",
    "evidence": json.dumps({"n_readings": 9, "readings": [READING]}, ensure_ascii=False),
    "message_zh": "断面劣Ⅴ：茌新河示例断面（茌新河）自 2026-03-24 08:00 起，9 次读数为劣Ⅴ类",
    "message_en": "section worse than class V: 茌新河示例断面 since 2026-03-24 08:00",
    "history": False,
    "known_at": dt.datetime(2026, 3, 31, 18),
    "updated_at": dt.datetime(2026, 3, 31, 18),
    "group_key": "",
    "muted_by": "",
}


def path_of(purpose: str, *, nonce: str = "k", at: dt.datetime = NOW, episode: int = 1) -> str:
    """The path of a link as the service sees it."""
    return LINKS.link(episode, purpose, at=at, nonce=nonce).removeprefix(LINKS.address)  # type: ignore[arg-type]


class Client(requests.Session):
    """Asks one server, follows no redirect."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def request(self, method: str, path: str, **given) -> requests.Response:
        return super().request(method, self.base + path, **{"allow_redirects": False, "timeout": 20, **given})


@contextmanager
def served(desk: Desk, root_path: str = "") -> Iterator[str]:
    """Serve the pages on a free port of loopback; yield the address."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(desk, root_path=root_path),
            port=0,
            access_log=False,
            log_level="critical",
            lifespan="off",
            root_path=root_path,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
