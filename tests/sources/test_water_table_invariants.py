"""What holds for every hand-filled table: packing and order of rows change nothing, damage ends in a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tables import csv, page, read, said, turned_away
from made_workbooks import xls, xlsx

from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

HEADER = ["河流名称", "断面名称", "采样日期", "pH", "溶解氧(mg/L)", "氨氮(mg/L)", "实测类别", "备注"]
NAMES = ["a", "b", "平均值", "Ⅲ类标准", "备注：无", ""]
DATES = ["2026-03-05", "2026/3/6", "2026年3月", "", "不详", "断流"]
CELLS = ["7.1", "0.05L", "<2", ">24000", "未检出", "/", "-1", "断流", "Ⅲ", "abc", "", "９.２", "2.4×10⁴"]
REMARKS = ["", "断流", "结冰", "漂浮物"]

rows = st.lists(
    st.tuples(
        st.sampled_from(["", "徒骇河"]),
        st.sampled_from(NAMES),
        st.sampled_from(DATES),
        *[st.sampled_from(CELLS)] * 4,
        st.sampled_from(REMARKS),
    ).filter(any),
    min_size=1,
    max_size=6,
)


def outcome(result: ReadResult) -> tuple[object, ...]:
    return said(result), turned_away(result), result.cells_in, result.blank


@given(rows)
@settings(max_examples=40, deadline=None)
def test_the_packing_changes_nothing(body):
    table = [HEADER, *body]
    plain = outcome(read("water-monthly", csv(table)))
    assert outcome(read("water-monthly", csv(table, "gb18030"))) == plain
    assert outcome(read("water-monthly", page(table))) == plain
    assert outcome(read("water-monthly", xlsx({"表": table}))) == plain


@given(rows, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing_but_the_order(body, random):
    shuffled = random.sample(body, len(body))
    one, two = (outcome(read("water-monthly", csv([HEADER, *lines]))) for lines in (body, shuffled))
    assert sorted(map(repr, one[0])) == sorted(map(repr, two[0]))
    assert sorted(map(repr, one[1])) == sorted(map(repr, two[1]))
    assert one[2:] == two[2:]


SAMPLE = [
    ["2026年3月月报（单位：mg/L）"],
    HEADER,
    ["徒骇河", "a", "2026-03-05", "8.1", "9.2", "0.025L", "Ⅱ", ""],
] * 2
BYTES = {"csv": csv(SAMPLE), "gbk": csv(SAMPLE, "gb18030"), "page": page(SAMPLE), "xls": xls({"表": SAMPLE})}


@given(st.sampled_from(sorted(BYTES)), st.data())
@settings(max_examples=80, deadline=None)
def test_damage_ends_in_a_result_or_a_reason(kind, data):
    content = bytearray(BYTES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    for source in ("water-monthly", "groundwater-points", "black-odorous-register"):
        try:
            result = read(source, bytes(content[:cut]))
        except DeliveryRefusedError:
            continue
        assert result.cells_in > 0


def test_a_report_of_sections_is_no_table_of_groundwater():
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        read("groundwater-points", csv([HEADER, ["", "a", "2026-03-05", "8.1", "9.2", "1", "Ⅱ", ""]]))
