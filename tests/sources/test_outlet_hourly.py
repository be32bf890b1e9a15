import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from sources import outlet_hourly
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

GAS = (
    "企业名称,排口名称,排口编号,监测时间,颗粒物浓度(mg/m3),颗粒物折算浓度(mg/m³),颗粒物排放量(kg),"
    "标干流量(m3/h),含氧量(%),烟温(℃),标记"
)
WATER = "企业名称,排口名称,排口编号,监测时间,COD浓度(mg/L),氨氮浓度(mg/L),pH(无量纲),流量(m3),标记"
NAME = "CPDA001/CPDA001_2026-09.csv"


def read(*lines: str, header: str = GAS, name: str = NAME, encoding: str = "gb18030") -> ReadResult:
    content = ("\r\n".join([header, *lines]) + "\r\n").encode(encoding)
    return outlet_hourly.read(content, delivery("outlet-hourly", name, content))


def gas(
    time: str = "2026-09-22 18~19", cells: str = "4.49,4.60,0.83,184320,8.7,52.3", flag: str = "N"
) -> str:
    return f"示例热电,1号炉排口,CPDA001,{time},{cells},{flag}"


def test_a_gas_hour():
    result = read(gas())
    assert result.encoding == "gb18030"
    assert result.readings["parameter"].tolist() == [
        "flue_dust",
        "flue_dust_norm",
        "flue_dust_mass",
        "flue_flow",
        "flue_o2",
        "flue_temp",
    ]
    reading = one(result.readings, parameter="flue_dust_norm")
    assert reading.to_dict() | {"detection_limit": None} == {
        "district": "chiping",
        "site": "CPDA001",
        "parameter": "flue_dust_norm",
        "period": "1h",
        "observed_at": pd.Timestamp("2026-09-22 18:00"),
        "value": 4.6,
        "raw": "4.60",
        "censor": "",
        "detection_limit": None,
        "provider_flag": "N",
        "channel": "automatic",
        "sheet": "",
        "row": 2,
        "column": "颗粒物折算浓度(mg/m³)",
    }


@pytest.mark.parametrize(
    ("time", "observed"),
    [
        ("2026-09-22 18~19", "2026-09-22 18:00"),
        ("2026-09-22 18～19", "2026-09-22 18:00"),
        ("2026-09-22 18-19时", "2026-09-22 18:00"),
        ("2026-09-22 18:00~19:00", "2026-09-22 18:00"),
        ("2026-09-22 23~24", "2026-09-22 23:00"),
        ("2026-09-22 23~0", "2026-09-22 23:00"),
        ("2026-09-22 18:00", "2026-09-22 18:00"),
        ("2026/9/2 8:00:00", "2026-09-02 08:00"),
        ("2026年9月22日 18时", "2026-09-22 18:00"),
        ("2026-09-22 18", "2026-09-22 18:00"),
        ("2026-09-22 24:00", "2026-09-23 00:00"),
    ],
)
def test_hours(time, observed):
    assert list(read(gas(time)).readings["observed_at"].unique()) == [pd.Timestamp(observed)]


@pytest.mark.parametrize(
    "time",
    [
        "2026-09-22 18:30",
        "2026-09-22 18~20",
        "2026-09-31 18",
        "09-22 18",
        "2026-09-22",
        "2026-09-22 24~25",
        "2026-09-22 18~43",
        "x",
    ],
)
def test_hours_that_are_none(time):
    assert codes(read(gas(time))) == {"time-invalid": 6}


def test_missing_time():
    assert codes(read(gas(""))) == {"time-missing": 6}


