"""Flags in the warehouse: what stands there, when it ends, and what the policy of a use does with it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import func, select

import flows.flagging
import flows.way
from flows.answers import records as answers
from flows.flagging import flag_district
from flows.recount import recount_air
from quality.flags import amended_rules
from tests.flows.flag_history import OTHER_STATION, SECTION, STATION, T0, History, rows_of, together
from warehouse.engine import Warehouse
from warehouse.flags import recall_flags
from warehouse.load import mark_range
from warehouse.schema import air_days, episodes, flags, outbox, section_results, stale_days

#: 25 equal readings every four hours last 96 h: bad; 24 last 92 h: suspect (from 48 h on)
BAD_RUN, SUSPECT_RUN = 25, 24
FOUR_HOURS = timedelta(hours=4)


def lively(count: int, around: float) -> list[float]:
    """Values that differ from their neighbours by a hundredth, as a river's do."""
    return [round(around + 0.01 * (place % 3), 3) for place in range(count)]


def stuck(value: float, run: int, *, before: int = 12, after: int = 12) -> pd.DataFrame:
    """Ammonia of a section that stands still for a while, beside oxygen that does not."""
    ammonia = [*lively(before, value + 0.05), *[value] * run, *lively(after, value + 0.05)]
    return together(rows_of(SECTION, "nh3_n", ammonia), rows_of(SECTION, "do", lively(len(ammonia), 7.0)))


@pytest.fixture
def history(warehouse: Warehouse, tmp_path: Path) -> History:
    return History(warehouse, tmp_path / "home")


@pytest.mark.parametrize(("run", "verdict"), [(BAD_RUN, 4), (SUSPECT_RUN, 3), (12, None)])
def test_a_run_of_equal_values_has_a_flag_a_reading(history: History, run: int, verdict: int | None) -> None:
    history.take(stuck(1.2, run))
    first = T0 + 12 * FOUR_HOURS
    times = [first + place * FOUR_HOURS for place in range(run)]
    expected = [(SECTION, "nh3_n", at, "flat_line", verdict) for at in times] if verdict else []
    assert history.flags() == expected


def test_a_bad_run_leaves_the_month_and_is_counted(history: History) -> None:
    history.take(stuck(1.2, BAD_RUN))
    query = select(section_results).where(section_results.c.known_until.is_(None))
    found = {(row["period_kind"], row["period"]): row for row in history.rows(query)}
    assert found["month", "2025-03"]["left_out"] == BAD_RUN
    assert found["year", "2025"]["left_out"] == BAD_RUN
    samples = [row for (kind, _), row in found.items() if kind == "sample"]
    assert len(samples) == 12 + BAD_RUN + 12, "oxygen is there at every time"
    assert sum(row["left_out"] for row in samples) == BAD_RUN
    assert {row["items"] for row in samples if row["left_out"]} == {"do"}
    with history.warehouse.read() as connection:
        (month, *_) = [
            row for row in answers.sections(connection, history.district, "2025-03") if row["site"] == SECTION
        ]
        day = answers.sections(connection, history.district, "2025-03-14")
    assert month["left_out"] == BAD_RUN
    assert [row["left_out"] for row in day] == [1] * 6


def test_suspect_leaves_nothing_out(history: History) -> None:
    history.take(stuck(1.2, SUSPECT_RUN))
    counted = select(func.sum(section_results.c.left_out).label("n"))
    assert history.rows(counted) == [{"n": 0}]


def test_a_flag_never_hides_what_is_worse_than_v_and_the_alert_says_it(history: History) -> None:
    history.night(stuck(3.0, BAD_RUN))
    (episode,) = history.rows(
        select(episodes.c.state, episodes.c.since, episodes.c.evidence).where(
            episodes.c.rule == "section-worse-than-v"
        )
    )
    assert (episode["state"], pd.Timestamp(episode["since"])) == ("firing", pd.Timestamp(T0))
    evidence = json.loads(episode["evidence"])
    assert evidence["n_readings"] == 12 + BAD_RUN + 12
    assert all("flags" not in reading for reading in evidence["readings"]), "first, worst and last are lively"
    samples = history.rows(
        select(section_results.c["class"], section_results.c.left_out).where(
            section_results.c.period_kind == "sample", section_results.c.known_until.is_(None)
        )
    )
    assert {(row["class"], row["left_out"]) for row in samples} == {(6, 0)}


