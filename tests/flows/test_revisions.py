"""Corrected exports: every past answer can be given again, and the order of arrival does not matter."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.query import EpisodeNotFoundError, list_episodes, show_episode
from cli import app
from flows.answers import records as answers
from flows.answers.alerts import list_episodes_as_of, show_episode_as_of
from flows.night import load_files, night
from flows.revisions import revision_report
from flows.settings import Settings
from tests.conftest import fresh_postgres
from tests.flows.asking import CORRECTION, ORIGINAL, Asking, wall
from tests.flows.slices import (
    Slice,
    empty_slice,
    messages,
    rows,
    run_load,
    run_night,
    sure_hash,
    tiny_slice,
)
from vocabulary.clock import now_utc
from vocabulary.district import load_district
from warehouse.engine import Warehouse


def test_an_indicator_is_told_as_it_was_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    (original,) = made.take("chiping", ORIGINAL)
    nothing_yet = wall()
    run_night(made)
    before = wall()
    made.take("chiping", CORRECTION)
    run_night(made)
    settings = made.settings()
    with Warehouse(settings.warehouse_url(), read_only=True).read() as connection:
        asking = Asking(made, connection)
        then, now = asking.pm2_5(before), asking.pm2_5(None)
        assert (
            answers.indicators(connection, asking.district, 2025, as_of=answers.as_of_utc(nothing_yet)) == []
        )
    # twelve of the day's hours of one of the two stations are 60 lower: the mean falls, and both stand
    assert now["value"] < then["value"]
    day = rows(
        settings,
        "select value, known_until is null as believed from air_days where site = 'CP-A1' and"
        " parameter = 'pm2_5' and day = '2025-03-10' order by known_from",
    )
    assert day["believed"].tolist() == [False, True]
    assert day["value"].iloc[0] - day["value"].iloc[1] == pytest.approx(12 * 60 / 23, abs=1)
    assert original.exists()


def test_a_section_is_told_as_it_was_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-section",)})
    (file,) = made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    run_night(made)
    before = wall()
    # the platform corrects ammonia of one sampling and delivers the month again under a dated name
    lines = file.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "07-01 08:00" in line)
    cells = lines[at].split(",")
    assert float(cells[11]) < 1
    cells[11] = "1.900"
    lines[at] = ",".join(cells)
    file.with_name(f"{file.stem}_issued20250915.csv").write_text("".join(lines), encoding="utf-8")
    run, _ = run_night(made)
    assert run.summary.sources[0].counts["revised"] == 1
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        asking = Asking(made, connection)
        day = asking.district
        then = answers.sections(connection, day, "2025-07-01", as_of=answers.as_of_utc(before))
        now = answers.sections(connection, day, "2025-07-01")
        month = [asking.section("2025-07", as_of) for as_of in (before, None)]
    changed = [
        (old["period"], old["class"], new["class"])
        for old, new in zip(then, now, strict=True)
        if (old["class"], old["worst"]) != (new["class"], new["worst"])
    ]
    # GB 3838-2002: ammonia 1.9 mg/L lies above class Ⅳ (1.5) and within class Ⅴ (2.0)
    assert changed == [("2025-07-01T08:00", 4, 5)]
    assert month[0]["known_at"] == before[:19]
    assert month[0]["class"] == month[1]["class"], "one sampling of 186 does not move the month"


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Slice, str]:
    """Four exports of one source, three of them of the same hours, and the hash of all at once."""
    made = empty_slice(tmp_path_factory.mktemp("orders"))
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", ORIGINAL, CORRECTION, "air/china_sites_20250311.csv")
    # a second correction, of the first one
    file = made.exports("chiping") / CORRECTION
    text = file.read_bytes().replace(b",40,", b",41,")
    file.with_name("china_sites_20250310_issued20250501.csv").write_bytes(text)
    run_load(made, files_of(made), "air-quotsoft")
    return made, sure_hash(made.settings())


def files_of(made: Slice) -> list[Path]:
    return sorted(made.folder("chiping", "air-quotsoft").iterdir())


@pytest.mark.xdist_group("orders")
@pytest.mark.parametrize("seed", [1, *[pytest.param(seed, marks=pytest.mark.thorough) for seed in (2, 4)]])
def test_any_order_of_arrival_gives_one_hash(
    deliveries: tuple[Slice, str], tmp_path: Path, seed: int
) -> None:
    """One order in `make test`, two more in `make thorough`; any order of single statements is in tests/warehouse."""
    made, at_once = deliveries
    files = files_of(made)
    random.Random(seed).shuffle(files)  # noqa: S311  # an order, not a secret
    for file in files:
        run_load(made, [file], "air-quotsoft", tmp_path / "one-by-one")
    assert sure_hash(made.settings(tmp_path / "one-by-one")) == at_once


@pytest.mark.postgres
def test_a_server_gives_the_hash_of_the_embedded_warehouse(tmp_path: Path, postgres_uri: str) -> None:
    made = tiny_slice(tmp_path)
    run_night(made)
    embedded = sure_hash(made.settings())
    warehouse = fresh_postgres(postgres_uri)
    url = warehouse.url.render_as_string(hide_password=False)
    on_server: Settings = made.settings(tmp_path / "other", warehouse=url)
    # one correction first, so that the chains are made in another order too
    correction = made.exports("chiping") / CORRECTION
    load_files(on_server, [correction], district="chiping", source="air-quotsoft")
    night(on_server)
    assert sure_hash(on_server) == embedded
    night(on_server)
    assert sure_hash(on_server) == embedded


def test_episodes_are_told_as_they_were_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-section",)})
    (file,) = made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    nothing_yet = now_utc()
    run_night(made)
    district = load_district(made.root / "districts" / "chiping")
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        known_then = list_episodes(connection)
        shown_then = show_episode(connection, known_then[0]["id"])
    before = now_utc()
    assert known_then, "the slice has an episode worse than class Ⅴ"
    # the platform corrects every ammonia value of the month to one within class Ⅱ
    lines = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    at = lines[0].index("氨氮(mg/L)")
    for cells in lines[1:]:
        cells[at] = "0.300" if re.fullmatch(r"[0-9.]+", cells[at]) else cells[at]
    later = "".join(",".join(cells) + "\n" for cells in lines)
    file.with_name(f"{file.stem}_issued20260115.csv").write_text(later, encoding="utf-8")
    run_night(made)
    assert messages(made.home) == [], "history wakes nobody"
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        districts = {district.key: district}
        assert list_episodes_as_of(connection, districts, before) == known_then
        shown = show_episode_as_of(connection, districts, known_then[0]["id"], before)
        assert shown == shown_then
        assert {factor["value"] for factor in shown["evidence"]["readings"]} != {0.3}
        with pytest.raises(EpisodeNotFoundError):
            show_episode_as_of(connection, districts, known_then[0]["id"], nothing_yet)
        assert list_episodes_as_of(connection, districts, nothing_yet) == []
        assert list_episodes_as_of(connection, districts, now_utc()) == list_episodes(connection) == []
        report = revision_report(connection, before, now_utc())
        status = {
            moment: next(
                item
                for item in answers.status(connection, districts, as_of=moment)
                if item["kind"] == "source"
            )["deliveries"]
            for moment in (nothing_yet, before, None)
        }
    assert [item["id"] for item in report["episodes"]] == [item["id"] for item in known_then]
    assert list(status.values()) == [0, 1, 2]


def test_every_read_command_tells_the_past_as_it_told_it_then(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft", "water-cnemc-section", "outlet-hourly")})
    made.take("chiping", ORIGINAL, "outlets/CPDA001/CPDA001_2026-03.csv")
    (section,) = made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    run_night(made)
    asked = (
        ["sections", "--district", "chiping", "--period", "2025-07"],
        ["sections", "--district", "chiping", "--period", "2025-07-01"],
        ["air", "--district", "chiping", "--period", "2025-03"],
        ["emissions", "--district", "chiping", "--period", "2026-03"],
        ["indicators", "--district", "chiping", "--year", "2025"],
        ["alerts", "list"],
        ["quarantine", "list"],
        ["status"],
    )
    environment = made.environment()

    def answer(command: list[str], *more: str) -> list[dict[str, Any]]:
        said = CliRunner().invoke(app, [*command, *more, "--json"], env=environment)
        assert said.exit_code == 0, said.output
        return [{**record, "known_at": None} for record in json.loads(said.stdout)]

    then = [answer(command) for command in asked]
    moment = wall()
    made.take("chiping", CORRECTION)
    outlet = made.folder("chiping", "outlet-hourly") / "CPDA001" / "CPDA001_2026-03.csv"
    for file, encoding, pattern, value in (
        (section, "utf-8", r",0\.\d{3},", ",1.900,"),
        # normalised NOx, the column before the flow, far above the limit
        (outlet, "gb18030", r",\d{2}\.\d{2},(?=\d{6},)", ",393.21,"),
    ):
        text = re.sub(pattern, value, file.read_bytes().decode(encoding))
        file.with_name(f"{file.stem}_issued20260415.csv").write_bytes(text.encode(encoding))
    run, _ = run_night(made)
    assert all(report.counts["revised"] for report in run.summary.sources)
    assert [answer(command, "--as-of", moment) for command in asked] == then
    now = [answer(command) for command in asked]
    same = [command for command, old, new in zip(asked, then, now, strict=True) if old == new]
    assert same in ([], [["quarantine", "list"]]), "the corrections move every other answer"
    said = CliRunner().invoke(app, ["revisions", "--since", moment, "--json"], env=environment)
    turned = [record for record in json.loads(said.stdout) if record["kind"] == "outlet"]
    # hours that were within their limit have no row before; 393.21 mg/m3 of NOx exceeds every limit
    assert turned
    assert {record["parameter"] for record in turned} == {"flue_nox_norm"}
    assert {"exceed_hour"} <= {record["new_verdict"] for record in turned}
    assert {(record["old_verdict"], record["old_value"]) for record in turned} >= {("", None)}
    assert all(record["revised_readings"] for record in turned)
