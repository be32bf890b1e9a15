"""A rule is examined subject by subject, each from its own time on: nothing earlier may be judged.

An episode that is found before its subject's time is on record and yet not looked for, and a night would end on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from alerts.rules import Rule, load_alerts
from flows.alert.record import conditions_of_rule, subjects_of
from flows.alert.scene import Scene, beginning
from flows.evaluate import registry_of
from tests.flows.conftest import Night
from vocabulary.district import load_district
from warehouse.engine import Warehouse

pytestmark = pytest.mark.xdist_group("first-night")

ROOT = Path(__file__).resolve().parents[2]
RULES = load_alerts(ROOT / "districts" / "chiping" / "alerts.toml").rules


@pytest.fixture(scope="module")
def scene(first_night: Night) -> Iterator[Scene]:
    settings = first_night.made.settings()
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
    district = load_district(first_night.made.root / "districts" / "chiping")
    with warehouse.read() as connection:
        yield Scene(connection, district, registry_of(district), date(2026, 4, 1))


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_no_subject_is_judged_before_its_own_time(scene: Scene, rule: Rule) -> None:
    whole = conditions_of_rule(scene, rule, dict.fromkeys(subjects_of(scene, rule), beginning(rule))).samples
    if whole.empty:
        pytest.skip("no samples of this rule in the slices")
    # the last subject keeps its whole history, every other begins at its last sample but one
    own = {
        str(site): times.sort_values().iloc[max(len(times) - 2, 0)].to_pydatetime()
        for site, times in whole.groupby("site")["observed_at"]
    }
    own[max(own)] = beginning(rule)
    samples = conditions_of_rule(scene, rule, own).samples
    first = samples["site"].map(pd.Series(own, dtype="datetime64[us]"))
    assert len(samples)
    assert (samples["observed_at"] >= first).all()
