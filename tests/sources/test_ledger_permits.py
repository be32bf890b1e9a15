import datetime as dt

import pandas as pd
import pytest
from made_deliveries import codes, delivery
from made_workbooks import xlsx

from sources.catalogue import head_of, read_delivery
from sources.permit_limits import recognise
from sources.result import ReadResult

HEAD = "排口编号,污染物,限值,单位,限值类型,基准氧含量(%),有效期起,有效期止,许可证编号,执行标准"


def read(content: bytes, name: str = "排污许可限值.xlsx") -> ReadResult:
    return read_delivery(content, delivery("permit-limits", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"), "限值.csv")


def limits(result: ReadResult) -> list[list[object]]:
    return result.readings[["site", "parameter", "period", "value"]].values.tolist()


def test_a_limit_its_oxygen_and_how_long_it_holds():
    result = text(HEAD, "CPDA001,氮氧化物,50,mg/m3,小时均值,6,2021-01-01,2025/12/31,示例 001,DB37/664-2019")
    assert limits(result) == [
        ["CPDA001", "limit_flue_nox_norm", "1h", 50.0],
        ["CPDA001", "o2_ref_flue_nox_norm", "1h", 6.0],
    ]
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2021-01-01")}
    assert set(result.readings["provider_flag"]) == {"有效期至=2025-12-31;文件=示例 001;依据=DB37/664-2019"}
    assert (result.cells_in, result.blank) == (2, 0)


def test_a_later_limit_of_the_same_outlet_is_another_reading():
    result = text(
        HEAD,
        "CPDA001,二氧化硫,100,mg/m³,小时,6,2019-01-01,2020年12月31日,甲,",
        "CPDA001,二氧化硫,35000,μg/m³,小时,6,2021/1/1,长期,乙,",
    )
    chosen = result.readings[result.readings["parameter"] == "limit_flue_so2_norm"]
    assert chosen[["observed_at", "value"]].values.tolist() == [
        [pd.Timestamp("2019-01-01"), 100.0],
        [pd.Timestamp("2021-01-01"), 35.0],
    ]


@pytest.mark.parametrize("cell", ["6~9", "6-9", "6～9", "6.0 — 9.0", "6至9"])
def test_a_range_is_two_figures_of_one_cell(cell):
    result = text(HEAD, f"CPDW001,pH值,{cell},无量纲,瞬时值,,2021-01-01,,丙,")
    assert limits(result) == [
        ["CPDW001", "limit_lower_ph", "sample", 6.0],
        ["CPDW001", "limit_ph", "sample", 9.0],
    ]
    assert set(result.readings["raw"]) == {cell}
    assert set(result.readings["column"]) == {"限值"}
    assert (result.cells_in, result.blank, len(result.rejects)) == (3, 1, 0)


def test_columns_of_their_own_for_each_basis_and_the_year():
    result = text(
        "排口编号,污染因子,日均限值(mg/L),瞬时限值(mg/L),许可排放量(t/a),有效期起",
        "CPDW001,化学需氧量,40,60,182.5,2021-01-01",
        "CPDW001,氨氮,≤2,--,9.1,2021-01-01",
    )
    assert limits(result) == [
        ["CPDW001", "limit_cod", "1d", 40.0],
        ["CPDW001", "limit_cod", "sample", 60.0],
        ["CPDW001", "limit_cod_mass", "1y", 182.5],
        ["CPDW001", "limit_nh3_n", "1d", 2.0],
        ["CPDW001", "limit_nh3_n_mass", "1y", 9.1],
    ]
    assert (result.cells_in, result.blank) == (6, 1)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("X,氯化氢,50,mg/m3,小时,,2021-01-01,,,", "unknown-parameter"),
        ("X,氮氧化物,50,mg/L,小时,,2021-01-01,,,", "unknown-unit"),
        ("X,氮氧化物,50,,小时,,2021-01-01,,,", "unknown-unit"),
        ("X,氮氧化物,50,mg/m3,,,2021-01-01,,,", "period-unknown"),
        ("X,氮氧化物,50,mg/m3,年均,,2021-01-01,,,", "period-unknown"),
        ("X,氮氧化物,50,mg/m3,小时,,,,,", "time-missing"),
        ("X,氮氧化物,50,mg/m3,小时,,2021年,,,", "time-invalid"),
        ("X,氮氧化物,50,mg/m3,小时,,2021-01-01,五年,,", "time-invalid"),
        ("X,氮氧化物,50,mg/m3,小时,,2021-01-01,2020-12-31,,", "event-backwards"),
        ("X,化学需氧量,30~50,mg/L,日,,2021-01-01,,,", "not-a-number"),
        (",氮氧化物,50,mg/m3,小时,,2021-01-01,,,", "key-incomplete"),
        ("X,化学需氧量,,mg/L,日,6,2021-01-01,,,", "unknown-parameter"),
    ],
)
def test_what_is_not_guessed(line, code):
    result = text(HEAD, line)
    assert (codes(result), result.cells_in, result.blank) == ({code: 1}, 2, 1)


def test_a_workbook_by_enterprise_and_outlet_name():
    rows = [
        ["排污许可限值一览表"],
        ["企业名称", "排口名称", "污染物", "小时浓度限值", "有效期起", "有效期止"],
        [None, None, None, "mg/m3", None, None],
        ["示例铝业", "焙烧炉排口", "颗粒物", 10, dt.date(2021, 1, 1), dt.date(2025, 12, 31)],
        [None, None, "二氧化硫", 50, dt.date(2021, 1, 1), None],
    ]
    content = xlsx({"限值": rows}, {"限值": ["A1:F1", "A4:A5", "B4:B5"]})
    assert limits(read(content)) == [
        ["示例铝业/焙烧炉排口", "limit_flue_dust_norm", "1h", 10.0],
        ["示例铝业/焙烧炉排口", "limit_flue_so2_norm", "1h", 50.0],
    ]
    assert recognise(head_of(content), "排污许可限值.xlsx") == 1.0


def test_recognised_by_its_header():
    assert recognise(HEAD, "x.csv") == 0.9
    assert recognise("排口编号,监测时间,颗粒物浓度(mg/m3)", "x.csv") == 0.0
