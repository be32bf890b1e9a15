"""Manual monthly reports: values below limits, dry sections, rows that are no samplings, several sheets.

Expected readings and rejections were read off the rows by hand.
"""

import pytest
from made_tables import csv, page, read, remarks, said, turned_away, values
from made_workbooks import xlsx

from sources.result import ReadResult

HEADER = ["河流名称", "断面名称", "采样日期", "pH", "溶解氧(mg/L)", "氨氮(mg/L)", "实测类别", "备注"]
SOUND = ["徒骇河", "a", "2026-03-05", "8.1", "9.2", "0.4", "Ⅱ", ""]


def table(*rows, header=HEADER, name="报表.csv", above=()) -> ReadResult:
    return read("water-monthly", csv([*above, header, *rows]), name)


def cell(text: str, item: str = "氨氮(mg/L)") -> ReadResult:
    return table(["a", "2026-03-05", text], header=["断面名称", "采样日期", item])


@pytest.mark.parametrize(
    ("text", "value", "censor", "limit"),
    [
        ("0.05L", 0.05, "<", 0.05),
        ("<0.05", 0.05, "<", 0.05),
        ("＜2", 2.0, "<", 2.0),
        ("０．０２５Ｌ", 0.025, "<", 0.025),
        ("未检出", 0.025, "<", 0.025),
        ("ND", 0.025, "<", 0.025),
        ("未检出(0.05)", 0.05, "<", 0.05),
        (">24000", 24000.0, ">", None),
        ("≥2400", 2400.0, ">", None),
        ("0.4", 0.4, "", None),
    ],
)
def test_values_below_and_beyond_limits(text, value, censor, limit):
    (found,) = values(cell(text), "nh3_n").itertuples(index=False, name=None)
    assert found[:2] == (value, censor)
    assert found[2] == limit if limit is not None else found[2] != found[2]


def test_a_limit_is_converted_with_its_value():
    (found,) = values(cell("0.04L", "汞(μg/L)"), "hg").itertuples(index=False, name=None)
    assert found == (0.00004, "<", 0.00004)


def test_not_detected_takes_the_tables_own_limit_first():
    header = ["断面名称", "采样日期", "氨氮(mg/L)", "汞(μg/L)", "pH"]
    rows = [["检出限", "", "0.05", "0.02", "-"], ["a", "2026-03-05", "未检出", "ND", "7"]]
    result = table(*rows, header=header)
    assert said(result) == [
        ("a", "nh3_n", "2026-03-05", 0.05, "<"),
        ("a", "hg", "2026-03-05", 0.00002, "<"),
        ("a", "ph", "2026-03-05", 7.0, ""),
    ]
    assert turned_away(result) == [("nh3_n", "0.05", "limit-row"), ("hg", "0.02", "limit-row")]
    assert (result.cells_in, result.blank) == (6, 1)


@pytest.mark.parametrize("item", ["溶解氧(mg/L)", "pH", "水温(℃)"])
def test_not_detected_without_any_known_limit_is_turned_away(item):
    result = cell("未检出", item)
    assert [row[2] for row in turned_away(result)] == ["detection-limit-unknown"]


@pytest.mark.parametrize(
    "mark", ["", "/", "—", "–", "-", "--", "*", "——", "－", "未监测", "未采样", "-1", "-1.0", " / ", "未测"]
)
def test_marks_of_no_value(mark):
    result = cell(mark)
    assert (result.cells_in, result.blank, len(result.rejects)) == (1, 1, 0)


def test_minus_one_is_a_redox_potential():
    assert said(cell("-1", "氧化还原电位(mV)")) == [("a", "orp", "2026-03-05", -1.0, "")]


@pytest.mark.parametrize("text", ["0.4~0.6", "0.4*", "1,234", "约0.4", "0.4mg/L", "≤2", "0..4"])
def test_what_is_no_number_is_turned_away(text):
    assert turned_away(cell(text)) == [("nh3_n", text, "not-a-number")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Ⅲ", 3),
        ("III", 3),
        ("三类", 3),
        ("3", 3),
        ("Ⅲ类", 3),
        ("劣Ⅴ", 6),
        ("劣V", 6),
        ("劣五类", 6),
        ("Ⅰ", 1),
        ("＞Ⅴ", 6),
    ],
)
def test_spellings_of_classes(text, number):
    result = table(["a", "2026-03-05", "7", text], header=["断面名称", "采样日期", "pH", "实测类别"])
    assert said(result)[1] == ("a", "water_class", "2026-03-05", float(number), "")


