import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xlsx

from sources.catalogue import head_of, read_delivery
from sources.result import ReadResult
from sources.statistics_return import recognise

HEAD = "指标名称,单位,年份,完成值,数据来源,依据"


def read(content: bytes, name: str = "统计报表.xlsx") -> ReadResult:
    return read_delivery(content, delivery("statistics-return", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"), "报表.csv")


def figures(result: ReadResult) -> dict[str, float]:
    return dict(zip(result.readings["parameter"], result.readings["value"], strict=True))


def test_a_figure_of_a_year_belongs_to_the_district():
    result = text(HEAD, "农村生活污水治理率,%,2023,46.5,住建局,示例函〔2024〕1号")
    reading = one(result.readings, parameter="stat_rural_sewage_rate")
    assert reading[["district", "site", "period", "value", "raw", "channel", "row", "column"]].tolist() == [
        "chiping",
        "chiping",
        "1y",
        46.5,
        "46.5",
        "manual",
        2,
        "完成值",
    ]
    assert reading["observed_at"] == pd.Timestamp("2023-01-01")
    assert reading["provider_flag"] == "依据=示例函〔2024〕1号;来源=住建局"


@pytest.mark.parametrize(
    ("name", "unit", "cell", "parameter", "value"),
    [
        ("城市建成区黑臭水体比例", "%", "0", "stat_black_odorous_ratio", 0.0),
        ("地下水质量Ⅴ类水比例", "%", "25.0", "stat_groundwater_v_ratio", 25.0),
        ("农村生活污水治理率（％）", "", "46.5", "stat_rural_sewage_rate", 46.5),
        ("单位地区生产总值二氧化碳排放降低", "%", "-1.25", "stat_co2_per_gdp_fall", -1.25),
        ("单位GDP能耗降低", "%", "3.5%", "stat_energy_per_gdp_fall", 3.5),
        ("非化石能源消费比重", "%", "8.1", "stat_non_fossil_share", 8.1),
        ("受污染耕地安全利用率", "%", "100", "stat_farmland_safe_rate", 100.0),
        ("重点建设用地安全利用 *", "", "有效保障", "stat_building_land_safe", 1.0),
        ("重点建设用地安全利用", "/", "有效保障", "stat_building_land_safe", 1.0),
        ("生态质量指数（EQI）", "", "48.35", "stat_eqi", 48.35),
        ("生态质量指数(EQI)", "定性", "稳中向好", "stat_eqi_trend", 1.0),
        ("生态质量指数(EQI)", "", "轻微变差", "stat_eqi_trend", -1.0),
        ("森林覆盖率", "%", "3.61", "stat_forest_cover", 3.61),
        ("化肥施用量（折纯量）", "吨", '"30,658"', "stat_fertiliser_used", 30658.0),
        ("化肥施用量(折纯量)", "万吨", "0.35", "stat_fertiliser_used", 3500.0),
        ("农药使用量(商品量)", "吨", "574.9", "stat_pesticide_used", 574.9),
        ("生态保护红线面积", "万亩", "1.44", "stat_red_line_area", 14400.0),
        ("生态保护红线面积", "平方公里", "9.6", "stat_red_line_area", 14400.0),
        ("生态保护红线面积", "", "1.44万亩", "stat_red_line_area", 14400.0),
        ("农田灌溉水有效利用系数", "", "0.6364", "stat_irrigation", 0.6364),
        ("畜禽粪污综合利用率", "%", "90", "stat_manure", 90.0),
        ("国六重型货车占比", "%", "30", "stat_heavy_trucks", 30.0),
        ("人均公园绿地面积", "m2", "14.1", "stat_park_area", 14.1),
        ("平均降尘量", "t/(km²·月)", "6.8", "stat_dustfall", 6.8),
        ("细颗粒物(PM2.5)浓度", "微克/立方米", "43", "stat_pm2_5_mean", 43.0),
        ("入河排污口整治", "", "已完成", "stat_river_outlets", 1.0),
    ],
)
def test_names_units_and_answers(name, unit, cell, parameter, value):
    result = text(HEAD, f"{name},{unit},2023,{cell},,")
    assert figures(result) == {parameter: value}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("幸福指数,%,2023,1,,", "unknown-parameter"),
        ("森林覆盖率,,2023,3.61,,", "unknown-unit"),
        ("森林覆盖率,公顷,2023,3.61,,", "unknown-unit"),
        ("森林覆盖率,%,2023,0.0361亩,,", "unknown-unit"),
        ("化肥施用量,吨,2023,3万吨,,", "unit-contradicts"),
        ("森林覆盖率,%,,3.61,,", "time-missing"),
        ("森林覆盖率,%,十四五,3.61,,", "time-invalid"),
        ("森林覆盖率,%,2023,3.6左右,,", "not-a-number"),
        ("森林覆盖率,%,2023,稳步提高,,", "answer-unknown"),
        ("重点建设用地安全利用,,2023,基本保障,,", "answer-unknown"),
        ("生态质量指数,,2023,大幅跃升,,", "answer-unknown"),
    ],
)
def test_what_is_not_guessed(line, code):
    result = text(HEAD, line)
    assert (codes(result), result.cells_in, result.blank) == ({code: 1}, 1, 0)


