"""The standards registry: dated editions, clauses, overrides, and files that say what is wrong with them."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indicators.registry import (
    NoStandardError,
    Registry,
    StandardFileError,
    default_registry,
    load_standards,
    read_standard,
)

HEAD = """
id = "X1-2000"
topic = "x"
title_zh = "甲"
title_en = "x"
version = "2000"
valid_from = 2000-01-01
valid_to = 2009-12-31
source = "a page"
sure = "V"
"""
RULE = """
[limits.a]
limits = [1, 2, 3]
clause = "表1"
sure = "V2"
"""


def standard_text(number: int = 1, first: str = "2000-01-01", last: str = "2009-12-31") -> str:
    head = HEAD.replace("X1", f"X{number}").replace("2009-12-31", last).replace("2000-01-01", first)
    return head + RULE


def two_editions() -> Registry:
    return Registry(
        (
            read_standard(standard_text(1), "one.toml"),
            read_standard(standard_text(2, "2010-01-01", "2019-12-31"), "two.toml"),
        )
    )


def test_edition_follows_the_day() -> None:
    registry = two_editions()
    assert registry.in_force("x", dt.date(2009, 12, 31)).id == "X1-2000"
    assert registry.in_force("x", dt.date(2010, 1, 1)).id == "X2-2000"
    assert registry.get(" x2-2000 ").id == "X2-2000"
    for day in (dt.date(1999, 12, 31), dt.date(2020, 1, 1)):
        with pytest.raises(NoStandardError, match="no standard of topic 'x' is in force"):
            registry.in_force("x", day)
    with pytest.raises(NoStandardError, match="known: X1-2000, X2-2000"):
        registry.get("X3")


def test_rows_are_split_by_the_edition_of_their_day() -> None:
    times = pd.Series(
        pd.to_datetime(
            ["1999-12-31 23:59:59", "2009-12-31 23:59:59", "2010-01-01 00:00:00", "2020-01-01 00:00:00"]
        )
    )
    found = {standard.id: mask.tolist() for standard, mask in two_editions().spans("x", times)}
    assert found == {"X1-2000": [False, True, False, False], "X2-2000": [False, False, True, False]}


def test_two_editions_at_once_are_refused() -> None:
    registry = Registry(
        (
            read_standard(standard_text(1), "one.toml"),
            read_standard(standard_text(2, "2009-12-31", "2019-12-31"), "two.toml"),
        )
    )
    with pytest.raises(NoStandardError, match="2 standards"):
        registry.in_force("x", dt.date(2009, 12, 31))
    with pytest.raises(NoStandardError, match="at once"):
        list(registry.spans("x", pd.Series(pd.to_datetime(["2009-12-31"]))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = ", "bad.toml: not TOML"),
        (standard_text().replace('topic = "x"', ""), "bad.toml: key 'topic' is missing; expected str"),
        (
            standard_text().replace("valid_from = 2000-01-01", 'valid_from = "2000"'),
            "valid_from = '2000'; expected date",
        ),
        (standard_text().replace("= 2000-01-01", "= 2000-01-01T00:00:00"), "expected date"),
        (standard_text(1, "2010-01-01", "2009-12-31"), "lies before valid_from"),
        (
            standard_text().replace('sure = "V"\n', 'sure = "X"\n'),
            "sure = 'X'; expected one of C, M, P, U, V, V2",
        ),
        (standard_text().replace('clause = "表1"', ""), "limits.a.clause is missing"),
        (standard_text().replace('sure = "V2"', 'sure = "sure"'), "limits.a.sure = 'sure'"),
        (HEAD, "no rules"),
        (HEAD + "loose = 3\n", "loose = 3 stands outside a rule"),
        (HEAD + "[limits]\n", "limits is empty"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(StandardFileError) as caught:
        read_standard(text, "bad.toml")
    assert expected in str(caught.value)
    assert "bad.toml" in str(caught.value)


def overrides(folder: Path, text: str) -> Path:
    path = folder / "standards.toml"
    path.write_text(text, "utf-8")
    return path


GOOD = """
[[rule]]
standard = "GB3838-2002"
path = "limits.tp_river.5"
value = 0.35
document = "某文〔2024〕1号"
"""


def test_a_district_overrules_one_value(tmp_path: Path) -> None:
    registry = load_standards(overrides(tmp_path, GOOD))
    changed = registry.get("GB3838-2002")
    assert changed.overruled
    assert changed.label == "GB3838-2002+district"
    assert registry.get("GB3838-2002+district") is changed
    assert changed.rule("limits.tp_river")["limits"] == [0.02, 0.1, 0.2, 0.3, 0.35]
    shown = {rule["path"]: rule for rule in registry.describe("GB3838-2002")["rules"]}
    assert shown["limits.tp_river"]["overruled_by"] == "某文〔2024〕1号"
    assert shown["limits.tp_lake"]["overruled_by"] == ""
    # the project's own rules are as they were
    assert default_registry().get("GB3838-2002").rule("limits.tp_river")["limits"][4] == 0.4
    assert not default_registry().get("GB3838-2002").overruled


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("GB3838-2002", "GB9999", "no standard 'GB9999'"),
        ("tp_river.5", "tp_river.6", "'6' is not there; expected one of: 1 to 5"),
        ("tp_river.5", "tp_sea.5", "'tp_sea' is not there"),
        ("tp_river.5", "tp_river.sure", "names the evidence"),
        ("0.35", '"0.35"', "expected float as in 0.4"),
        ("0.35", "true", "expected float as in 0.4"),
        ("path =", "pfad =", "rule 1: key 'path' is missing"),
        ("value = 0.35", "value = 0.35\nlimit = 3", "rule 1: unknown key 'limit'"),
        ("[[rule]]", "[[rules]]", "unknown key 'rules'"),
        ('document = "某文〔2024〕1号"', "document = 3", "document = 3; expected str"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(StandardFileError) as caught:
        load_standards(overrides(tmp_path, GOOD.replace(old, new)))
    assert expected in str(caught.value)
    assert "standards.toml" in str(caught.value)


def test_every_standard_can_be_listed_and_shown() -> None:
    registry = default_registry()
    records = registry.records()
    assert {"GB3838-2002", "MEP22-2011", "GBT14848-2017"} <= {record["id"] for record in records}
    for record in records:
        shown = registry.describe(record["id"])
        assert len(shown["rules"]) == record["rules"] > 0
        assert all(rule["clause"] and rule["sure"] for rule in shown["rules"])


def test_editions_of_the_water_topics_never_overlap() -> None:
    registry = default_registry()
    for topic in (
        "surface-water-class",
        "surface-water-evaluation",
        "groundwater-class",
        "black-odorous",
        "trend",
        "trophic-index",
        "water-index",
    ):
        editions = registry.of_topic(topic)
        assert editions
        for earlier, later in pairwise(editions):
            assert earlier.valid_to is not None
            assert earlier.valid_to < later.valid_from


def test_rows_without_a_time_have_no_edition() -> None:
    times = pd.Series(np.array(["NaT"], dtype="datetime64[us]"))
    assert list(two_editions().spans("x", times)) == []