def test_a_class_of_no_known_spelling_and_columns_that_are_labels():
    header = ["断面名称", "采样日期", "pH", "规定类别", "实测类别", "上月类别", "超标项目", "是否达标"]
    result = table(["a", "2026-03-05", "7", "Ⅲ", "Ⅳ*", "Ⅱ", "氨氮(0.5)", "否"], header=header)
    assert said(result) == [("a", "ph", "2026-03-05", 7.0, "")]
    assert turned_away(result) == [("water_class", "Ⅳ*", "class-unknown")]
    assert (result.cells_in, result.problems) == (2, [])


def test_the_long_names_of_the_national_form_are_labels():
    header = ["断面名称", "年", "月", "日", "pH", "规定类别", "实测类别"]
    header += ["21项参评指标中超标项目（达到类别，超标倍数）", "单独评价指标（粪大肠菌群）"]
    result = table(["a", 2026, 3, 5, 7, "Ⅲ", "Ⅳ", "氨氮（Ⅳ，0.2）", "Ⅴ"], header=header)
    assert [row[1] for row in said(result)] == ["ph", "water_class"]
    assert (result.cells_in, result.problems) == (2, [])


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("平均值", "summary-row"),
        ("月均值", "summary-row"),
        ("合计", "summary-row"),
        ("最大值", "summary-row"),
        ("超标率（%）", "summary-row"),
        ("Ⅲ类标准", "limit-row"),
        ("III类标准限值", "limit-row"),
        ("标准值", "limit-row"),
        ("GB3838-2002Ⅲ类标准", "limit-row"),
        ("方法检出限", "limit-row"),
        ("备注：见附件", "note-row"),
        ("注：1", "note-row"),
        ("制表人：某", "note-row"),
        ("审核：", "note-row"),
    ],
)
def test_rows_that_are_no_samplings(first, code):
    for place in (0, 1):
        row = ["", "", "", "8", "/", "1", "", ""]
        row[place] = first
        result = table(SOUND, row)
        assert turned_away(result) == [("ph", "8", code), ("nh3_n", "1", code)]
        assert (result.cells_in, len(result.readings), result.blank) == (8, 4, 2)


def test_short_notes_below_a_csv_are_no_cut_lines():
    content = csv([HEADER, SOUND]) + "备注：L 表示低于检出限\r\n填报单位：监测站,审核：\r\n".encode()
    result = read("water-monthly", content, "报表.csv")
    assert (result.cells_in, len(result.readings), result.problems) == (4, 4, [])


def test_a_header_repeated_on_the_next_page_is_no_row():
    result = table(SOUND, HEADER, [*SOUND[:2], "2026-03-20", *SOUND[3:]])
    assert [row[2] for row in said(result)] == ["2026-03-05"] * 4 + ["2026-03-20"] * 4
    assert (result.cells_in, len(result.rejects), result.readings["row"].unique().tolist()) == (8, 0, [2, 4])


def test_headings_repeated_without_their_labels_are_turned_away():
    result = table(SOUND, ["", "", "", *HEADER[3:]])
    assert [row[2] for row in turned_away(result)] == ["heading-row"] * 4
    assert (result.cells_in, len(result.readings)) == (8, 4)


@pytest.mark.parametrize("pack", [csv, page, lambda rows: xlsx({"表": rows}, {"表": ["A1:D1", "A4:D4"]})])
def test_tables_below_each_other_are_read_under_their_own_headers(pack):
    rows = [
        ["2026年3月（单位：mg/L）", "", "", ""],
        ["断面名称", "采样日期", "pH", "铜"],
        ["a", "3月5日", "7", "1"],
        ["二、湖库（单位：μg/L）", "", "", ""],
        ["断面名称", "采样日期", "总氮(mg/L)", "铅"],
        ["b", "3月6日", "2", "3"],
        ["平均值", "", "2", "3"],
    ]
    result = read("water-monthly", pack(rows))
    assert said(result, "row") == [
        ("a", "ph", "2026-03-05", 7.0, "", 3),
        ("a", "cu", "2026-03-05", 1.0, "", 3),
        ("b", "tn", "2026-03-06", 2.0, "", 6),
        ("b", "pb", "2026-03-06", 0.003, "", 6),
    ]
    assert turned_away(result) == [("tn", "2", "summary-row"), ("pb", "3", "summary-row")]
    assert result.cells_in == 6