def test_an_alert_on_a_stuck_value_names_the_flag_in_evidence_and_message(history: History) -> None:
    history.run_date = T0.date()
    history.night(stuck(3.0, BAD_RUN, before=0, after=0))
    (episode,) = history.rows(select(episodes.c.evidence).where(episodes.c.rule == "section-worse-than-v"))
    readings = json.loads(episode["evidence"])["readings"]
    assert {reading["flags"] for reading in readings} == {"flat_line=4"}
    bodies = [row["body"] for row in history.rows(select(outbox.c.body))]
    assert bodies
    assert all("质控标记：恒值 坏" in body for body in bodies)


def test_a_correction_ends_the_flags_and_the_past_can_be_asked_for(history: History) -> None:
    history.take(stuck(1.2, BAD_RUN))
    with history.warehouse.read() as connection:
        known = connection.execute(select(func.max(flags.c.known_from))).scalar_one()
    middle = T0 + (12 + 12) * FOUR_HOURS
    history.take(together(rows_of(SECTION, "nh3_n", [1.3], first=middle)))
    # twelve equal ones remain on either side: 44 h, below the 48 h of suspect
    assert history.flags() == []
    assert len(history.flags(ended=True)) == BAD_RUN
    with history.warehouse.read() as connection:
        then = recall_flags(
            connection,
            district="chiping",
            start=T0,
            end=datetime(2026, 1, 1),
            least={"flat_line": 4},
            as_of=known,
        )
    assert len(then) == BAD_RUN
    month = select(section_results.c.left_out).where(
        section_results.c.period_kind == "month", section_results.c.known_until.is_(None)
    )
    assert history.rows(month) == [{"left_out": 0}]


def test_stuck_hours_of_air_leave_the_day_as_the_engine_itself_counts(history: History) -> None:
    # PM2.5: bad from 24 h on; 30 equal hours from 10:00 on leave 10 hours of the first day and 8 of the next
    hours = [40.0 + place % 5 for place in range(10)] + [33.0] * 30 + [40.0 + place % 5 for place in range(8)]
    frame = together(rows_of(STATION, "pm2_5", hours, every=1))
    history.take(frame)
    assert len(history.flags()) == 30
    query = select(air_days.c.site, air_days.c.day, air_days.c.hours, air_days.c.left_out, air_days.c.valid)
    found = history.rows(query.where(air_days.c.known_until.is_(None)).order_by(air_days.c.day))
    mine = [(row["hours"], row["left_out"], row["valid"]) for row in found if row["site"] == STATION]
    assert mine == [(10, 14, False), (8, 16, False)]
    whole = [row["left_out"] for row in found if row["site"] == ""]
    assert whole == [14, 16]
    with history.warehouse.read() as connection:
        assert recount_air(connection, history.district) == []


def test_every_night_again_changes_nothing(history: History) -> None:
    history.take(stuck(1.2, BAD_RUN))
    sha256, standing = history.sha256(), history.flags()
    with history.warehouse.begin() as connection:
        mark_range(connection, "chiping", T0, datetime(2026, 1, 1))
    assert history.judge() == {"flags": 0, "section_results": 0}
    assert (history.sha256(), history.flags(), history.flags(ended=True)) == (sha256, standing, [])


