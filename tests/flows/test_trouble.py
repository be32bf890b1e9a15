"""Broken exports, failing sources, a tampered warehouse: told, contained, and nothing lost."""

from __future__ import annotations

import functools
import gzip
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

from flows.run import DONE, FAILED, FINDINGS
from sources.pull import Limits
from tests.flows.slices import (
    Slice,
    balance_holds,
    empty_slice,
    proof_of,
    rows,
    run_night,
    sure_hash,
)

_MONTH = "outlets/CPDW001/CPDW001_2026-02.csv"


def water_slice(root: Path, locations: dict[str, str] | None = None) -> Slice:
    """One district, API answers from a folder or `locations`."""
    made = empty_slice(root)
    made.use({"chiping": ("water-cnemc-api", "outlet-hourly")}, locations)
    made.take("chiping", "water/api/2026-03-25T*.json")
    return made


def test_broken_files_are_kept_and_explained_and_the_good_one_is_loaded(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("outlet-hourly",)})
    (good,) = made.take("chiping", _MONTH)
    lines = good.read_bytes().replace(b"2026-02", b"2025-07").splitlines(keepends=True)
    broken = {
        "CPDW001_2025-05.csv": b"\x00\x01\x02\xff\xfe" * 400,
        "CPDW001_2025-06.csv": b"",
        # cut within a value of its last line
        "CPDW001_2025-07.csv": b"".join(lines[:400]) + lines[400][:-9],
    }
    for name, content in broken.items():
        (good.parent / name).write_bytes(content)
    run, status = run_night(made)
    assert status == FINDINGS
    balance_holds(run)
    settings = made.settings()
    ledger = rows(settings, "select * from deliveries").assign(
        name=lambda frame: frame["name"].str.rsplit("/", n=1).str[-1]
    )
    ledger = ledger.set_index("name")
    assert ledger["state"].to_dict() == {
        good.name: "loaded",
        "CPDW001_2025-05.csv": "refused",
        "CPDW001_2025-06.csv": "refused",
        "CPDW001_2025-07.csv": "loaded",
    }
    # nothing but its three summary rows (mean, highest, lowest) of six items
    assert ledger.loc[good.name, "quarantined"] == 18
    assert ledger.loc[good.name, "new"] > 1000
    assert ledger.loc["CPDW001_2025-05.csv", "code"] == "file-unreadable"
    assert ledger.loc["CPDW001_2025-06.csv", "code"] == "file-empty"
    assert ledger.loc["CPDW001_2025-07.csv", "quarantined"] == 1
    for name in ("CPDW001_2025-05.csv", "CPDW001_2025-06.csv"):
        assert ledger.loc[name, "detail_zh"]
        assert ledger.loc[name, "detail_en"]
    said = "\n".join(run.summary.sources[0].findings)
    for name, content in broken.items():
        assert name in said, "each broken file is explained"
        digest = hashlib.sha256(content).hexdigest()
        assert (made.home / "landing" / digest[:2] / digest).read_bytes() == content, "its bytes are kept"
    codes = rows(settings, "select code, sum(cells) as cells from quarantine group by code")
    assert dict(zip(codes["code"], codes["cells"], strict=True)) == {"summary-row": 18, "line-truncated": 1}
    assert proof_of(settings)["ok"]
    _, again = run_night(made)
    assert again == DONE, "what was explained is not explained again"


