"""Exit statuses and errors: one clear line on stderr, nothing on stdout, nothing written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Ecoplan, Said
from tests.flows.slices import Slice, empty_slice, messages, tiny_slice, tree

pytestmark = pytest.mark.xdist_group("cli")

HERE = ("--district", "chiping")
MARCH = (*HERE, "--period", "2026-03")


def refused(said: Said, status: int, *words: str) -> None:
    """Assert one line on stderr that holds the words, and nothing else."""
    assert said.status == status, said
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("ecoplan: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sections --district nope --period 2026-03", ("未知区划 nope", "known: chiping")),
        ("indicators --district nope", ("unknown district nope",)),
        ("alerts list --district nope", ("unknown district nope",)),
        ("nightly --plain --district nope", ("unknown district nope",)),
        ("sections --district chiping", ("--period",)),
        ("sections --district chiping --period 2026-13", ("2026-13", "时段应为")),
        ("sections --district chiping --period 26-03", ("26-03",)),
        ("sections --district chiping --period 2026-02-30", ("2026-02-30",)),
        ("air --district chiping --period soon", ("soon",)),
        ("emissions --district chiping --period 2026-W12", ("2026-W12",)),
        ("sections --district chiping --period 2026 --as-of yesterday", ("yesterday", "时间应为")),
        ("sections --district chiping --period 2026-03 --standard GB0", ("GB0", "GB3838-2002")),
        ("air --district chiping --period 2025 --standard GB0", ("GB0",)),
        ("standards show GB0", ("GB0", "GB3838-2002")),
        ("indicators --year next", ("--year", "integer")),
        ("alerts show 999", ("999",)),
        ("alerts list --state asleep", ("asleep", "firing")),
        ("quarantine show 999999", ("999999",)),
        ("quarantine list --code bogus", ("bogus", "negative")),
        ("quarantine list --limit 0", ("--limit",)),
        ("nightly --plain --date 2026-02-30", ("2026-02-30",)),
        ("backfill --plain --from 2025-02-01 --to 2025-01-01", ("2025-02-01",)),
        ("backfill --plain --from 2025-01-01 --to 2025-01-02 --source nope", ("nope", "air-quotsoft")),
        ("backfill --plain --from 2025-01-01", ("--to",)),
        ("load nofile.csv --district chiping --source air-quotsoft", ("nofile.csv",)),
        ("load districts --district chiping --source nope", ("nope",)),
        ("frobnicate", ("frobnicate",)),
        ("status --frobnicate", ("--frobnicate",)),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    ecoplan: Ecoplan, small: Slice, monkeypatch: pytest.MonkeyPatch, line: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(small.root)
    before = tree(small.home)
    refused(ecoplan(small, *line.split()), 2, *words)
    assert tree(small.home) == before


def test_a_wrong_word_for_the_log_is_told_in_one_line(ecoplan: Ecoplan, small: Slice) -> None:
    refused(ecoplan(small, "nightly", "--plain", ECOPLAN_LOG="yaml"), 2, "ECOPLAN_LOG", "json")


def test_a_folder_without_files_is_nothing_to_load(ecoplan: Ecoplan, small: Slice, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = ecoplan(small, "load", str(tmp_path / "empty"), *HERE, "--source", "air-quotsoft")
    refused(said, 2, "no files to load")


@pytest.mark.parametrize(
    "line",
    [
        "sections --district chiping --period 2026-03",
        "indicators",
        "alerts list",
        "quarantine list",
        "status",
        "verify",
    ],
)
def test_without_a_warehouse_reading_is_refused(ecoplan: Ecoplan, tmp_path: Path, line: str) -> None:
    made = empty_slice(tmp_path)
    before = tree(tmp_path)
    refused(ecoplan(made, *line.split()), 4, "ecoplan nightly")
    assert tree(tmp_path) == before


def test_a_warehouse_in_use_is_waited_for_then_refused(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    made.home.mkdir()
    file = made.home / "ecoplan.duckdb"
    holding = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        refused(ecoplan(made, "nightly", "--plain", ECOPLAN_LOCK_WAIT="0.5"), 4, "正被另一个进程占用")
        refused(ecoplan(made, "verify", ECOPLAN_LOCK_WAIT="0.5"), 4, "in use by another process")
        holder.communicate(b"")


def test_a_file_that_is_no_warehouse_is_refused(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    made.home.mkdir()
    (made.home / "ecoplan.duckdb").write_text("not a database\n")
    refused(ecoplan(made, "verify"), 4, "not a valid DuckDB database")
    refused(ecoplan(made, "nightly", "--plain"), 4, "not a valid DuckDB database")


def test_a_warehouse_of_another_version_is_refused(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.home.mkdir()
    with duckdb.connect(str(made.home / "ecoplan.duckdb")) as by_hand:
        by_hand.execute("create table schema_version (version integer)")
        by_hand.execute("insert into schema_version values (9999)")
    refused(ecoplan(made, "verify"), 4, "9999")


def test_a_server_out_of_reach_is_refused_without_its_password(ecoplan: Ecoplan, small: Slice) -> None:
    address = "postgresql+psycopg://someone:hush-hush@127.0.0.1:1/none"
    said = ecoplan(small, "verify", ECOPLAN_WAREHOUSE=address, ECOPLAN_LOCK_WAIT="0.5")
    refused(said, 4, "127.0.0.1")
    assert "hush-hush" not in said.err
    told = ecoplan(small, "doctor", ECOPLAN_WAREHOUSE=address)
    assert "hush-hush" not in told.out + told.err


def test_a_setting_of_the_wrong_kind_is_named(ecoplan: Ecoplan, small: Slice) -> None:
    refused(ecoplan(small, "status", ECOPLAN_LOCK_WAIT="soon"), 2, "ECOPLAN_LOCK_WAIT")
    refused(ecoplan(small, "status", ECOPLAN_LANGUAGE="fr"), 2, "ECOPLAN_LANGUAGE")


def test_a_district_file_with_a_fault_is_named_with_its_line(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    sites = made.root / "districts" / "chiping" / "sites.csv"
    lines = sites.read_text("utf-8").splitlines()
    lines[3] = lines[3].replace("section", "sektion")
    sites.write_text("\n".join(lines) + "\n", encoding="utf-8")
    refused(ecoplan(made, "nightly", "--plain"), 2, "sites.csv", "line 4", "sektion")
    assert not made.home.exists()


def test_a_night_ends_with_its_status(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    assert ecoplan(made, "nightly", "--plain").status == 0
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250312.csv").write_bytes(b"")
    said = ecoplan(made, "nightly", "--plain")
    assert (said.status, said.err) == (1, "")
    assert "china_sites_20250312.csv: 拒收" in said.out
    made.folder("chiping", "air-quotsoft").rename(tmp_path / "gone")
    said = ecoplan(made, "nightly", "--plain")
    assert said.status == 3
    assert "✗ chiping/air-quotsoft" in said.out
    assert "Traceback" not in said.out + said.err


def test_a_night_says_what_it_did_and_where_everything_lies(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = replace(tiny_slice(tmp_path), site=True)
    said = ecoplan(made, "nightly", "--plain")
    assert (said.status, said.err) == (1, ""), "an open episode asks for a person"
    for words in ("规划指标 chiping", "预警事件", "逐份收支", "茌新河示例断面", str(made.home / "report")):
        assert words in said.out
    assert "【红色预警】断面劣Ⅴ" in said.out, "the console is a channel"
    assert len(messages(made.home)) == 1


def test_files_load_backfills_fill_and_dry_runs_only_say(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    folder = made.folder("chiping", "air-quotsoft")
    words = ("load", str(folder), *HERE, "--source", "air-quotsoft")
    before = tree(tmp_path)
    assert ecoplan(made, *words, "--dry-run").status == 0
    span = ("backfill", "--from", "2025-01-01", "--to", "2026-03-31")
    assert ecoplan(made, *span, "--dry-run").status == 0
    assert ecoplan(made, "nightly", "--dry-run").status == 0
    assert tree(tmp_path) == before
    assert ecoplan(made, *words).status == 0
    assert ecoplan(made, "verify", "--json").json["deliveries"] == 2
    assert ecoplan(made, *span, "--plain", "--only-missing").status == 1, "it found an open episode"
    assert ecoplan(made, "verify", "--json").json["deliveries"] == 5
    assert messages(made.home) == []


def test_verify_fails_with_the_delivery_named(ecoplan: Ecoplan, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    assert ecoplan(made, "nightly", "--plain").status == 1
    with duckdb.connect(str(made.home / "ecoplan.duckdb")) as by_hand:
        by_hand.execute("delete from readings where rowid = (select max(rowid) from readings)")
    said = ecoplan(made, "verify", "--json")
    assert (said.status, said.json["ok"]) == (1, False)
    assert any(".json" in failure or ".csv" in failure for failure in said.json["failures"])


def test_help_is_no_error(ecoplan: Ecoplan) -> None:
    said = ecoplan(None, "--help")
    assert (said.status, said.err) == (0, "")
    for command in ("nightly", "backfill", "sections", "verify", "doctor", "alerts", "quarantine"):
        assert command in said.out
    for words in ((), ("alerts",), ("quarantine",), ("standards",)):
        said = ecoplan(None, *words)
        assert (said.status, said.err) == (2, "")
        assert "--help" in said.out