@pytest.mark.parametrize(
    ("heading", "cell", "parameter", "value"),
    [
        ("颗粒物浓度(ug/m3)", "35", "flue_dust", 0.035),
        ("烟尘实测浓度（μg/m³）", "35.1", "flue_dust", 0.0351),
        ("二氧化硫折算浓度(mg/Nm3)", "17", "flue_so2_norm", 17.0),
        ("NOx浓度(mg/m3)", "17", "flue_nox", 17.0),
        ("氮氧化物排放量(t)", "0.0012", "flue_nox_mass", 1.2),
        ("氮氧化物排放量(g)", "12", "flue_nox_mass", 0.012),
        ("标干流量(万m3/h)", "18.4", "flue_flow", 184000.0),
        ("COD浓度(毫克/升)", "23.2", "cod", 23.2),
        ("化学需氧量排放量(kg)", "3", "cod_mass", 3.0),
        ("流量(m3)", "726.5", "effluent_flow", 726.5),
        ("流量(L/s)", "10", "effluent_flow", 36.0),
        ("pH值", "7.1", "ph", 7.1),
        ("含湿量(%)", "9", "flue_humidity", 9.0),
    ],
)
def test_headings_and_units(heading, cell, parameter, value):
    result = read(f"a,2026-09-22 18,{cell}", header=f"排口编号,监测时间,{heading}")
    reading = result.readings.iloc[0]
    assert (reading["parameter"], reading["value"], reading["raw"]) == (parameter, value, cell)


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        ("颗粒物浓度(mg/L)", "unknown-unit"),
        ("颗粒物浓度(ppm)", "unknown-unit"),
        ("颗粒物浓度", "unknown-unit"),
        ("流量(吨)", "unknown-unit"),
        ("氯化氢浓度(mg/m3)", "unknown-parameter"),
        ("", "unknown-parameter"),
    ],
)
def test_headings_that_are_not_guessed(heading, code):
    result = read("a,2026-09-22 18,1,5", header=f"排口编号,监测时间,pH,{heading}")
    assert codes(result) == {code: 1}


@pytest.mark.parametrize("word", ["停运", "停产"])
def test_standstill_is_blank_and_flags_its_row(word):
    result = read(gas(cells=f"{word},{word},--,-,8.7,", flag="F"), gas("2026-09-22 19~20", flag=""))
    assert (result.cells_in, result.blank) == (12, 5)
    assert one(result.readings, row=2)["provider_flag"] == f"F;{word}"
    assert set(result.readings.loc[result.readings["row"] == 3, "provider_flag"]) == {""}


def test_flag_and_note_columns_are_kept_together():
    header = "排口编号,监测时间,pH,标记,备注"
    result = read(
        "a,2026-09-22 18,7,M,手工补录", "a,2026-09-22 19,7,,", "a,2026-09-22 20,7,d,", header=header
    )
    assert result.readings["provider_flag"].tolist() == ["M;手工补录", "", "d"]


def test_summary_rows_are_turned_away_with_their_reason():
    result = read(
        gas(),
        "平均值,,,,4.1,4.1,--,179049,8.5,52.2,",
        "示例热电,,,最大值,5,5,,5,5,5,",
        "排放总量,,,,--,--,12,--,--,--,",
    )
    assert codes(result) == {"summary-row": 5 + 5 + 1}
    assert (result.cells_in, len(result.readings)) == (24, 6)


def test_a_title_above_the_header():
    content = f"示例再生水厂总排口小时数据\n导出时间：2026-10-01\n{WATER}\n厂,总排口,GXDW001,2026-09-22 18~19,18.5,0.619,7.33,726.5,N\n"
    result = outlet_hourly.read(content.encode(), delivery("outlet-hourly", NAME, content.encode()))
    assert (result.cells_in, len(result.readings)) == (4, 4)
    assert set(result.readings["row"]) == {4}
    assert outlet_hourly.recognise(content, NAME) == 1.0


def test_notes_below_the_hours_are_no_cut_line():
    result = read(gas(), "制表：监控中心")
    assert (result.cells_in, len(result.readings), result.problems) == (6, 6, [])


def test_a_cut_last_line_and_an_outlet_without_code():
    content = f"{GAS}\r\n{gas()}\r\n示例热电,1号炉排口,CPDA001,2026-09-22 19~20,4.49,4.6".encode()
    result = outlet_hourly.read(content, delivery("outlet-hourly", NAME, content))
    assert codes(result) == {"line-truncated": 1}
    assert codes(read("示例热电,1号炉排口,,2026-09-22 18~19,1,2,3,4,5,6,N")) == {"key-incomplete": 6}


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("排口编号,数据,pH", "a,2026-09-22 18,7"),
        ("排口名称,监测时间,pH", "a,2026-09-22 18,7"),
        ("排口编号,监测时间,备注", "a,2026-09-22 18,7"),
    ],
)
def test_headers_that_do_not_fit(header, line):
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        read(line, header=header)


def test_names():
    assert outlet_hourly.partition(NAME) == "2026-09"
    assert outlet_hourly.partition("小时数据_20260922.csv") == "2026-09-22"
    assert outlet_hourly.recognise("date,hour,type,1001A", NAME) == 0.0
    assert outlet_hourly.recognise("排口编号,监测时间,备注", NAME) == 0.5
    assert outlet_hourly.recognise(GAS, "x.csv") == 0.9
