"""Replay after an alias, a registry or a range was put right: exactly the cells concerned move."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import quality.judge
from flows.answers import records as answers
from flows.answers.quarantine import quarantine_list
from flows.replay import Choice, replay
from flows.settings import Settings
from flows.way import evaluate_and_alert
from sources.layout import layout_data
from tests.flows.asking import wall
from tests.flows.slices import Slice, empty_slice, messages, proof_of, rows, run_night, sure_hash, tree
from vocabulary.parameters import parameters
from vocabulary.reading import PERIODS
from warehouse.appeal import AppealError
from warehouse.engine import Warehouse

#: the file's own heading is unknown until somebody adds the alias
UNKNOWN = "铵态氮读数"
AIR = "air/china_sites_20250506.csv"
SECTION = "water/sections/山东省/茌新河示例断面/2025-07/*.csv"


def on(made: Slice, warehouse: Warehouse) -> Settings:
    return made.settings(warehouse=warehouse.url.render_as_string(hide_password=False))


def at_once(made: Slice) -> str:
    """The hash of a home that had everything right from the start."""
    settings = made.settings(made.root / "at-once")
    run_night(made, made.root / "at-once")
    return sure_hash(settings)


def registry(made: Slice) -> Path:
    return made.root / "districts" / "chiping" / "sites.csv"


def section_slice(root: Path) -> tuple[Slice, Path]:
    made = empty_slice(root)
    made.use({"chiping": ("water-cnemc-section",)})
    (file,) = made.take("chiping", SECTION)
    # nine days of the month are enough
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:55]), encoding="utf-8")
    return made, file


def rename_column(file: Path) -> int:
    """Head ammonia's column with an unknown word; return how many of its cells hold a number."""
    text = file.read_text("utf-8")
    assert "氨氮(mg/L)" in text
    lines = [line.split(",") for line in text.splitlines()]
    at = lines[0].index("氨氮(mg/L)")
    file.write_text(text.replace("氨氮(mg/L)", f"{UNKNOWN}(mg/L)"), encoding="utf-8")
    return sum(bool(re.fullmatch(r"[0-9.]+", cells[at])) for cells in lines[1:])


def know_column(patch: pytest.MonkeyPatch) -> None:
    columns = layout_data("water_cnemc_section").rest["columns"]
    patch.setitem(columns, "nh3_n", UNKNOWN)


def widened(patch: pytest.MonkeyPatch, parameter: str, upper: float) -> None:
    """Let a parameter's 4-hour values reach further than the range file says."""
    limits = quality.judge.ranges()
    higher = limits.upper.copy()
    higher[limits.parameters.index(parameter), limits.periods.index("4h")] = upper
    assert parameter in parameters()
    assert "4h" in PERIODS
    changed = dataclasses.replace(limits, upper=higher)
    patch.setattr(quality.judge, "ranges", lambda: changed)


def test_an_alias_of_a_column_moves_its_cells_and_nothing_else(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path)
    numbers = rename_column(file)
    settings = on(made, warehouse)
    run_night_on(made, settings)
    before, moment = sure_hash(settings), wall()
    waiting = rows(settings, "select id, code from quarantine")
    assert set(waiting["code"]) == {"unknown-parameter"}
    assert len(waiting) == numbers
    _, _, nothing = replay(settings, Choice())
    assert nothing == []
    assert sure_hash(settings) == before, "no rule was changed, no cell moves"
    know_column(monkeypatch)
    _, _, (record,) = replay(settings, Choice(), by="王", why="别名")
    assert (record["cells"], record["new"], record["quarantined"], record["left"]) == (
        numbers,
        numbers,
        0,
        0,
    )
    assert (record["parameters"], record["sites"]) == ("nh3_n", "CP-S3")
    assert sure_hash(settings) == at_once(made) != before
    kept = rows(settings, 'select distinct state, "column" from quarantine')
    assert kept.values.tolist() == [["replayed", f"{UNKNOWN}(mg/L)"]]
    steps = rows(settings, "select distinct step, actor, note, outcome from quarantine_steps")
    assert steps.values.tolist() == [["replayed", "王", "别名", "new"]]
    with warehouse.read() as connection:
        then = quarantine_list(connection, None, limit=1000, as_of=answers.as_of_utc(moment))
        assert {item["state"] for item in then} == {"open"}
        assert len(then) == numbers
        assert quarantine_list(connection, None) == []
    _, _, again = replay(settings, Choice())
    assert again == []


def run_night_on(made: Slice, settings: Settings) -> None:
    from flows.night import night

    night(settings)