@pytest.mark.parametrize(
    ("period", "key", "begins"),
    [
        ("2023年", "1y", "2023-01-01"),
        ("２０２３年度", "1y", "2023-01-01"),
        ("2023年第二季度", "1q", "2023-04-01"),
        ("2023Q4", "1q", "2023-10-01"),
        ("2023年3季度", "1q", "2023-07-01"),
        ("2023年6月", "1mo", "2023-06-01"),
        ("2023-06", "1mo", "2023-06-01"),
    ],
)
def test_periods(period, key, begins):
    reading = text(HEAD, f"平均降尘量,t/km2·30d,{period},6.8,,").readings.iloc[0]
    assert (reading["period"], reading["observed_at"]) == (key, pd.Timestamp(begins))


@pytest.mark.parametrize("period", ["2023年1-6月", "2021-2025", "2023年13月", "23年", "2023-01-01 00:00:00"])
def test_periods_that_are_none(period):
    assert codes(text(HEAD, f"森林覆盖率,%,{period},3.61,,")) == {"time-invalid": 1}


def test_a_column_a_year_beside_targets():
    result = text(
        "指标名称,单位,2020年基数,2022年,2023年完成值,2025年目标",
        "森林覆盖率,%,3.61,,3.65,4",
        "化肥施用量(折纯量),吨,30658,30000,--,待下达",
    )
    assert result.readings[["parameter", "observed_at", "value"]].values.tolist() == [
        ["stat_forest_cover", pd.Timestamp("2020-01-01"), 3.61],
        ["stat_forest_cover", pd.Timestamp("2023-01-01"), 3.65],
        ["stat_fertiliser_used", pd.Timestamp("2020-01-01"), 30658.0],
        ["stat_fertiliser_used", pd.Timestamp("2022-01-01"), 30000.0],
    ]
    assert (result.cells_in, result.blank, codes(result)) == (8, 2, {"field-not-taken": 2})


def test_a_number_in_the_plan_tells_the_indicator_where_there_is_no_name():
    result = text("指标序号,年份,完成值(%)", "7,2023,46.5", "18.0,2023,3.61", "22,2023,1", "7,2026,50")
    assert figures(result) == {"stat_rural_sewage_rate": 46.5, "stat_forest_cover": 3.61}
    assert codes(result) == {"unknown-parameter": 2}


def test_number_and_name_must_agree_but_a_running_number_is_none():
    head = "指标名称,单位,年份,完成值"
    assert codes(text(f"指标序号,{head}", "7,森林覆盖率,%,2023,3.61")) == {"indicator-contradicts": 1}
    assert figures(text(f"指标序号,{head}", "18,森林覆盖率,%,2023,3.61")) == {"stat_forest_cover": 3.61}
    assert figures(text(f"序号,{head}", "7,森林覆盖率,%,2023,3.61")) == {"stat_forest_cover": 3.61}


def test_districts_of_a_city_table():
    result = text(
        "县区,指标名称,单位,年份,完成值",
        "茌平区,森林覆盖率,%,2023,3.61",
        "聊城高新区,森林覆盖率,%,2023,5",
        "东阿县,森林覆盖率,%,2023,9",
        "合计,森林覆盖率,%,2023,7",
    )
    assert result.readings[["site", "value"]].values.tolist() == [
        ["chiping", 3.61],
        ["gaoxin", 5.0],
        ["东阿县", 9.0],
    ]
    assert codes(result) == {"summary-row": 1}


def test_a_workbook_with_the_year_in_its_title():
    rows = [
        ["茌平区2023年度规划指标完成情况统计报表"],
        ["序号", "指标名称", "单位", "完成值"],
        [1, "农村生活污水治理率", "%", 46.5],
        [2, "森林覆盖率", "%", 0.0361],
        [3, "受污染耕地安全利用率", "%", "100%"],
        [4, "城市建成区黑臭水体比例", "%", 0],
    ]
    content = xlsx({"报表": rows}, {"报表": ["A1:D1"]})
    result = read(content)
    assert figures(result) == {
        "stat_rural_sewage_rate": 46.5,
        "stat_farmland_safe_rate": 100.0,
        "stat_black_odorous_ratio": 0.0,
    }
    assert codes(result) == {"percent-doubtful": 1}
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2023-01-01")}
    assert recognise(head_of(content), "统计报表.xlsx") == 1.0


def test_recognised_by_its_header():
    assert recognise(HEAD, "x.csv") == 0.9
    assert recognise("指标名称,单位,2022年,2023年", "x.csv") == 0.9
    assert recognise("项目名称,年度,上报减排量(t)", "x.csv") == 0.0
