import json
from datetime import datetime

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from sources import water_cnemc_api as api
from sources import water_cnemc_section as section
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

THEAD = [
    "省份",
    "流域",
    "断面名称",
    "监测时间",
    "水质类别",
    "水温<br/><span class='unit'>(℃)</span>",
    "pH<br/><span class='unit'>(无量纲)</span>",
    "氨氮<br/><span class='unit'>(mg/L)</span>",
    "总磷<br/><span class='unit'>(mg/L)</span>",
    "站点情况",
]
ROW = ["山东省", "海河流域", "前油坊", "04-05 20:00", "Ⅲ", "12.9", "8.40", "0.153", "0.079", "正常"]


def span(unrounded: str, shown: str) -> str:
    return f"<span data-toggle='tooltip' title='原始值：{unrounded}'>{shown}</span>"


def read_api(*rows: object, name: str = "2021-04-05.json", thead: list[str] = THEAD) -> ReadResult:
    body = {"result": 1, "total": 1, "thead": thead, "tbody": list(rows)}
    content = json.dumps(body, ensure_ascii=False).encode()
    return api.read(content, delivery("water-cnemc-api", name, content))


def row(**changed: object) -> list[object]:
    places = {
        "time": 3,
        "class_": 4,
        "temp": 5,
        "ph": 6,
        "nh3": 7,
        "tp": 8,
        "status": 9,
        "name": 2,
        "province": 0,
    }
    return [
        changed.get(next(key for key, at in places.items() if at == place), ROW[place])
        if place != 1
        else ROW[1]
        for place in range(10)
    ]


def test_the_unrounded_value_is_read_and_the_whole_cell_kept():
    cell = span("20.27", "20.3")
    reading = one(read_api(row(temp=cell)).readings, parameter="water_temp")
    assert reading.to_dict() | {"detection_limit": None} == {
        "district": "chiping",
        "site": "山东省/前油坊",
        "parameter": "water_temp",
        "period": "4h",
        "observed_at": pd.Timestamp("2021-04-05 20:00"),
        "value": 20.27,
        "raw": cell,
        "censor": "",
        "detection_limit": None,
        "provider_flag": "正常",
        "channel": "automatic",
        "sheet": "",
        "row": 1,
        "column": "水温(℃)",
    }


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (span("1.2E-5", "0.00"), 1.2e-5),
        (span("3.409E+7", "34090000"), 3.409e7),
        ('<span title="原始值:7">7.0</span>', 7.0),
        (span("-0.4", "-0.4"), -0.4),
        ("12.9", 12.9),
        (12.5, 12.5),
    ],
)
def test_number_spellings(cell, value):
    assert one(read_api(row(temp=cell)).readings, parameter="water_temp")["value"] == value


@pytest.mark.parametrize(
    "cell", ["--", "*", "", " ", None, "&nbsp;", "维护", "<span title='极值过滤'>--</span>"]
)
def test_blanks(cell):
    result = read_api(row(temp=cell))
    assert (result.cells_in, result.blank, len(result.readings)) == (5, 1, 4)


@pytest.mark.parametrize(
    "cell",
    [span("2O.27", "20.3"), span("", "20.3"), span("20.27", "--"), "检修", "1e400", ["20"], {"v": 1}, True],
)
def test_cells_that_are_no_number(cell):
    result = read_api(row(temp=cell))
    assert codes(result) == {"not-a-number": 1}
    assert result.rejects["parameter"].tolist() == ["water_temp"]


@pytest.mark.parametrize(
    ("text", "number"), [("Ⅰ", 1), ("Ⅱ", 2), ("Ⅲ", 3), ("Ⅳ", 4), ("Ⅴ", 5), ("劣Ⅴ", 6), ("劣V", 6), ("III", 3)]
)
def test_classes(text, number):
    assert one(read_api(row(class_=text)).readings, parameter="water_class")["value"] == number


def test_unknown_class():
    assert codes(read_api(row(class_="Ⅸ"))) == {"class-unknown": 1}


@pytest.mark.parametrize(
    ("time", "name", "observed"),
    [
        ("04-05 20:00", "2021-04-05.json", "2021-04-05 20:00"),
        # the night of a year's end: yesterday is last year, just after midnight is this year
        ("12-31 20:00", "2021-01-01.json", "2020-12-31 20:00"),
        ("01-01 00:00", "2020-12-31.json", "2021-01-01 00:00"),
        ("01-01 08:00", "2021-01-01.json", "2021-01-01 08:00"),
        ("02-29 08:00", "2020-02-29.json", "2020-02-29 08:00"),
        ("03-20 08:00", "2021-04-05.json", "2021-03-20 08:00"),
        ("03-01 00:00", "2026-03-01T04.json", "2026-03-01 00:00"),
        ("04-05 08:00", "2021-04-05_issued20260101.json", "2021-04-05 08:00"),
        ("2021-04-05 08:00:00", "2021-04-05.json", "2021-04-05 08:00"),
        ("０４－０５ ０８：００", "2021-04-05.json", "2021-04-05 08:00"),
        ("04-04 24:00", "2021-04-05.json", "2021-04-05 00:00"),
    ],
)
def test_the_year_of_a_time(time, name, observed):
    times = read_api(row(time=time), name=name).readings["observed_at"].unique()
    assert list(times) == [pd.Timestamp(observed)]


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (None, "time-missing"),
        ("", "time-missing"),
        ("*", "time-missing"),
        ("13-01 08:00", "time-invalid"),
        ("04-31 08:00", "time-invalid"),
        ("04-05 25:00", "time-invalid"),
        ("04-05 08:61", "time-invalid"),
        ("yesterday", "time-invalid"),
        # left standing since autumn: of the year before, and far too old
        ("09-09 20:00", "time-stale"),
        ("02-29 08:00", "time-stale"),
    ],
)
def test_times_that_place_no_reading(time, code):
    assert codes(read_api(row(time=time))) == {code: 5}


