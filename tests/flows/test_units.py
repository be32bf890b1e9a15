"""A backfill's units: cut by source and month, ended at any unit and gone on with, counted, told, never lost."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows import units as units_module
from flows.crew import RunnerError, ThreadCrew, plain_crew
from flows.gather import Pending
from flows.missing import nothing_missing
from flows.night import fill_back
from flows.run import FAILED, Run
from flows.settings import Settings
from flows.units import Progress, Unit
from tests.flows.slices import Slice, balance_holds, empty_slice, run_night, sure_hash

SPAN = {"first": date(2025, 1, 1), "last": date(2026, 4, 1)}


@pytest.fixture
def made(tmp_path: Path) -> Slice:
    """Two months of air with a correction, two of a platform's answers."""
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft", "water-cnemc-api")})
    made.take("chiping", "air/china_sites_20250310*.csv", "air/china_sites_20250415.csv")
    made.take("chiping", "water/api/2026-03-11T1[26].json", "water/api/2026-03-25T1[26].json")
    return made


def filled(made: Slice, home: Path, **given: object) -> Run:
    return fill_back(made.settings(home), **SPAN, **given)[0]


def test_units_are_a_source_and_a_month_in_the_order_of_time(made: Slice, tmp_path: Path) -> None:
    run = filled(made, tmp_path / "home")
    told = [(unit["source"], unit["month"], unit["files"], unit["state"]) for unit in run.summary.units]
    assert told == [
        ("air-quotsoft", "2025-03", 2, "loaded"),
        ("air-quotsoft", "2025-04", 1, "loaded"),
        ("water-cnemc-api", "2026-03", 4, "loaded"),
    ]
    balance_holds(run)
    deliveries = [item for report in run.summary.sources for item in report.deliveries]
    assert sum(unit["cells"] for unit in run.summary.units) == sum(item["cells_in"] for item in deliveries)
    assert sum(unit["bytes"] for unit in run.summary.units) == sum(
        path.stat().st_size for path in made.exports("chiping").rglob("*") if path.is_file()
    )


@pytest.mark.thorough
def test_one_ended_after_any_unit_and_run_again_leaves_what_one_night_leaves(
    made: Slice, tmp_path: Path
) -> None:
    run_night(made, tmp_path / "night")
    whole = sure_hash(made.settings(tmp_path / "night"))
    home = tmp_path / "home"

    def stop_after(count: int):
        def stop(progress: Progress) -> None:
            if progress.units_done == count:
                raise KeyboardInterrupt

        return stop

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            filled(made, home, on_progress=stop_after(1))
    seen: list[Progress] = []
    run = filled(made, home, on_progress=lambda progress: seen.append(Progress(**vars(progress))))
    assert [unit["month"] for unit in run.summary.units] == ["2026-03"], "the first two were kept"
    assert sure_hash(made.settings(home)) == whole
    assert [progress.units_done for progress in seen] == [0, 1]
    assert (seen[-1].share, seen[-1].seconds_left) == (1.0, 0.0)


def test_nothing_missing_is_known_without_a_run(made: Slice, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = {**SPAN, "districts": None, "source": None}
    assert not nothing_missing(made.settings(home), **asked), "there is no warehouse yet"
    filled(made, home)
    assert nothing_missing(made.settings(home), **asked)
    later = made.take("chiping", "air/china_sites_20250416.csv")
    assert not nothing_missing(made.settings(home), **asked)
    assert nothing_missing(made.settings(home), **(asked | {"last": date(2025, 4, 15)}))
    assert nothing_missing(made.settings(home), **(asked | {"source": "water-cnemc-api"}))
    later[0].unlink()
    alerts = made.root / "districts" / "chiping" / "alerts.toml"
    alerts.write_text(alerts.read_text("utf-8") + "\n# another rulebook\n", "utf-8")
    assert not nothing_missing(made.settings(home), **asked), "other rules judge everything again"


def test_a_unit_that_breaks_is_told_and_stops_no_other(
    made: Slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = units_module.examine

    def broken(run: Run, district: object, source: object, batch: list[Pending]):
        if batch[0].partition.startswith("2025-03"):
            raise ZeroDivisionError("a defect")
        return real(run, district, source, batch)

    monkeypatch.setattr(units_module, "examine", broken)
    run, status = fill_back(made.settings(tmp_path / "home"), **SPAN)
    assert status == FAILED
    assert [unit["state"] for unit in run.summary.units] == ["failed", "loaded", "loaded"]
    assert run.summary.sources[0].failure == "chiping/air-quotsoft 2025-03: ZeroDivisionError: a defect"
    monkeypatch.undo()
    run = filled(made, tmp_path / "home", only_missing=True)
    assert [(unit["month"], unit["state"]) for unit in run.summary.units] == [("2025-03", "loaded")]


def test_a_dry_run_lists_the_units_with_their_cells_and_what_turned_is_counted(
    made: Slice, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    correction = next(made.exports("chiping").rglob("china_sites_20250310_*.csv"))
    content = correction.read_bytes()
    correction.unlink()
    expected = filled(made, home, dry_run=True).summary.units
    loaded = filled(made, home).summary
    assert [unit["cells"] for unit in expected] == [unit["cells"] for unit in loaded.units]
    assert {unit["state"] for unit in expected} == {"expected"}
    days = [item for item in loaded.turned if item["kind"] == "day"]
    assert days
    assert {item["old"] for item in loaded.turned} == {""}, "a first backfill turns nothing that was"
    correction.write_bytes(content)


def test_progress_says_its_rate_and_the_time_left() -> None:
    progress = Progress(units=4, units_done=1, bytes=400, bytes_done=100, cells=3000, seconds=30.0)
    assert (progress.share, progress.cells_per_second, progress.seconds_left) == (0.25, 100.0, 90.0)
    assert progress.line() == "1/4 单元 units，25%，3000 单元格 cells，100/s，剩余 left 90 s"
    assert Progress(units=1, bytes=9).seconds_left is None


def test_a_month_too_large_for_one_transaction_is_named_in_parts() -> None:
    assert Unit("d", "s", "2025-03", 2, 3, ()).name == "d/s 2025-03 2/3"
    assert Unit("d", "s", "", 1, 1, ()).name == "d/s —"


def test_dask_over_the_embedded_file_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", runner="dask")
    with pytest.raises(RunnerError, match="PostgreSQL"):
        fill_back(settings, **SPAN)
    assert not (tmp_path / "home").exists()


def test_threads_wait_for_what_comes_before_and_an_error_before_does_not_spread() -> None:
    with ThreadCrew(2) as crew:

        def fails() -> None:
            raise ValueError("first")

        first = crew.submit("first", fails)
        second = crew.submit("second", lambda: 2, behind=(first,))
        third = crew.submit("third", lambda given: given + 1, after=(second,), behind=(first,))
        fourth = crew.submit("fourth", lambda given: given, after=(first,))
        assert third.result() == 3
        with pytest.raises(ValueError, match="first"):
            fourth.result()
    assert plain_crew(Settings(workers=3)).workers == 3
