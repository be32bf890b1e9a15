"""`--json` of the read commands: the documented keys, flat, over a loaded warehouse."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Ecoplan
from tests.flows.slices import Slice

pytestmark = pytest.mark.xdist_group("cli")

SECTIONS = (
    "district site name river period class label items_used worst multiples target_class attained standard"
    " known_at left_out"
)
#: the documented keys, and the reason in words for an indicator without a figure
INDICATORS = (
    "district plan indicator name period value unit numerator denominator valid target baseline status"
    " projection low high remaining standard known_at reason_zh reason_en left_out decimals"
)
ALERTS = "id rule district subject level state since until class limit message"
VERIFY = "ok deliveries cells_in new revised unchanged duplicate quarantined blank dump_sha256 failures"
HERE = ("--district", "chiping")


@pytest.mark.parametrize(
    ("words", "keys", "count"),
    [
        (("sections", *HERE, "--period", "2026-03"), SECTIONS, 5),
        # five samplings of each of four sections: the answer of 00:00 gives the day before
        (("sections", *HERE, "--period", "2026-03-25"), SECTIONS, 20),
        (("indicators", *HERE), INDICATORS, 21),
        (("indicators", *HERE, "--year", "2025"), INDICATORS, 21),
        (("alerts", "list"), ALERTS, 1),
        (("alerts", "list", *HERE, "--state", "firing"), ALERTS, 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_records_have_the_documented_keys(
    ecoplan: Ecoplan, small: Slice, words: tuple[str, ...], keys: str, count: int
) -> None:
    said = ecoplan(small, *words, "--json")
    assert (said.status, said.err) == (0, "")
    assert len(said.json) == count
    for record in said.json:
        assert list(record) == keys.split()
        assert not any(isinstance(value, list | dict) for value in record.values())


@pytest.mark.parametrize(
    "words",
    [
        ("air", *HERE, "--period", "2025"),
        ("emissions", *HERE, "--period", "2026-03"),
        ("status",),
        ("quarantine", "list"),
        ("quarantine", "list", "--code", "negative"),
        ("standards", "list"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_other_answers_are_lists_of_flat_records(
    ecoplan: Ecoplan, small: Slice, words: tuple[str, ...]
) -> None:
    said = ecoplan(small, *words, "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json
    for record in said.json:
        assert not any(isinstance(value, list | dict) for value in record.values())


def test_verify_gives_one_object_whose_cells_add_up(ecoplan: Ecoplan, small: Slice) -> None:
    said = ecoplan(small, "verify", "--json")
    assert said.status == 0
    assert list(said.json) == VERIFY.split()
    told = said.json
    parts = ("new", "revised", "unchanged", "duplicate", "quarantined", "blank")
    assert told["ok"] is True
    assert told["cells_in"] == sum(told[name] for name in parts)
    assert len(told["dump_sha256"]) == 64
    assert told["deliveries"] == 8


def test_a_quarantined_cell_is_shown_with_its_place_and_reason(ecoplan: Ecoplan, small: Slice) -> None:
    (listed,) = ecoplan(small, "quarantine", "list", "--code", "negative", "--json").json
    shown = ecoplan(small, "quarantine", "show", str(listed["id"]), "--json").json
    assert {key: shown[key] for key in listed} == listed
    assert shown["steps"] == []
    assert (shown["raw"], shown["site"]) == ("-2", "CP-A1")
    assert shown["delivery"].endswith("china_sites_20250506.csv")
    assert shown["row"] > 1
    assert shown["reason_zh"]
    assert shown["reason_en"]


def test_an_episode_is_shown_with_its_evidence(ecoplan: Ecoplan, small: Slice) -> None:
    (listed,) = ecoplan(small, "alerts", "list", "--json").json
    assert (listed["subject"], listed["since"], listed["until"]) == ("CP-S3", "2026-03-25T08:00", None)
    assert (listed["state"], listed["class"]) == ("firing", 6)
    shown = ecoplan(small, "alerts", "show", str(listed["id"]), "--json").json
    assert {key: shown[key] for key in listed} == listed
    assert shown["evidence"]["clause"] == "GB 3838-2002 表1"
    assert {message["state"] for message in shown["outbox"]} == {"sent"}


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        (("sections", *HERE, "--period", "2026-03"), "茌新河示例断面"),
        (("air", *HERE, "--period", "2025-05"), "pm2_5"),
        (("emissions", *HERE, "--period", "2026-03"), "CP-G1"),
        (("indicators",), "细颗粒物"),
        (("alerts", "list"), "断面劣Ⅴ"),
        (("alerts", "show", "1"), "GB 3838-2002"),
        (("quarantine", "list"), "negative"),
        (("quarantine", "show", "1"), "reason_zh"),
        (("status",), "nightly"),
        (("verify",), "dump_sha256"),
        (("doctor",), "ECOPLAN_HOME"),
        (("standards", "list"), "GB3838-2002"),
        (("standards", "show", "GB3838-2002"), "GB 3838-2002"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_people_are_shown_the_same(
    ecoplan: Ecoplan, small: Slice, words: tuple[str, ...], shows: str
) -> None:
    said = ecoplan(small, *words)
    assert (said.status, said.err) == (0, "")
    assert shows in said.out


def test_a_period_of_no_data_is_an_answer(ecoplan: Ecoplan, small: Slice) -> None:
    assert ecoplan(small, "air", *HERE, "--period", "2019", "--json").json == []
    assert ecoplan(small, "indicators", *HERE, "--year", "2019", "--json").json == []
    said = ecoplan(small, "sections", *HERE, "--period", "2019-05", "--json")
    assert [record["site"] for record in said.json] == ["CP-S1", "CP-S2", "CP-S3", "CP-S4", "CP-S5"]
    assert {(record["class"], record["items_used"], record["label"]) for record in said.json} == {
        (None, 0, "")
    }
    assert ecoplan(small, "emissions", *HERE, "--period", "2019", "--json").status == 0
    assert ecoplan(small, "sections", *HERE, "--period", "2019-05-01", "--json").status == 0
