"""Explained as known then and as known now: a correction ends what was believed, and both can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.explain.ask import explain
from tests.flows.slices import Slice, empty_slice, rows, run_night
from vocabulary.clock import now_utc
from vocabulary.district import load_districts
from warehouse.engine import Warehouse


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Slice, Any]:
    """A day of air and, a night later, its correction; the time between the two nights."""
    made = empty_slice(tmp_path_factory.mktemp("corrected"))
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", "air/china_sites_20250310.csv")
    run_night(made)
    between = now_utc()
    made.take("chiping", "air/china_sites_20250310_issued20250401.csv")
    run_night(made)
    return made, between


def asked(made: Slice, site: str, when: str, **options: Any) -> list[dict[str, Any]]:
    settings = made.settings()
    with Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True).read() as connection:
        return explain(
            connection, load_districts(settings.districts), (site, when), home=settings.home, **options
        )


def hourly(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Steps of a kind, the means over 8 and 24 hours that the platform gives left aside."""
    return [record for record in records if record["kind"] == kind and record["period"] == "1h"]


def test_a_revised_hour_is_told_with_what_was_believed_before(corrected: tuple[Slice, Any]) -> None:
    made, between = corrected
    changed = rows(
        made.settings(),
        "select s.site, s.parameter, n.observed_at, o.value as was, n.value as now, o.raw as old_raw from v_revisions v"
        " join series s on s.site = v.site and s.parameter = v.parameter and s.period = v.period"
        " join readings n on n.series_id = s.id and n.observed_at = v.observed_at and n.known_until is null"
        " join readings o on o.series_id = s.id and o.observed_at = v.observed_at and o.known_until is not null"
        " where s.period = '1h' and s.parameter <> 'aqi' order by n.observed_at, s.parameter",
    )
    assert len(changed), "the correction revises nothing"
    first = changed.iloc[0]
    when, parameter = f"{first['observed_at']:%Y-%m-%dT%H}", str(first["parameter"])

    now = asked(made, str(first["site"]), when, parameter=parameter)
    (reading,) = hourly(now, "reading")
    (before,) = hourly(now, "earlier")
    assert (reading["value"], before["value"]) == (first["now"], first["was"])
    assert reading["delivery"].endswith("issued20250401.csv")
    assert not before["delivery"].endswith("issued20250401.csv")
    assert before["raw"] == first["old_raw"]
    assert reading["proved"]
    assert before["proved"]
    assert before["known_until"] == reading["known_from"]

    then = asked(made, str(first["site"]), when, parameter=parameter, as_of=between)
    (reading,) = hourly(then, "reading")
    assert reading["value"] == first["was"]
    assert not hourly(then, "earlier")


def test_the_files_of_both_statements_lie_in_the_landing_zone(corrected: tuple[Slice, Any]) -> None:
    made, _ = corrected
    records = asked(made, "CP-A1", "2025-03-10", parameter="pm2_5")
    landed = {record["landed"] for record in records if record["landed"]}
    assert landed
    assert all((Path(made.home) / place).is_file() for place in landed)