def test_a_row_above_a_second_header_keeps_its_value():
    rows = [["", "", "", "", "5", "", "", ""], HEADER, SOUND]
    result = table(SOUND, *rows)
    assert turned_away(result) == [("do", "5", "time-missing")]
    assert (result.cells_in, result.blank, len(result.readings)) == (12, 3, 8)


def test_a_dry_section_is_one_reading_with_the_word_as_its_flag():
    result = table(SOUND, ["马颊河", "b", "2026-03-06", "断流", "断流", "断流", "/", ""])
    assert said(result, "provider_flag", "raw")[-1] == ("b", "dry", "2026-03-06", 1.0, "", "断流", "断流")
    assert set(result.readings["provider_flag"]) == {"", "断流"}
    assert (result.cells_in, result.blank, len(result.rejects)) == (8, 3, 0)


@pytest.mark.parametrize(
    ("word", "code"), [("断流", 1), ("河道断流", 1), ("干涸", 1), ("结冰", 2), ("冰封", 2), ("河道施工", 3)]
)
def test_words_of_why_there_is_no_sample(word, code):
    result = table(["马颊河", "b", "2026-03-06", "", word, "", "", ""])
    assert said(result) == [("b", "dry", "2026-03-06", float(code), "")]
    assert (result.cells_in, result.blank) == (4, 3)


def test_a_remark_says_it_and_is_a_cell_then():
    result = table(
        ["马颊河", "b", "2026-03-06", "/", "/", "/", "/", "（断流）"], [*SOUND[:7], "河面有漂浮物"]
    )
    assert said(result, "column")[0] == ("b", "dry", "2026-03-06", 1.0, "", "备注")
    assert (result.cells_in, result.blank, len(result.rejects)) == (9, 4, 0)


def test_the_class_column_says_it():
    result = table(["马颊河", "b", "2026-03-06", "/", "/", "/", "断流", "断流"])
    assert said(result, "column") == [("b", "dry", "2026-03-06", 1.0, "", "实测类别")]
    assert (result.cells_in, result.blank) == (5, 4)


def test_a_dry_row_with_values_contradicts_itself():
    result = table([*SOUND[:5], "断流", "/", ""], [*SOUND[:7], "断流"])
    assert turned_away(result) == [("nh3_n", "断流", "dry-contradicted"), ("dry", "断流", "dry-contradicted")]
    assert {row[1] for row in said(result)} == {"ph", "do", "nh3_n", "water_class"}
    assert (result.cells_in, result.blank, len(result.readings)) == (9, 1, 6)


def test_a_dry_section_without_a_day_is_dry_in_the_tables_month():
    header = ["断面名称", "年", "月", "日", "pH", "氨氮(mg/L)"]
    result = table(["a", 2026, 3, "", "断流", ""], ["b", 2026, 3, "/", "", "结冰"], header=header)
    assert said(result) == [("a", "dry", "2026-03", 1.0, ""), ("b", "dry", "2026-03", 2.0, "")]
    row = ["马颊河", "b", "", "断流", "", "", "", ""]
    assert said(table(row, above=[["2026年3月月报"]])) == [("b", "dry", "2026-03", 1.0, "")]
    assert turned_away(table(row)) == [("dry", "断流", "time-missing")]


def test_a_word_merged_over_all_items():
    rows = [HEADER, ["马颊河", "b", "2026-03-06", "断流", None, None, None, None]]
    result = read("water-monthly", xlsx({"表": rows}, {"表": ["D2:G2"]}))
    assert said(result) == [("b", "dry", "2026-03-06", 1.0, "")]
    assert (result.cells_in, result.blank) == (4, 3)


def test_names_lose_their_blanks_and_breaks():
    result = table([" 徒骇河", "前 油\n坊　", "2026-03-05", "7", "", "", "", ""])
    assert said(result) == [("前油坊", "ph", "2026-03-05", 7.0, "")]


