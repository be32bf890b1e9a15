"""A night that pulls: pages of an interface become deliveries, and no secret stays anywhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from flows.run import FAILED, FINDINGS
from tests.flows.slices import Slice, balance_holds, empty_slice, proof_of, rows, run_night

_TOKEN = "hidden-word-0123"  # noqa: S105 -- a made one
_WRONG = "wrong-word-9876"
_ANSWER = "water/api/2026-03-25T12.json"
_ASKED = """
[source.post]
fields = { PageIndex = "{page}", PageSize = "2" }

[source.pages]
rows = "tbody"
total_pages = "total"

[source.auth]
kind = "query"
name = "token"
secret_env = "WATER_TOKEN"
plain_http = true
"""


class _Release(BaseHTTPRequestHandler):
    """One answer of the release in pages of two rows, for whoever has the token."""

    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        page = int(fields["PageIndex"][0])
        self.server.asked.append(page)
        (token,) = parse_qs(urlsplit(self.path).query)["token"]
        if token != _TOKEN:
            self.send_error(403, f"not with {token}")
            return
        whole = self.server.whole
        part = whole | {"total": 2, "tbody": whole["tbody"][2 * page - 2 : 2 * page]}
        content = json.dumps(part, ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def release(whole: dict[str, object]) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Release) as server:
        server.whole, server.asked = whole, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked_slice(root: Path, address: str) -> Slice:
    made = empty_slice(root)
    made.use({"chiping": ("water-cnemc-api",)}, {"chiping/water-cnemc-api": address})
    sources = root / "districts" / "chiping" / "sources.toml"
    entry = sources.read_text("utf-8").rstrip() + '\nname = "2026-03-25T12/{page}.json"\n'
    sources.write_text(entry + _ASKED, encoding="utf-8")
    return made


def test_pages_are_deliveries_and_no_secret_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("WATER_TOKEN", raising=False)
    (file,) = empty_slice(tmp_path / "one").take("chiping", _ANSWER)
    whole = json.loads(file.read_text("utf-8"))
    # the example's answer has four sections
    assert len(whole["tbody"]) == 4
    with release(whole) as server:
        made = asked_slice(tmp_path / "two", f"http://127.0.0.1:{server.server_address[1]}/ask")
        run, status = run_night(made)
        assert (status, server.asked) == (FAILED, [])
        assert "WATER_TOKEN" in run.summary.sources[0].failure

        monkeypatch.setenv("WATER_TOKEN", _WRONG)
        run, status = run_night(made)
        assert (status, server.asked) == (FAILED, [1])

        monkeypatch.setenv("WATER_TOKEN", _TOKEN)
        run, status = run_night(made)
        assert run.summary.sources[0].loaded == 2
        assert server.asked == [1, 1, 2]
        balance_holds(run)
        run, status = run_night(made)
        assert (run.summary.sources[0].loaded, run.summary.sources[0].known) == (0, 2)
        assert status in {0, FINDINGS}
    settings = made.settings()
    assert proof_of(settings)["ok"]
    names = rows(settings, "select name from deliveries order by name")["name"]
    assert names.tolist() == ["2026-03-25T12/1.json", "2026-03-25T12/2.json"]
    marks = rows(settings, "select address from pull_marks where source = 'water-cnemc-api'")[
        "address"
    ].tolist()
    assert len(marks) == 2
    assert len(set(marks)) == 2
    kept = [path for path in made.home.rglob("*") if path.is_file()]
    assert kept
    said = b"".join(path.read_bytes() for path in kept)
    assert b"403 not with ***" in said
    assert _TOKEN.encode() not in said
    assert _WRONG.encode() not in said
