"""What if: what other thresholds would turn, told from a copy; what is asked is what a night would then do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flows.flagging
from flows.settings import ROOT, Settings
from flows.what_if import Change, WhatIfError, read_change, what_if
from quality.flags import amended_rules
from tests.flows.flag_history import SECTION, History, rows_of, together
from warehouse.engine import Warehouse
from warehouse.flags import turned_flags

STRICTER = """
[[range]]
parameters = ["nh3_n"]
periods = ["4h"]
channels = ["automatic"]
suspect = [0, 1.1]
bad = [0, 1.4]
basis = "test"
sure = "C"
"""
#: class Ⅳ all month (1.0 < x <= 1.5), once suspect and four times bad under STRICTER; without these class Ⅲ
AMMONIA = [0.9, 0.91, 0.92, 1.2, 1.5, 1.49, 1.48, 1.47]


@pytest.fixture
def history(warehouse: Warehouse, tmp_path: Path) -> History:
    made = History(warehouse, tmp_path / "home")
    count = len(AMMONIA)
    made.night(
        together(
            rows_of(SECTION, "nh3_n", AMMONIA),
            rows_of(SECTION, "do", [7.0 + 0.01 * (place % 3) for place in range(count)]),
        )
    )
    return made


def settings_of(history: History) -> Settings:
    url = history.warehouse.url.render_as_string(hide_password=False)
    return Settings(home=history.home, districts=ROOT / "districts", warehouse=url, lock_wait=5.0)


def of_kind(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in item.items() if key != "kind"}
        for item in records
        if item["kind"] == kind
    ]


def test_it_tells_what_a_night_under_these_thresholds_does_and_writes_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, file = history.sha256(), history.warehouse.file
    stat = file and file.stat()
    rules = amended_rules(STRICTER)
    records = what_if(settings_of(history), Change(rules), districts=["chiping"])
    assert history.sha256() == before
    assert (file and file.stat().st_mtime_ns) == (stat and stat.st_mtime_ns)
    assert (file and file.stat().st_size) == (stat and stat.st_size)
    told = [
        (item["parameter"], item["test"], item["old_verdict"], item["new_verdict"], item["readings"])
        for item in of_kind(records, "flag")
    ]
    assert told == [("nh3_n", "range", None, 3, 1), ("nh3_n", "range", None, 4, 4)]
    samples = [item for item in of_kind(records, "section") if item["period_kind"] == "sample"]
    # without ammonia only oxygen of 7.0 is left: class Ⅱ
    assert [(item["old_label"], item["new_label"]) for item in samples] == [("Ⅳ", "Ⅱ")] * 4
    months = [item for item in of_kind(records, "section") if item["period_kind"] == "month"]
    # the mean of all is 1.234, of the four that stay 0.98
    assert [(item["period"], item["old_class"], item["new_class"]) for item in months] == [("2025-03", 4, 3)]
    since = history.rows_max_known()
    monkeypatch.setattr(flows.flagging, "flag_rules", lambda: rules)
    history.night()
    with history.warehouse.read() as connection:
        turned = turned_flags(connection, "chiping", since)
    assert sorted(turned["new_verdict"]) == [3, 4, 4, 4, 4]


def test_expectations_turn_readings_away_in_the_copy_only(history: History, tmp_path: Path) -> None:
    before = history.sha256()
    file = tmp_path / "ranges.toml"
    file.write_text(
        '[[range]]\nparameters = ["nh3_n"]\nperiod = "4h"\nlower = 0\nupper = 1.3\nclause = "test"\nsure = "C"\n',
        encoding="utf-8",
    )
    records = what_if(settings_of(history), read_change(None, file), districts=["chiping"])
    (away,) = of_kind(records, "reading")
    assert (away["source"], away["parameter"], away["code"], away["readings"]) == (
        "made",
        "nh3_n",
        "out-of-range",
        4,
    )
    assert (away["first"], away["last"]) == ("2025-03-10T16:00:00", "2025-03-11T04:00:00")
    months = [item for item in of_kind(records, "section") if item["period_kind"] == "month"]
    assert [(item["old_class"], item["new_class"]) for item in months] == [(4, 3)]
    assert history.sha256() == before
    # the expectations in force are in force again
    assert what_if(settings_of(history), Change(None), districts=["chiping"]) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no threshold is stated"),
        ("[[ranges]]\n", "ranges: no such table"),
        ("range = [", "thresholds.toml"),
        (STRICTER.replace('"nh3_n"', '"nh3"'), "parameter nh3 is not in the vocabulary"),
        (STRICTER.replace("1.4", "1.0"), "does not lie within bad"),
    ],
)
def test_a_file_that_cannot_be_taken_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WhatIfError, match=r"thresholds\.toml") as told:
        read_change(file, None)
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[flat_line]]\n", "expected expectation, range or unit"),
        (
            '[[range]]\nparameters = ["nh3_n"]\nperiod = "4h"\nlower = 2\nupper = 1\nclause = "c"\nsure = "C"\n',
            "below",
        ),
    ],
)
def test_expectations_that_cannot_be_taken_are_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "expectations.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WhatIfError, match=says):
        read_change(None, file)


def test_a_question_without_a_file_is_none() -> None:
    with pytest.raises(WhatIfError, match="--thresholds"):
        read_change(None, None)
