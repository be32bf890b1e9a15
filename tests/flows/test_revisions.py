"""Corrected exports: every past answer can be given again, and the order of arrival does not matter."""

from __future__ import annotations

import random
import time
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from flows import answers
from flows.night import load_files, night
from flows.settings import Settings
from tests.conftest import fresh_postgres
from tests.flows.slices import Slice, empty_slice, rows, run_load, run_night, sure_hash, tiny_slice
from vocabulary.clock import SHANGHAI
from vocabulary.district import load_district
from warehouse.engine import Warehouse

_ORIGINAL = "air/china_sites_20250310.csv"
_CORRECTION = "air/china_sites_20250310_issued20250401.csv"


def wall() -> str:
    """The present moment as a person would type it for `--as-of`."""
    time.sleep(0.002)
    return datetime.now(SHANGHAI).replace(tzinfo=None).isoformat()


class Asking:
    """Asks a warehouse as the read commands do."""

    def __init__(self, made: Slice, connection: Connection) -> None:
        self.connection = connection
        self.district = load_district(made.root / "districts" / "chiping")

    def pm2_5(self, as_of: str | None) -> dict:
        moment = answers.as_of_utc(as_of)
        (record,) = [
            item
            for item in answers.indicators(self.connection, self.district, 2025, as_of=moment)
            if item["indicator"] == 1
        ]
        return record

    def section(self, period: str, as_of: str | None) -> dict:
        found = answers.sections(self.connection, self.district, period, as_of=answers.as_of_utc(as_of))
        (record,) = [item for item in found if item["site"] == "CP-S3" and item["period"] == period[:16]]
        return record


def test_an_indicator_is_told_as_it_was_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    (original,) = made.take("chiping", _ORIGINAL)
    nothing_yet = wall()
    run_night(made)
    before = wall()
    made.take("chiping", _CORRECTION)
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
    made.take("chiping", _ORIGINAL, _CORRECTION, "air/china_sites_20250311.csv")
    # a second correction, of the first one
    file = made.exports("chiping") / _CORRECTION
    text = file.read_bytes().replace(b",40,", b",41,")
    file.with_name("china_sites_20250310_issued20250501.csv").write_bytes(text)
    run_load(made, files_of(made), "air-quotsoft")
    return made, sure_hash(made.settings())


def files_of(made: Slice) -> list[Path]:
    return sorted(made.folder("chiping", "air-quotsoft").iterdir())


@pytest.mark.xdist_group("orders")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_arrival_gives_one_hash(
    deliveries: tuple[Slice, str], tmp_path: Path, seed: int
) -> None:
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
    correction = made.exports("chiping") / _CORRECTION
    load_files(on_server, [correction], district="chiping", source="air-quotsoft")
    night(on_server)
    assert sure_hash(on_server) == embedded
    night(on_server)
    assert sure_hash(on_server) == embedded
