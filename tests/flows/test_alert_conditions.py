"""Conditions of every kind over what is planted: who is found, from when to when, by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from alerts.episodes import find_episodes
from alerts.rules import load_alerts
from flows.alert.record import conditions_of_rule, subjects_frame, subjects_of
from flows.alert.scene import Conditions, Scene, beginning
from flows.evaluate import registry_of
from tests.flows.conftest import Night
from tests.flows.slices import PLANTED
from vocabulary.district import load_district
from warehouse.engine import Warehouse

pytestmark = pytest.mark.xdist_group("first-night")

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {key: load_alerts(ROOT / "districts" / key / "alerts.toml") for key in ("chiping", "gaoxin")}


@pytest.fixture(scope="module")
def scenes(first_night: Night) -> Iterator[dict[str, Scene]]:
    settings = first_night.made.settings()
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
    found = {key: load_district(first_night.made.root / "districts" / key) for key in SHIPPED}
    with warehouse.read() as connection:
        yield {
            key: Scene(connection, district, registry_of(district), date(2026, 4, 1))
            for key, district in found.items()
        }


def judged(scene: Scene, rule_id: str, **changed: object) -> tuple[Conditions, pd.DataFrame]:
    rule = SHIPPED[scene.district.key].rule(rule_id).model_copy(update=changed)
    since = dict.fromkeys(subjects_of(scene, rule), beginning(rule))
    conditions = conditions_of_rule(scene, rule, since)
    return conditions, find_episodes(conditions.samples, rule)


@pytest.mark.parametrize("district", list(SHIPPED))
@pytest.mark.parametrize("rule_id", [rule.id for rule in SHIPPED["chiping"].rules])
def test_every_shipped_rule_has_conditions_and_names_its_subjects(
    scenes: dict[str, Scene], district: str, rule_id: str
) -> None:
    scene = scenes[district]
    conditions, found = judged(scene, rule_id)
    subjects = subjects_of(scene, SHIPPED[district].rule(rule_id))
    assert set(conditions.samples["site"]) <= set(subjects)
    assert set(subjects) <= set(subjects_frame(scene, SHIPPED[district].rule(rule_id))["key"])
    assert (
        not (conditions.samples["bad"] & conditions.samples["good"]).any()
        if "bad" in conditions.samples
        else True
    )
    # whatever is bad has its evidence
    assert set(found["site"]) <= set(conditions.evidence["site"])


def test_planted_hours_beyond_the_limit_are_found_and_the_flagged_one_is_not(
    scenes: dict[str, Scene],
) -> None:
    conditions, found = judged(scenes["chiping"], "outlet-hour-exceeded")
    planted = [item for item in PLANTED if item["kind"] == "exceedance" and item["district"] == "chiping"]
    assert [
        (row["site"], f"{row['since']:%Y-%m-%dT%H:%M}", row["n_readings"]) for row in found.to_dict("records")
    ] == [(item["site"], item["since"], item["facts"]["hours"]) for item in planted]
    for item, peak in zip(planted, found["peak_multiple"], strict=True):
        assert peak == pytest.approx(item["facts"]["peak"] / item["facts"]["limit"] - 1, abs=1e-6)
    assert set(conditions.evidence["limit"]) == {50.0}
    assert (conditions.evidence["row"] > 1).all(), "each says in which row of its file it stands"


def test_days_of_a_section_far_beyond_the_limit_are_found_by_their_means(scenes: dict[str, Scene]) -> None:
    conditions, found = judged(scenes["chiping"], "section-day-worse-than-v")
    assert set(found["site"]) == {"CP-S3"}
    assert (conditions.samples["observed_at"] == conditions.samples["observed_at"].dt.normalize()).all()
    # total nitrogen is not among the items that decide a section's class
    assert "tn" not in set(conditions.evidence["parameter"])


def test_a_source_is_silent_from_the_day_on_that_it_is_later_than_it_may_be(scenes: dict[str, Scene]) -> None:
    # the slice has air of single days of 2025; the source may be two days late
    scene = replace(scenes["gaoxin"], run_date=date(2025, 10, 20))
    _, found = judged(scene, "source-silent", sources=("air-quotsoft",))
    (row,) = found.to_dict("records")
    # one file, of 9 October: 10 and 11 are allowed, on the 12th it is three days
    assert (row["site"], f"{row['since']:%Y-%m-%d}", row["until"]) == ("air-quotsoft", "2025-10-12", pd.NaT)


def test_days_without_a_reading_count_as_missing_once_a_site_has_begun(scenes: dict[str, Scene]) -> None:
    scene = replace(scenes["gaoxin"], run_date=date(2025, 10, 20))
    conditions, found = judged(scene, "data-missing", medium="air")
    samples = conditions.samples
    assert set(samples["site"]) == {"GX-A1", "GX-A2"}
    # the day's file begins with the last hour of the 8th: that day is not judged, nor is the run's own
    assert samples["observed_at"].min() == pd.Timestamp("2025-10-09")
    assert samples["observed_at"].max() == pd.Timestamp("2025-10-19")
    assert (samples["bad"] == (samples["observed_at"] > pd.Timestamp("2025-10-09"))).all()
    assert list(found["n_readings"]) == [10, 10]


def test_an_indicator_off_its_track_is_found_under_its_plan_and_number(scenes: dict[str, Scene]) -> None:
    conditions, found = judged(scenes["chiping"], "indicator-off-track")
    assert all(site.startswith("14FYP-") for site in found["site"])
    assert (found["since"] == found["since"].dt.to_period("Y").dt.start_time).all()
    assert set(conditions.evidence["column"]) <= {"off-track"}
