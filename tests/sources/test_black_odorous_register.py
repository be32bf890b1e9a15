"""Registers of black-odorous water: states, their dates, measurements; expected readings by hand."""

from datetime import date

import pytest
from made_tables import csv, page, read, said, turned_away
from made_workbooks import xlsx

from sources import black_odorous
from sources.catalogue import recognised

SOURCE = "black-odorous-register"
HEADER = [
    "序号",
    "水体名称",
    "所在区县",
    "类型",
    "长度(m)",
    "黑臭等级",
    "治理状态",
    "监测日期",
    "透明度(cm)",
    "溶解氧(mg/L)",
    "氧化还原电位(mV)",
    "氨氮(mg/L)",
    "销号日期",
    "责任人",
]
ROWS = [
    ["茌平区黑臭水体清单（截至2026年9月30日）"],
    HEADER,
    [
        1,
        "一号沟",
        "茌平区",
        "城市",
        800,
        "轻度黑臭",
        "已消除（验收销号）",
        "2026-08-12",
        32,
        3.1,
        120,
        2.4,
        "2024-11-30",
        "",
    ],
    [2, "二号沟", "茌平区", "城市", 500, "重度黑臭", "返黑返臭", "2026-08-12", 8, "0.1L", -210, 16.2, "", ""],
    [3, "三号塘", "茌平区", "农村", 120, "轻度", "整治中", "", "/", "", "", "", "", ""],
]
EXPECTED = [
    ("一号沟", "black_odorous", "2026-09-30", 0.0, ""),
    ("一号沟", "transparency", "2026-08-12", 0.32, ""),
    ("一号沟", "do", "2026-08-12", 3.1, ""),
    ("一号沟", "orp", "2026-08-12", 120.0, ""),
    ("一号沟", "nh3_n", "2026-08-12", 2.4, ""),
    ("二号沟", "black_odorous", "2026-09-30", 2.0, ""),
    ("二号沟", "transparency", "2026-08-12", 0.08, ""),
    ("二号沟", "do", "2026-08-12", 0.1, "<"),
    ("二号沟", "orp", "2026-08-12", -210.0, ""),
    ("二号沟", "nh3_n", "2026-08-12", 16.2, ""),
    ("三号塘", "black_odorous", "2026-09-30", 1.0, ""),
]


def states(rows, header, above=(), name="清单.csv"):
    return read(SOURCE, csv([*above, header, *rows]), name)


@pytest.mark.parametrize("pack", [lambda rows: xlsx({"清单": rows}, {"清单": ["A1:N1"]}), csv, page])
def test_states_and_measurements(pack):
    content = pack(ROWS)
    result = read(SOURCE, content, "黑臭水体清单.xlsx")
    assert said(result) == EXPECTED
    assert (result.cells_in, result.blank, len(result.rejects), result.problems) == (15, 4, 0, [])
    found = recognised(content, "黑臭水体清单_2026-09.xlsx")
    assert next(iter(found)) == SOURCE
    assert found[SOURCE] == 1.0
    assert black_odorous.partition("黑臭水体清单_2026-09.xlsx") == "2026-09"


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("轻度黑臭", 1), ("重度黑臭", 2), ("重度", 2), ("已消除", 0), ("已销号", 0),
        ("已消除(验收销号)", 0), ("长制久清", 0), ("返黑返臭", 1), ("非黑臭", 0),
    ],
)  # fmt: skip
def test_words_of_a_state(word, grade):
    result = states([["a", word, "2026-09-30"]], ["水体名称", "状态", "核查日期"])
    assert said(result) == [("a", "black_odorous", "2026-09-30", float(grade), "")]


@pytest.mark.parametrize("word", ["整治中", "好转", "2"])
def test_a_word_that_tells_no_grade_is_turned_away(word):
    result = states([["a", word, "2026-09-30"]], ["水体名称", "状态", "核查日期"])
    assert turned_away(result) == [("black_odorous", word, "state-unknown")]


def test_a_register_with_the_grade_alone():
    result = states([["a", "重度黑臭", "2026-09-30"]], ["黑臭水体名称", "黑臭等级", "更新日期"])
    assert said(result) == [("a", "black_odorous", "2026-09-30", 2.0, "")]


@pytest.mark.parametrize(
    ("title", "name", "day"),
    [
        ("清单（截至2026年9月30日）", "x.csv", "2026-09-30"),
        ("2026年第三季度清单", "x.csv", "2026-09-30"),
        ("2025年四季度清单", "x.csv", "2025-12-31"),
        ("清单", "黑臭水体_2026Q2.csv", "2026-06-30"),
        ("清单", "黑臭水体_2026-06-15.csv", "2026-06-15"),
        ("2026年9月清单", "x.csv", "2026-09"),
    ],
)
def test_the_day_of_a_register(title, name, day):
    result = states([["a", "已消除"], ["b", "轻度黑臭"]], ["水体名称", "状态"], [[title]], name)
    assert [(row[0], row[2]) for row in said(result)] == [("a", day), ("b", day)]


def test_without_a_day_of_the_register_acceptance_dates_what_is_eliminated():
    rows = [["a", "已消除", "2024-11-30"], ["b", "轻度黑臭", "2024-11-30"]]
    result = states(rows, ["水体名称", "状态", "销号日期"])
    assert said(result) == [("a", "black_odorous", "2024-11-30", 0.0, "")]
    assert turned_away(result) == [("black_odorous", "轻度黑臭", "time-missing")]


def test_a_row_checked_on_a_day_of_its_own():
    rows = [["a", "已消除", date(2026, 9, 1)], ["b", "轻度黑臭", ""]]
    result = states(rows, ["水体名称", "状态", "核查日期"], [["清单（截至2026年9月30日）"]])
    assert [row[2] for row in said(result)] == ["2026-09-01", "2026-09-30"]


def test_a_measurement_without_a_date_is_of_the_registers_day_and_one_with_a_wrong_date_is_turned_away():
    header = ["水体名称", "状态", "监测日期", "溶解氧(mg/L)"]
    rows = [["a", "已消除", "", "3"], ["b", "轻度黑臭", "不详", "1.5"]]
    result = states(rows, header, [["截至2026年9月30日"]])
    assert said(result) == [
        ("a", "black_odorous", "2026-09-30", 0.0, ""),
        ("a", "do", "2026-09-30", 3.0, ""),
        ("b", "black_odorous", "2026-09-30", 1.0, ""),
    ]
    assert turned_away(result) == [("do", "1.5", "time-invalid")]


def test_several_points_of_one_body_share_its_state():
    header = ["水体名称", "监测点位", "状态", "监测日期", "氨氮(mg/L)"]
    rows = [["a", "上游", "轻度黑臭", "2026-08-12", "9"], ["a", "下游", "轻度黑臭", "2026-08-12", "7"]]
    result = states(rows, header)
    assert said(result) == [
        ("a", "black_odorous", "2026-08-12", 1.0, ""),
        ("a/上游", "nh3_n", "2026-08-12", 9.0, ""),
        ("a", "black_odorous", "2026-08-12", 1.0, ""),
        ("a/下游", "nh3_n", "2026-08-12", 7.0, ""),
    ]


def test_totals_and_notes_below():
    rows = [["a", "轻度黑臭", "2026-09-30"], ["合计", "1条", ""], ["注：按季公布", "", ""]]
    result = states(rows, ["水体名称", "状态", "核查日期"])
    assert turned_away(result) == [("black_odorous", "1条", "summary-row")]
    assert (result.cells_in, result.blank, len(result.readings)) == (3, 1, 1)