def test_a_packed_export_that_ends_early_is_told(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("outlet-hourly",)})
    (good,) = made.take("chiping", _MONTH)
    packed = gzip.compress(good.read_bytes(), mtime=0)
    good.write_bytes(packed[: len(packed) // 2])
    run, status = run_night(made)
    assert status == FINDINGS
    assert any("the packed stream ends early" in line for line in run.summary.sources[0].findings)
    balance_holds(run)


def test_verify_names_the_delivery_whose_reading_is_gone(tmp_path: Path) -> None:
    made = water_slice(tmp_path)
    run_night(made)
    settings = made.settings()
    assert proof_of(settings)["ok"]
    with duckdb.connect(str(made.home / "ecoplan.duckdb")) as by_hand:
        by_hand.execute("delete from readings where rowid = (select min(rowid) from readings)")
    proof = proof_of(settings)
    assert not proof["ok"]
    (first, *_) = proof["failures"]
    assert "2026-03-25T" in first


def test_verify_names_a_delivery_whose_bytes_are_gone_or_changed(tmp_path: Path) -> None:
    made = water_slice(tmp_path)
    run_night(made)
    settings = made.settings()
    landed = sorted(path for path in (made.home / "landing").rglob("*") if path.is_file())
    landed[0].unlink()
    landed[1].write_bytes(landed[1].read_bytes() + b" ")
    proof = proof_of(settings)
    assert not proof["ok"]
    for path in landed[:2]:
        assert any(path.name[:12] in failure for failure in proof["failures"])


def test_a_missing_folder_fails_its_source_and_no_other(tmp_path: Path) -> None:
    made = water_slice(tmp_path)
    made.take("chiping", "outlets/CPDW001/CPDW001_2026-01.csv")
    made.folder("chiping", "water-cnemc-api").rename(tmp_path / "elsewhere")
    run, status = run_night(made)
    assert status == FAILED
    failed = {report.source: report.failure for report in run.summary.sources}
    assert "api" in failed["water-cnemc-api"]
    assert failed["outlet-hourly"] == ""
    assert run.summary.status == "failed"
    assert rows(made.settings(), "select distinct source from deliveries")["source"].tolist() == [
        "outlet-hourly"
    ]
    (tmp_path / "elsewhere").rename(made.folder("chiping", "water-cnemc-api"))
    run, status = run_night(made)
    assert run.summary.sources[0].loaded == 6, "the next night takes what the failed one could not"
    assert status == FINDINGS, "nothing failed; the open episode asks for a person"


class _Exports(SimpleHTTPRequestHandler):
    """A folder over HTTP, as file servers give it: index pages, Last-Modified, 304."""

    def do_GET(self) -> None:
        if self.server.broken:
            self.send_error(500)
            return
        super().do_GET()

    def send_response(self, code: int, message: str | None = None) -> None:
        self.server.given[int(code)] += 1
        super().send_response(code, message)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[ThreadingHTTPServer]:
    handler = functools.partial(_Exports, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.broken, server.given = False, Counter()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry a server at once."""
    monkeypatch.setattr("flows.gather.Limits", functools.partial(Limits, retries=1, backoff_seconds=0.0))


@pytest.mark.usefixtures("_impatient")
def test_an_address_gives_what_the_folder_gives_and_is_asked_conditionally(tmp_path: Path) -> None:
    made = water_slice(tmp_path)
    run_night(made)
    by_folder = sure_hash(made.settings())
    folder = made.folder("chiping", "water-cnemc-api")
    with served(folder) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        made.use({"chiping": ("water-cnemc-api", "outlet-hourly")}, {"chiping/water-cnemc-api": address})
        home = tmp_path / "pulled"
        run, status = run_night(made, home)
        # an open episode asks for a person
        assert (status, run.summary.sources[0].loaded) == (FINDINGS, 6)
        assert sure_hash(made.settings(home)) == by_folder
        server.given.clear()
        run, status = run_night(made, home)
        # one answer is the index page
        assert (status, server.given) == (FINDINGS, {200: 1, 304: 6})
        assert run.summary.sources[0].known == 6
        newer = folder / "2026-03-25T12.json"
        os.utime(newer, (1_776_000_000, 1_776_000_000))
        server.given.clear()
        run_night(made, home)
        assert server.given == {200: 2, 304: 5}
        assert sure_hash(made.settings(home)) == by_folder
        server.broken = True
        made.take("chiping", "outlets/CPDW001/CPDW001_2026-01.csv")
        run, status = run_night(made, home)
    assert status == FAILED
    told = {report.source: (report.failure, report.loaded) for report in run.summary.sources}
    assert "500" in told["water-cnemc-api"][0]
    assert told["outlet-hourly"] == ("", 1)
    assert not list((home / "incoming").iterdir()), "nothing half-fetched stays behind"