def test_names_without_html_and_without_a_province():
    tooltip = "<span data-toggle='tooltip' title='所在地市:聊城市&#10;所属河流:徒骇河'> 前油坊 </span>"
    assert set(read_api(row(name=tooltip)).readings["site"]) == {"山东省/前油坊"}
    assert set(read_api(row(province="")).readings["site"]) == {"前油坊"}
    assert codes(read_api(row(name=""))) == {"key-incomplete": 5}
    assert set(read_api(row(status="维护")).readings["provider_flag"]) == {"维护"}


def test_unknown_units_and_columns():
    thead = [*THEAD]
    thead[7], thead[8] = "氨氮(μg/L)", "总磷(斤)"
    thead[5] = "未知项(mg/L)"
    result = read_api(row(nh3="153"), thead=thead)
    # 153 μg/L is 0.153 mg/L, exactly
    assert one(result.readings, parameter="nh3_n")["value"] == 0.153
    assert codes(result) == {"unknown-unit": 1, "unknown-parameter": 1}
    assert {problem.code for problem in result.problems} == {
        "unknown-unit",
        "column-unknown",
        "column-missing",
        "unit-changed",
    }
    thead[7] = "氨氮"
    assert codes(read_api(row(), thead=thead))["unknown-unit"] == 2


def test_rows_of_the_wrong_shape():
    result = read_api(row(), row()[:6], [*row(), "5"], "oops", 7, None, {"a": 1})
    assert codes(result) == {"line-too-short": 2, "line-too-long": 6, "line-unreadable": 4}
    assert len(result.readings) == 5
    assert result.rejects.loc[result.rejects["code"] == "line-unreadable", "row"].tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b"{", "file-unreadable"),
        (b'{"result": 1, "thead": [], "tbody": [[', "file-unreadable"),
        (b"[" * 100_000, "file-unreadable"),
        (b"[]", "layout-unknown"),
        (b'{"result": 0}', "layout-unknown"),
        (b'{"thead": [], "tbody": []}', "layout-unknown"),
        ('{"thead": ["断面名称", "监测时间"], "tbody": []}'.encode(), "layout-unknown"),
        ('{"thead": ["断面名称", "监测时间", "总磷(mg/L)"], "tbody": []}'.encode(), "no-cells"),
        ('{"thead": [null, 3, "总磷(mg/L)"], "tbody": []}'.encode(), "layout-unknown"),
    ],
)
def test_answers_refused_as_a_whole(content, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        api.read(content, delivery("water-cnemc-api", "2021-04-05.json", content))
    assert refused.value.code == code


def test_a_lone_surrogate_is_kept_as_its_escape():
    content = json.dumps({"thead": THEAD, "tbody": [row(temp="\ud800")]}).encode()
    result = api.read(content, delivery("water-cnemc-api", "2021-04-05.json", content))
    assert codes(result) == {"not-a-number": 1}
    assert result.rejects["raw"].tolist() == ["\\ud800"]


HEADER = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),氨氮(mg/L),总磷(mg/L),站点情况"
NAME = "山东省/海河流域/前油坊/2021-04/前油坊.csv"


