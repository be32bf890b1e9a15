"""A first night over what is planted, and the night after it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from flows.run import FINDINGS
from tests.flows.conftest import Night
from tests.flows.slices import PLANTED, Slice, balance_holds, messages, rows, run_night, sure_hash

pytestmark = pytest.mark.xdist_group("first-night")


def planted(expect: str) -> list[dict]:
    """What is planted with this expectation and lies in the slice of `first_night`."""
    return [item for item in PLANTED if item["expect"] == expect]


def named(item: dict) -> str:
    return f"{item['district']}-{item['site']}-{item['kind']}-{item['since']}"


def test_the_first_night_ends_with_findings_and_every_cell_accounted_for(first_night: Night) -> None:
    assert first_night.status == FINDINGS
    balance_holds(first_night.run)
    listed = [item for report in first_night.run.summary.sources for item in report.deliveries]
    ledger = rows(first_night.made.settings(), "select sha256, cells_in from deliveries")
    assert {item["sha256"]: item["cells_in"] for item in listed} == dict(
        zip(ledger["sha256"], ledger["cells_in"], strict=True)
    )
    files = [path for path in (first_night.made.root / "examples").rglob("*") if path.is_file()]
    assert len(ledger) == len(files) - 1, "every file is a delivery but the one that repeats another's bytes"


def test_all_twenty_one_indicators_of_both_districts_are_there(first_night: Night) -> None:
    told = pd.DataFrame(first_night.run.summary.indicators)
    assert {key: sorted(part["indicator"]) for key, part in told.groupby("district")} == {
        "chiping": list(range(1, 22)),
        "gaoxin": list(range(1, 22)),
    }
    assert set(told["period"]) == {"2025"}
    unfed = told[told["value"].isna()]
    assert (unfed["reason_zh"] != "").all(), "what is not yet fed says so"
    assert (unfed["reason_en"] != "").all()


@pytest.mark.parametrize("item", planted("resolved") + planted("open"), ids=named)
def test_planted_episodes_are_found(first_night: Night, item: dict) -> None:
    query = f"select * from episodes where subject = '{item['site']}' and since = '{item['since']}'"
    (found,) = rows(first_night.made.settings(), query).to_dict("records")
    is_open = item["expect"] == "open"
    assert found["state"] == ("firing" if is_open else "resolved")
    assert found["class"] == 6
    assert pd.isna(found["until"]) if is_open else found["until"] == pd.Timestamp(item["facts"]["clears"])
    evidence = json.loads(found["evidence"])
    assert {reading["parameter"] for reading in evidence["readings"]} == {item["facts"]["parameter"]}
    # the section CSV gives the peak with two places, the API unrounded
    highest = max(reading["value"] for reading in evidence["readings"])
    assert highest == pytest.approx(item["facts"]["peak"], abs=0.005)
    assert evidence["n_readings"] == item["facts"]["samples"]
    assert f"{item['facts']['samples']} 次读数" in found["message_zh"]


def test_no_episode_is_found_beside_the_planted_ones(first_night: Night) -> None:
    found = rows(first_night.made.settings(), "select subject, since from episodes")
    expected = {(item["site"], pd.Timestamp(item["since"])) for item in planted("resolved") + planted("open")}
    assert set(zip(found["subject"], found["since"], strict=True)) == expected
    for item in planted("no-episode"):
        assert not (found["subject"] == item["site"]).any()


def test_only_what_is_open_or_within_the_horizon_is_told(first_night: Night) -> None:
    told = {message["key"].rsplit(":", 1)[0] for message in first_night.messages}
    assert told == {
        "section-worse-than-v:chiping:CP-S3:202603250800:resolved",
        "section-worse-than-v:gaoxin:GX-S2:202603291600:firing",
    }


def test_a_message_says_what_where_why_since_when_and_the_limit(first_night: Night) -> None:
    (message,) = [item for item in first_night.messages if "GX-S2" in item["key"]]
    text = message["title"] + message["body"]
    for words in ("断面劣Ⅴ", "赵牛河示例断面", "总磷", "2026-03-29 16:00", "0.4 mg/L", "GB 3838-2002"):
        assert words in text


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ("negative", "negative"),
        ("not-a-number", "not-a-number"),
        ("line-truncated", "line-truncated"),
        ("column-repeated", "column-repeated"),
    ],
)
def test_planted_cells_are_in_quarantine_with_their_reason(
    first_night: Night, expect: str, code: str
) -> None:
    (item, *_) = [entry for entry in planted(expect) if _taken(first_night.made, entry)]
    found = rows(
        first_night.made.settings(),
        "select q.*, d.name from quarantine q join deliveries d on d.id = q.delivery_id"
        f" where q.code = '{code}' and d.district = '{item['district']}'",
    )
    found = found[found["name"].str.endswith(item["file"].rsplit("/", 1)[-1])]
    facts = item["facts"]
    if "cells" in facts:
        assert found["cells"].sum() == facts["cells"]
    else:
        assert facts["raw"] in set(found["raw"])


def _taken(made: Slice, item: dict) -> bool:
    return any(made.exports(item["district"]).rglob(item["file"].rsplit("/", 1)[-1]))


def test_planted_revisions_keep_both_values(first_night: Night) -> None:
    settings = first_night.made.settings()
    said = (
        "select s.site, s.parameter, r.observed_at, r.value, r.kind, r.known_until from readings r"
        " join series s on s.id = r.series_id"
    )
    correction, corrected_row = planted("revision")
    air = rows(
        settings,
        f"{said} where s.site = 'CP-A1' and s.parameter = 'pm2_5' and s.period = '1h' and r.observed_at"
        f" between '{correction['since']}' and '{correction['until']}'",
    )
    old = air[air["known_until"].notna()].set_index("observed_at")["value"]
    new = air[air["known_until"].isna()].set_index("observed_at")["value"]
    assert len(old) == len(new) == correction["facts"]["hours"]
    assert ((old - new) == correction["facts"]["lower_by"]).all()
    water = rows(
        settings,
        f"{said} where s.site = 'CP-S2' and s.parameter = 'tn' and r.observed_at = '{corrected_row['since']}'",
    )
    assert water[water["known_until"].isna()]["value"].tolist() == [corrected_row["facts"]["corrected"]]
    assert water[water["known_until"].notna()]["value"].tolist() == [float(corrected_row["facts"]["first"])]


def test_planted_repetitions_are_counted_not_loaded(first_night: Night) -> None:
    ledger = rows(first_night.made.settings(), 'select name, duplicate, "unchanged" as same from deliveries')
    (repeated,) = planted("duplicate")
    assert ledger[ledger["name"].str.endswith(repeated["file"])]["duplicate"].item() > 0
    (stale,) = planted("unchanged")
    assert ledger[ledger["name"].str.endswith(stale["file"])]["same"].item() > 0
    (twice,) = planted("known")
    known = {(report.district, report.source): report.known for report in first_night.run.summary.sources}
    assert known[(twice["district"], twice["source"])] == 1


def test_planted_outlet_hours_are_judged(first_night: Night) -> None:
    judged = rows(first_night.made.settings(), "select * from outlet_results where period_kind = 'hour'")
    for item in planted("exceed_hour") + planted("excluded") + planted("warn_hour"):
        facts = item["facts"]
        mine = judged[
            (judged["site"] == item["site"])
            & (judged["parameter"] == facts["parameter"])
            & judged["start"].between(pd.Timestamp(item["since"]), pd.Timestamp(item["until"]))
        ]
        assert set(mine["verdict"]) == {item["expect"]}
        assert set(mine["limit"]) == {facts["limit"]}
        assert len(mine) == facts.get("hours", 1)
        if "peak" in facts:
            assert mine["value"].max() == pytest.approx(facts["peak"])


def test_the_planted_short_day_is_not_valid(first_night: Night) -> None:
    (item,) = planted("invalid-day")
    day = rows(
        first_night.made.settings(),
        f"select * from air_days where site = '{item['site']}' and day = '{item['since'][:10]}'"
        f" and parameter = '{item['facts']['parameter']}'",
    )
    assert day["hours"].item() == item["facts"]["hours"]
    assert not day["valid"].item()


def test_planted_blanks_are_no_readings(first_night: Night) -> None:
    filtered, standing = (item for item in planted("blank") if item["kind"] in ("filtered", "no-time"))
    said = "select r.value, s.parameter from readings r join series s on s.id = r.series_id where s.site ="
    settings = first_night.made.settings()
    at_hand = rows(settings, f"{said} '{filtered['site']}' and r.observed_at = '{filtered['since']}'")
    assert len(at_hand) > 0
    assert filtered["facts"]["parameter"] not in set(at_hand["parameter"])
    assert rows(settings, f"{said} '{standing['site']}' and r.observed_at = '{standing['since']}'").empty


def test_the_next_night_loads_nothing_sends_nothing_and_changes_no_hash(
    first_night: Night, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(first_night.made.home, home)
    before = rows(first_night.made.settings(home), "select count(*) as n from outbox")["n"].item()
    run, status = run_night(first_night.made, home)
    assert status == FINDINGS, "nothing came, yet an episode is open"
    assert [item for report in run.summary.sources for item in report.deliveries] == []
    assert sum(run.summary.evaluated.values()) == 0
    assert run.summary.messages["sent"] == 0
    assert messages(home) == first_night.messages
    settings = first_night.made.settings(home)
    assert rows(settings, "select count(*) as n from outbox")["n"].item() == before
    assert sure_hash(settings) == first_night.dump_sha256