def test_a_run_that_dies_in_the_evaluation_leaves_no_flag_and_the_work(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.load(stuck(1.2, BAD_RUN))

    def dies(*_given: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(flows.way, "evaluate_district", dies)
        with pytest.raises(RuntimeError, match="power cut"):
            history.night()
    assert history.flags() == []
    assert history.rows(select(func.count().label("n")).select_from(stale_days))[0]["n"] > 0
    history.judge()
    assert len(history.flags()) == BAD_RUN


def test_other_thresholds_reach_all_of_history(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    history.take(stuck(1.2, SUSPECT_RUN))
    stricter = amended_rules(
        '[[range]]\nparameters = ["do"]\nperiods = ["4h"]\nchannels = ["automatic"]\nsuspect = [7.015, 9]\n'
        'bad = [7.005, 9]\nbasis = "test"\nsure = "C"\n'
    )
    monkeypatch.setattr(flows.flagging, "flag_rules", lambda: stricter)
    history.judge()
    low = [row for row in history.flags() if row[3] == "range"]
    # oxygen goes 7.00, 7.01, 7.02: bad, suspect, good
    assert [row[4] for row in low] == [4 if place % 3 == 0 else 3 for place in range(48) if place % 3 < 2]
    month = select(section_results.c.left_out).where(
        section_results.c.period_kind == "month", section_results.c.known_until.is_(None)
    )
    assert history.rows(month) == [{"left_out": 16}]


def test_a_neighbour_is_judged_again_when_the_others_come_late(history: History) -> None:
    rules = amended_rules(
        '[[neighbours]]\nparameters = ["pm2_5"]\nperiods = ["1h"]\nchannels = ["automatic"]\nsites = 1\n'
        'suspect = 20\nbad = 60\nbasis = "test"\nsure = "C"\n'
    )

    def night(frame: pd.DataFrame) -> None:
        history.load(frame)
        with history.warehouse.begin() as connection:
            flag_district(connection, history.district, rules=rules)
            connection.execute(stale_days.delete())

    night(together(rows_of(STATION, "pm2_5", [50.0, 51.0, 52.0], every=1)))
    assert history.flags() == [], "there is nobody to compare with"
    night(together(rows_of(OTHER_STATION, "pm2_5", [80.0, 51.0], every=1)))
    assert [row for row in history.flags() if row[3] == "neighbours"] == [
        (STATION, "pm2_5", T0, "neighbours", 3),
        (OTHER_STATION, "pm2_5", T0, "neighbours", 3),
    ]


def test_the_cost_of_a_night_follows_what_changed_not_the_history(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = flows.flagging.recall_readings
    read: list[int] = []

    def counted(*given: object, **named: object) -> pd.DataFrame:
        found = real(*given, **named)  # type: ignore[arg-type]
        read.append(len(found))
        return found

    long = rows_of(SECTION, "nh3_n", lively(6 * 300, 0.5), first=T0 - timedelta(days=300))
    history.take(together(long))
    monkeypatch.setattr(flows.flagging, "recall_readings", counted)
    history.take(together(rows_of(SECTION, "nh3_n", lively(6, 0.5))))
    # the day, and on both sides twice as far as a verdict reaches: 2 x 130 h
    assert 0 < sum(read) <= 6 + 2 * 65


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_pieces_in_any_order_give_one_dump_on_both_engines(
    warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    """One order in `make test`, another and the server in `make thorough`."""
    whole = stuck(1.2, BAD_RUN)
    air = together(rows_of(STATION, "pm2_5", [33.0] * 30 + [40.0, 300.0, 41.0, 42.0], every=1))
    correction = together(rows_of(SECTION, "nh3_n", [1.9], first=T0 + 30 * FOUR_HOURS))
    pieces = [(0, whole.iloc[start::2]) for start in range(2)] + [(1, air.iloc[::2]), (1, air.iloc[1::2])]
    ranked = [(number + 1, frame) for number, (_, frame) in enumerate(pieces)]
    ranked.append((50, correction))
    other = History(Warehouse(f"duckdb:///{tmp_path / 'other.duckdb'}"), tmp_path / "other")
    for rank, frame in ranked:
        other.load(frame.reset_index(drop=True), rank=rank)
    other.judge()
    mine = History(warehouse, tmp_path / "home")
    shuffled = pd.Series(range(len(ranked))).sample(frac=1, random_state=seed)
    for place in shuffled:
        rank, frame = ranked[place]
        mine.load(frame.reset_index(drop=True), rank=rank)
        mine.judge()
    assert mine.flags() == other.flags()
    assert any(row[4] == 4 for row in mine.flags())
    assert mine.sha256() == other.sha256()