def read_section(*lines: str, name: str = NAME, encoding: str = "utf-8") -> ReadResult:
    content = "\r\n".join([HEADER, *lines, ""]).encode(encoding)
    return section.read(content, delivery("water-cnemc-section", name, content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_section_csv(encoding):
    result = read_section("山东省,海河流域,前油坊,04-04 08:00,劣Ⅴ,12.9,8.40,0.153,*,正常", encoding=encoding)
    assert result.encoding == encoding
    assert (result.cells_in, result.blank) == (5, 1)
    reading = one(result.readings, parameter="nh3_n")
    assert (reading["value"], reading["raw"], reading["column"], reading["row"]) == (
        0.153,
        "0.153",
        "氨氮(mg/L)",
        2,
    )
    assert reading["observed_at"] == pd.Timestamp("2021-04-04 08:00")
    assert one(result.readings, parameter="water_class")["value"] == 6
    assert (result.issued_at, result.issued_stated) == (datetime(2021, 5, 1), True)


def test_repeated_keys_stay_in_order():
    line = "山东省,海河流域,前油坊,04-01 12:00,Ⅲ,17.4,7.28,0.516,{},正常"
    readings = read_section(line.format("0.147"), line.format("0.150")).readings
    assert readings.loc[readings["parameter"] == "tp", "value"].tolist() == [0.147, 0.15]


@pytest.mark.parametrize(
    ("name", "time", "observed"),
    [
        (NAME, "03-31 20:00", "2021-03-31 20:00"),
        ("a/2021-01/a.csv", "12-31 20:00", "2020-12-31 20:00"),
        ("a/2021-12/a.csv", "01-01 00:00", "2022-01-01 00:00"),
        ("a/2021-12/a.csv", "12-01 00:00", "2021-12-01 00:00"),
        ("断面312_202104.csv", "04-02 00:00", "2021-04-02 00:00"),
        ("断面2021年4月.csv", "04-02 00:00", "2021-04-02 00:00"),
        ("a/2021-04/a_issued20260101.csv", "04-02 00:00", "2021-04-02 00:00"),
        # nothing in the name: the file is of 2026-05-01
        ("a.csv", "04-02 00:00", "2026-04-02 00:00"),
    ],
)
def test_the_month_in_the_path_gives_the_year(name, time, observed):
    result = read_section(f"山东省,海河流域,前油坊,{time},Ⅲ,1,2,3,4,正常", name=name)
    assert list(result.readings["observed_at"].unique()) == [pd.Timestamp(observed)]


def test_several_sections_in_one_file_and_broken_lines():
    result = read_section(
        "山东省,海河流域,前油坊,04-01 12:00,Ⅲ,1,2,3,4,正常",
        "江苏省,长江流域,魏村,04-01 12:00,Ⅱ,1,2,3,4,维护",
        "江苏省,长江流域,魏村,04-01 16:00,Ⅱ,1,2",
        "江苏省,长江流域,魏村,04-01 20:00,Ⅱ,1,2,3,4,5,维护,x",
        "江苏省,长江流域,魏村,*,Ⅱ,1,--,*,4,维护",
    )
    assert set(result.readings["site"]) == {"山东省/前油坊", "江苏省/魏村"}
    # the word of the state slipped into a value column, where it is a mark of nothing
    assert codes(result) == {"line-too-short": 3, "line-too-long": 6, "time-missing": 3}
    assert result.rejects.loc[result.rejects["code"] == "line-too-short", "row"].tolist() == [4, 4, 4]


def test_a_section_file_cut_in_the_middle():
    content = f"{HEADER}\n山东省,海河流域,前油坊,04-01 12:00,Ⅲ,17.4,7.28,0.5".encode()
    result = section.read(content, delivery("water-cnemc-section", NAME, content))
    assert codes(result) == {"line-truncated": 1}
    assert len(result.readings) == 3


def test_cut_within_a_character():
    content = f"{HEADER}\n山东省,海河流域,前油坊,04-01 12:00,Ⅲ,17.4,7.28,0.5,0.1,正常".encode()[:-1]
    result = section.read(content, delivery("water-cnemc-section", NAME, content))
    assert result.encoding == "utf-8"
    assert len(result.readings) == 5
    assert [problem.code for problem in result.problems] == ["column-missing", "file-truncated"]


def test_quoted_fields_and_repeated_columns():
    content = (
        '"断面名称","监测时间","总磷(mg/L)","总磷(mg/L)","备\n注"\n'
        '"前,油""坊","2021-04-01 12:00","0.1","0.2",""\n"b","2021-04-01 16:00","0.3","","x"'
    ).encode()
    result = section.read(content, delivery("water-cnemc-section", NAME, content))
    assert result.readings["site"].tolist() == ['前,油"坊', "b"]
    # the header spans two physical lines
    assert result.readings["row"].tolist() == [3, 4]
    assert codes(result) == {"column-repeated": 1, "unknown-parameter": 1}


@pytest.mark.parametrize(
    "content",
    ["省份,流域,断面名称,水质类别\n1,2,3,4\n", "a,b,c\n1,2,3\n", "断面名称,监测时间,站点情况\na,b,c\n"],
)
def test_section_headers_that_do_not_fit(content):
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        section.read(content.encode(), delivery("water-cnemc-section", NAME, content.encode()))


def test_recognise_and_partition():
    head = json.dumps({"result": 1, "thead": THEAD, "tbody": []})
    assert api.recognise(head, "2021-04-05.json") == 1.0
    assert api.recognise(json.dumps({"thead": ["x"]}), "a.json") == 0.2
    assert api.recognise(HEADER, "a.csv") == 0.0
    assert api.partition("2026-03-01T04.json") == "2026-03-01"
    assert section.recognise(HEADER, NAME) > 0.3
    assert section.recognise("date,hour,type", NAME) == 0.0
    assert section.recognise("断面名称,x", NAME) == 0.0
    assert section.partition(NAME) == "2021-04"
    assert section.partition("a/2021-04/x_20210405.csv") == "2021-04-05"
