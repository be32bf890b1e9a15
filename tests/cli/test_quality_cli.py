"""`ecoplan quality`: flags listed with their readings, and what-if asked on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.conftest import Ecoplan
from tests.flows.slices import EXPORTS, Slice, tree

LIMIT = 30
STRICTER = f"""
[[range]]
parameters = ["pm2_5"]
periods = ["1h"]
channels = ["automatic"]
suspect = [0, {LIMIT}]
bad = [0, 9000]
basis = "test"
sure = "C"
"""
HERE = ("--district", "chiping")


def above(limit: float) -> dict[str, int]:
    """Hours of PM2.5 above a limit in the export that the small slice holds, counted from its lines."""
    lines = (EXPORTS / "chiping" / "air" / "china_sites_20250506.csv").read_text("utf-8-sig").splitlines()
    rows = [row for row in csv.DictReader(lines) if row["type"] == "PM2.5"]
    stations = {"9101A": "CP-A1", "9102A": "CP-A2"}
    return {
        key: sum(float(row[code]) > limit for row in rows if row[code].strip() not in {"", "—"})
        for code, key in stations.items()
    }


@pytest.fixture
def stricter(tmp_path: Path) -> Path:
    file = tmp_path / "stricter.toml"
    file.write_text(STRICTER, encoding="utf-8")
    return file


def test_flags_are_listed_with_reading_file_and_row(ecoplan: Ecoplan, small: Slice) -> None:
    said = ecoplan(small, "quality", "flags", *HERE, "--period", "2025-05", "--test", "gap", "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json, "the first reading of a series stands after a gap"
    for record in said.json:
        assert (record["test_zh"], record["verdict"], record["verdict_zh"]) == ("缺口之后", 3, "可疑")
        assert record["left_out_of"] == ""
        assert record["delivery"].endswith("china_sites_20250506.csv")
        assert record["row"] > 1
    assert ecoplan(small, "quality", "flags", *HERE, "--period", "2019", "--json").json == []


def test_every_verdict_of_a_day_can_be_asked_for(ecoplan: Ecoplan, small: Slice) -> None:
    words = ("quality", "flags", *HERE, "--period", "2025-05", "--site", "CP-A1", "--all", "--json")
    kind = ("pm2_5", "1h")
    records = [item for item in ecoplan(small, *words).json if (item["parameter"], item["period"]) == kind]
    assert 0 < len(records) <= 24
    assert records[0]["gap"] == 3, "nothing stands before the first"
    assert {record["range"] for record in records} <= {1, 3}
    assert {record["neighbours"] for record in records} == {2}, "two stations are too few to compare"


@pytest.mark.parametrize("asked", [("what-if", "--thresholds"), ("--what-if",)], ids=" ".join)
def test_what_if_tells_and_writes_nothing(
    ecoplan: Ecoplan, small: Slice, stricter: Path, asked: tuple[str, ...]
) -> None:
    before = tree(small.home)
    sha256 = ecoplan(small, "verify", "--json").json["dump_sha256"]
    said = ecoplan(small, "quality", *asked, str(stricter), *HERE, "--json")
    assert said.status == 0
    told = {
        record["site"]: record["readings"]
        for record in said.json
        if record["kind"] == "flag" and (record["test"], record["new_verdict"]) == ("range", 3)
    }
    assert told == {key: count for key, count in above(LIMIT).items() if count}
    assert told, "the limit is one that the day exceeds"
    assert {record["kind"] for record in said.json} == {"flag"}, "suspect leaves nothing out"
    assert ecoplan(small, "verify", "--json").json["dump_sha256"] == sha256
    assert tree(small.home) == before


def test_people_are_shown_what_would_turn(ecoplan: Ecoplan, small: Slice, stricter: Path) -> None:
    said = ecoplan(small, "quality", "what-if", "--thresholds", str(stricter), *HERE)
    assert said.status == 0
    assert "将改变的质控标记" in said.out
    assert "CP-A1" in said.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("what-if", *HERE), "--thresholds"),
        (("flags", *HERE, "--period", "2025", "--test", "spikes"), "spikes"),
        (("flags", *HERE, "--period", "2025", "--site", "CP-X"), "CP-X"),
        (("flags", *HERE, "--period", "20255"), "20255"),
        (("flags", "--district", "nowhere", "--period", "2025"), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_question_is_a_usage_error(
    ecoplan: Ecoplan, small: Slice, words: tuple[str, ...], says: str
) -> None:
    said = ecoplan(small, "quality", *words)
    assert said.status == 2
    assert says in said.err
    assert said.out == ""