def test_verticals_of_a_section_are_sites_of_their_own():
    header = ["断面名称", "垂线", "采样日期", "pH"]
    result = table(
        ["a", "左", "2026-03-05", "7"],
        ["a", "右", "2026-03-05", "8"],
        ["b", "", "2026-03-05", "8"],
        header=header,
    )
    assert [(row[0], row[3]) for row in said(result)] == [("a/左", 7.0), ("a/右", 8.0), ("b", 8.0)]


def test_one_name_on_two_rivers_belongs_to_neither():
    header = ["河流名称", "断面名称", "采样日期", "pH"]
    result = table(
        ["徒骇河", "大桥", "2026-03-05", "7"],
        ["马颊河", "大桥", "2026-03-05", "8"],
        ["马颊河", "闸", "2026-03-05", "8"],
        header=header,
    )
    assert turned_away(result) == [("ph", "7", "site-ambiguous"), ("ph", "8", "site-ambiguous")]
    assert [row[0] for row in said(result)] == ["闸"]


def test_a_row_without_a_section_and_a_line_of_another_width():
    result = table(["", "", "2026-03-05", "7", "", "", "", ""], [*SOUND, "", "5"], SOUND)
    assert turned_away(result)[0] == ("ph", "7", "key-incomplete")
    assert {row[2] for row in turned_away(result)[1:]} == {"line-too-long"}
    # the long line has its four items and two positions beyond the header
    assert (result.cells_in, result.blank, len(result.readings)) == (14, 4, 4)


def test_a_cut_csv():
    content = csv([HEADER, SOUND]) + "马颊河,b,2026-03-06,8.1,9".encode()
    result = read("water-monthly", content, "报表.csv")
    assert turned_away(result) == [("do", "9", "line-truncated")]
    assert (result.cells_in, len(result.readings), remarks(result)) == (6, 5, ["file-truncated"])


def test_a_repeated_column_keeps_the_first():
    header = ["断面名称", "采样日期", "氨氮(mg/L)", "NH3-N(mg/L)"]
    result = table(["a", "2026-03-05", "1", "2"], header=header)
    assert [row[3] for row in said(result)] == [1.0]
    assert turned_away(result) == [("nh3_n", "2", "column-repeated")]


def test_columns_without_heading_and_content_are_no_cells():
    result = table([*SOUND, "", ""], header=[*HEADER, "", ""])
    assert result.cells_in == 4
    result = table([*SOUND, "", "5"], header=[*HEADER, "", ""])
    assert (result.cells_in, turned_away(result)) == (5, [("", "5", "unknown-parameter")])


def test_every_sheet_with_a_table_is_read():
    march, april = [HEADER, SOUND], [HEADER, [*SOUND[:2], "2026-04-08", *SOUND[3:]]]
    sheets = {"封面": [["茌平区"], ["地表水"]], "3月": march, "4月": april, "空表": [HEADER]}
    result = read("water-monthly", xlsx(sheets))
    assert result.readings["sheet"].tolist() == ["3月"] * 4 + ["4月"] * 4
    assert result.readings["row"].tolist() == [2] * 8
    assert (result.cells_in, remarks(result)) == (8, ["sheet-skipped", "sheet-skipped"])
    assert [word in result.problems[0].zh for word in ("封面", "没有")] == [True, True]
    assert [word in result.problems[1].zh for word in ("空表", "没有行")] == [True, True]


def test_every_sheet_may_state_its_own_month():
    header = ["断面名称", "pH"]
    sheets = {"2026年3月": [header, ["a", 7]], "2026年4月": [header, ["a", 8]]}
    assert [row[2:4] for row in said(read("water-monthly", xlsx(sheets)))] == [
        ("2026-03", 7.0),
        ("2026-04", 8.0),
    ]


def test_a_page_with_two_tables():
    one = page([HEADER, SOUND], "utf-8").decode()
    body = one.replace(
        "</body>",
        one[one.index("<table") : one.index("</body>")].replace("2026-03-05", "2026-03-20") + "</body>",
    )
    result = read("water-monthly", body.encode(), "报表.xls")
    assert result.readings["sheet"].unique().tolist() == ["table1", "table2"]
    assert (result.cells_in, len(result.readings)) == (8, 8)


def test_a_flag_of_the_provider_is_kept():
    header = ["断面名称", "采样日期", "pH", "数据状态"]
    assert said(table(["a", "2026-03-05", "7", "复核中"], header=header), "provider_flag")[0][-1] == "复核中"
