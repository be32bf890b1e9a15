"""Night after night, what is on record is what one look at everything says; and a changed rule reaches all years."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from flows.progress import years_with_data
from flows.run import Run, open_run
from flows.way import evaluate_and_alert
from tests.flows.slices import Slice, empty_slice, rows
from vocabulary.reading import READING_DTYPES, empty_rejects
from warehouse.dump import canonical_dump
from warehouse.load import Unit, load_batch
from warehouse.schema import stale_days

DISTRICT = "chiping"
#: ammonia of a sampling: within class Ⅱ, in class Ⅴ, above Ⅴ (2.0), above twice Ⅴ
AMMONIA = {"2": 0.3, "5": 1.8, "6": 2.6, "!": 7.0}
#: samplings begin here: within a year, at its turn, and a month later
STARTS = (datetime(2024, 6, 30, 12), datetime(2024, 12, 31, 12), datetime(2025, 1, 31, 16))
_NOTHING = empty_rejects().assign(delivery=pd.Series([], dtype="int64"))


@dataclass(frozen=True)
class Step:
    """What comes in before one run: samplings of a section from a start on, or a day of air; and its date."""

    site: str
    start: int
    place: int
    signs: str
    silent: bool = False
    on: date = date(2025, 2, 3)


steps = st.builds(
    Step,
    site=st.sampled_from(["CP-S3", "CP-S4", "CP-A1"]),
    start=st.integers(0, len(STARTS) - 1),
    place=st.integers(0, 8),
    signs=st.text(alphabet="2566!", min_size=1, max_size=8),
    silent=st.booleans(),
    on=st.sampled_from([date(2024, 12, 31), date(2025, 2, 3), date(2025, 2, 20), date(2026, 1, 1)]),
)


def frame_of(step: Step) -> pd.DataFrame:
    """Return a step's readings: ammonia every four hours, or a day's hours of PM2.5 at both stations."""
    first = STARTS[step.start] + timedelta(hours=4 * step.place)
    if step.site.startswith("CP-A"):
        at = pd.date_range(pd.Timestamp(first).normalize(), periods=24, freq="h", unit="us").repeat(2)
        facts = {
            "site": ["CP-A1", "CP-A2"] * 24,
            "parameter": "pm2_5",
            "period": "1h",
            "value": 40.0 * AMMONIA[step.signs[0]],
        }
    else:
        at = pd.date_range(first, periods=len(step.signs), freq="4h", unit="us")
        facts = {
            "site": step.site,
            "parameter": "nh3_n",
            "period": "4h",
            "value": [AMMONIA[sign] for sign in step.signs],
        }
    frame = pd.DataFrame({"observed_at": at} | facts).assign(
        district=DISTRICT,
        censor="",
        detection_limit=np.nan,
        provider_flag="",
        channel="automatic",
        sheet="",
        row=np.arange(len(at)) + 2,
        column="value",
    )
    frame["raw"] = frame["value"].astype("str")
    return frame[list(READING_DTYPES)].astype(READING_DTYPES).assign(delivery=0)


def load(run: Run, step: Step, number: int) -> None:
    """Load a step as a delivery; a later one outranks an earlier one."""
    frame = frame_of(step)
    issued = datetime(2025, 3, 1) + timedelta(days=number)
    unit = Unit(
        district=DISTRICT,
        source="made",
        partition="2025",
        sha256=f"{number:064x}",
        name=f"{number}.csv",
        size=1,
        issued_at=issued,
        modified_at=issued,
        encoding="utf-8",
        cells_in=len(frame),
        blank=0,
    )
    with run.warehouse.begin() as connection:
        load_batch(connection, [unit], frame, _NOTHING, now=issued)


def opened(made: Slice, on: date, home: Path | None = None) -> Run:
    return open_run(made.settings(home), "nightly", districts=[DISTRICT], run_date=on)


def evaluate(run: Run, *, silent: bool = False) -> None:
    evaluate_and_alert(run, run.districts[DISTRICT], silent)


def said(run: Run) -> list[str]:
    """Every line of the canonical dump."""
    with run.warehouse.read() as connection:
        return b"".join(canonical_dump(connection)).decode().splitlines()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Slice:
    return empty_slice(tmp_path_factory.mktemp("growth"))


_homes: list[int] = []


@pytest.mark.thorough
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sequence=st.lists(steps, min_size=2, max_size=3))
@example(
    # an episode over the turn of a year; late data move its beginning; a correction takes it away
    sequence=[
        Step("CP-S3", 1, 2, "2266"),
        Step("CP-S3", 1, 3, "66", silent=True),
        Step("CP-A1", 0, 0, "2", on=date(2026, 1, 1)),
        Step("CP-S3", 1, 3, "2222"),
    ]
)
def test_night_after_night_says_what_one_look_at_everything_says(sequence: list[Step], made: Slice) -> None:
    _homes.append(1)
    nights, once = (made.home / f"{name}{len(_homes)}" for name in ("nights", "once"))
    for number, step in enumerate(sequence):
        run = opened(made, step.on, nights)
        load(run, step, number)
        evaluate(run, silent=step.silent)
    whole = opened(made, sequence[-1].on, once)
    for number, step in enumerate(sequence):
        load(whole, step, number)
    evaluate(whole)
    assert said(run) == said(whole)


def test_what_was_loaded_and_not_evaluated_is_found_by_the_next_run(made: Slice, tmp_path: Path) -> None:
    run = opened(made, date(2025, 2, 3), tmp_path / "killed")
    load(run, Step("CP-S3", 0, 0, "22226666"), 0)
    evaluate(run)
    # the run that loads is killed before it evaluates; the next one loads other things
    load(run, Step("CP-S3", 0, 4, "22"), 1)
    again = opened(made, date(2025, 2, 3), tmp_path / "killed")
    load(again, Step("CP-S4", 2, 0, "2"), 2)
    evaluate(again)
    found = rows(made.settings(tmp_path / "killed"), "select since, state from episodes order by since")
    # 12:00 is place 0: the bad ones were places 4 to 7, of which 6 and 7 are left
    assert [f"{moment:%m-%d %H}" for moment in found["since"]] == ["07-01 04", "07-01 12"]
    assert found["state"].tolist() == ["annulled", "firing"]
    with again.warehouse.read() as connection:
        assert connection.execute(select(stale_days.c.day)).all() == []


def test_a_night_judges_its_own_year_and_a_changed_plan_every_year(tmp_path: Path) -> None:
    own = empty_slice(tmp_path)
    run = opened(own, date(2025, 2, 3))
    for number, start in enumerate((0, 2)):
        load(run, Step("CP-A1", start, 0, "2"), number)
    evaluate(run)
    # what a person would never write stands for rows that a night does not look at
    with run.warehouse.begin() as connection:
        connection.exec_driver_sql("update indicator_results set reason_en = 'untouched'")

    def judged_again() -> set[str]:
        told = rows(
            own.settings(),
            "select distinct period from indicator_results where known_until is null"
            " and plan = '14FYP' and reason_en <> 'untouched'",
        )
        return set(told["period"])

    night = opened(own, date(2025, 2, 4))
    load(night, Step("CP-A1", 2, 6, "2"), 2)
    evaluate(night)
    assert judged_again() == {"2025"}
    plan = own.root / "districts" / DISTRICT / "plan.toml"
    plan.write_text(
        plan.read_text("utf-8").replace("at_risk_margin = 0.05", "at_risk_margin = 0.04"), "utf-8"
    )
    evaluate(opened(own, date(2025, 2, 4)))
    assert judged_again() == {"2024", "2025"}


def test_a_year_that_closes_is_judged_once_more(made: Slice, tmp_path: Path) -> None:
    home = tmp_path / "closing"
    run = opened(made, date(2024, 12, 31), home)
    load(run, Step("CP-A1", 0, 0, "2"), 0)
    evaluate(run)

    def left() -> dict[str, str]:
        """What is left of PM2.5 by year."""
        found = rows(
            made.settings(home),
            "select period, remaining from indicator_results where known_until is null and indicator = 1"
            " and plan = '14FYP'",
        )
        return dict(zip(found["period"], found["remaining"], strict=True))

    # on its last day a year has one day left to keep clean, and none when it is over
    assert list(left()) == ["2024"]
    assert "≤" in left()["2024"]
    evaluate(opened(made, date(2025, 1, 1), home))
    assert left() == {"2024": "", "2025": ""}


def test_the_ledger_names_the_years_of_the_readings(made: Slice, tmp_path: Path) -> None:
    run = opened(made, date(2025, 2, 3), tmp_path / "years")
    with run.warehouse.read() as connection:
        assert years_with_data(connection, DISTRICT) == set()
    # 20:00 and 24:00 of the last day of 2024: the second sampling lies in 2025
    load(run, Step("CP-S3", 1, 2, "22"), 0)
    with run.warehouse.read() as connection:
        assert years_with_data(connection, DISTRICT) == {2024, 2025}