def test_an_alias_in_the_registry_moves_what_was_kept_under_the_delivered_name(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", AIR)
    right = registry(made).read_text("utf-8")
    assert ",9102A," in right
    registry(made).write_text(right.replace(",9102A,", ",,"), encoding="utf-8")
    settings = on(made, warehouse)
    run_night_on(made, settings)
    sure_hash(settings)
    ledger = "select new, revised, unchanged, duplicate, quarantined, blank from deliveries order by sha256"
    counts = rows(settings, ledger)
    moment = wall()
    with warehouse.read() as connection:
        assert unregistered(connection, made) == "9102A"
    registry(made).write_text(right, encoding="utf-8")
    _, _, (record,) = replay(settings, Choice())
    assert (record["kind"], record["renamed"], record["sites"]) == ("site", "9102A", "CP-A2")
    assert sure_hash(settings) == at_once(made)
    assert rows(settings, ledger).equals(counts), "the same cells, told under another name"
    with warehouse.read() as connection:
        assert unregistered(connection, made) == ""
        assert unregistered(connection, made, moment) == "9102A", "nobody knew it then"
    # the readings kept where they stand in the file
    place = 'select r."column", r."row" from readings r join series s on s.id = r.series_id where s.site = '
    old, new = (rows(settings, f"{place}'{site}' order by 1, 2") for site in ("9102A", "CP-A2"))
    assert old.equals(new)
    assert len(new) == record["cells"] > 0


def unregistered(connection: Any, made: Slice, as_of: str | None = None) -> str:
    from vocabulary.district import load_district

    district = load_district(made.root / "districts" / "chiping")
    found = answers.status(connection, {"chiping": district}, as_of=answers.as_of_utc(as_of))
    return str(next(item for item in found if item["kind"] == "open-work")["unregistered"])


def test_a_widened_range_moves_only_what_lies_in_it(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path)
    lines = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    at = lines[0].index("氨氮(mg/L)")
    lines[3][at], lines[9][at] = "12000", "90000"
    file.write_text("".join(",".join(cells) + "\n" for cells in lines), encoding="utf-8")
    settings = on(made, warehouse)
    run_night_on(made, settings)
    away = rows(settings, "select raw, code from quarantine order by raw").values.tolist()
    assert away == [["12000", "out-of-range"], ["90000", "out-of-range"]]
    widened(monkeypatch, "nh3_n", 50_000.0)
    _, _, (record,) = replay(settings, Choice(code="out-of-range"))
    assert (record["cells"], record["new"], record["left"]) == (1, 1, 1)
    assert sure_hash(settings) == at_once(made)
    states = rows(settings, "select raw, state from quarantine order by raw").values.tolist()
    assert states == [["12000", "replayed"], ["90000", "open"]]


def test_a_delivery_refused_whole_is_read_at_last(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path)
    text = file.read_text("utf-8")
    assert text.startswith("省份,") or "断面名称" in text
    file.write_text(text.replace("断面名称", "国考点名", 1), encoding="utf-8")
    settings = on(made, warehouse)
    run_night_on(made, settings)
    refused = rows(settings, "select state, code, cells_in from deliveries").values.tolist()
    assert refused == [["refused", "layout-unknown", 0]]
    _, status, (record,) = replay(settings, Choice())
    assert status == 1
    assert "layout-unknown" in record["reason_en"]
    roles = layout_data("water_cnemc_section").rest["roles"]
    monkeypatch.setitem(roles, "section", [*roles["section"], "国考点名"])
    replay(settings, Choice(delivery=file.name if "/" not in record["delivery"] else record["delivery"]))
    assert sure_hash(settings) == at_once(made)
    assert rows(settings, "select state, code from deliveries").values.tolist() == [["loaded", ""]]


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, file = section_slice(tmp_path)
    rename_column(file)
    run_night(made)
    know_column(monkeypatch)
    before = tree(tmp_path)
    _, _, would = replay(made.settings(), Choice(), dry_run=True)
    assert tree(tmp_path) == before
    _, _, did = replay(made.settings(), Choice())
    assert would == did


@pytest.mark.thorough
def test_a_replay_that_is_cut_goes_on_where_it_was_and_wakes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path)
    rename_column(file)
    run_night(made)
    know_column(monkeypatch)
    told = messages(made.home)

    def cut(_name: str, step: Any, *arguments: Any) -> Any:
        if step is evaluate_and_alert:
            raise KeyboardInterrupt
        return step(*arguments)

    with pytest.raises(KeyboardInterrupt):
        replay(made.settings(), Choice(), do=cut)
    waits = [line for line in proof_of(made.settings())["failures"] if "尚未重算" in line]
    assert len(waits) == 1
    _, _, nothing_left = replay(made.settings(), Choice())
    assert nothing_left == []
    assert sure_hash(made.settings()) == at_once(made)
    assert messages(made.home) == told


def test_only_open_cells_that_are_there_are_replayed(tmp_path: Path) -> None:
    made, file = section_slice(tmp_path)
    rename_column(file)
    run_night(made)
    with pytest.raises(AppealError, match="999999"):
        replay(made.settings(), Choice(ids=frozenset({999999})))
    with pytest.raises(AppealError, match="nowhere"):
        replay(made.settings(), Choice(delivery="nowhere.csv"))
