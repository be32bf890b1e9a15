import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xlsx

from sources.catalogue import head_of, read_delivery
from sources.result import ReadResult
from sources.statistics_return import recognise as is_return
from sources.target_documents import recognise
from vocabulary.reasons import DeliveryRefusedError

HEAD = "指标序号,指标名称,目标年份,目标值,单位,文号,发文日期"


def read(content: bytes, name: str = "目标下达.xlsx") -> ReadResult:
    return read_delivery(content, delivery("target-documents", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"), "目标.csv")


def test_a_target_carries_its_year_its_document_and_its_day():
    result = text(HEAD, "1,细颗粒物(PM2.5)浓度,2025,41,µg/m³,聊环委〔2024〕示例号,2024-03-15")
    reading = one(result.readings, parameter="target_pm2_5_mean")
    assert reading[["district", "site", "period", "value", "provider_flag"]].tolist() == [
        "chiping",
        "chiping/2025",
        "1y",
        41.0,
        "文件=聊环委〔2024〕示例号",
    ]
    assert reading["observed_at"] == pd.Timestamp("2024-03-15")


def test_every_document_keeps_its_own_word_whatever_the_order():
    result = text(
        HEAD,
        "8,氮氧化物重点工程减排量,2025,2100,吨,后一文件,2024年6月1日",
        "8,氮氧化物重点工程减排量,2025,2061.6,吨,前一文件,2023/1/20",
    )
    assert result.readings[["observed_at", "value"]].values.tolist() == [
        [pd.Timestamp("2024-06-01"), 2100.0],
        [pd.Timestamp("2023-01-20"), 2061.6],
    ]


@pytest.mark.parametrize(
    ("line", "parameter", "value"),
    [
        ("18,森林覆盖率,2025,≥3.65,%,文,2024-03-15", "target_forest_cover", 3.65),
        (",水土保持率,2025,不低于85%,,文,2024-03-15", "target_soil_water", 85.0),
        ("21,生态保护红线面积,2025,1.44,万亩,文,2024-03-15", "target_red_line_area", 14400.0),
        ("19,化肥施用量(折纯量),2025,2.9,万吨,文,2024-03-15", "target_fertiliser_used", 29000.0),
        ("17,生态质量指数(EQI),2025,稳中向好,,文,2024-03-15", "target_eqi_trend", 1.0),
        ("16,重点建设用地安全利用,2025,有效保障,,文,2024-03-15", "target_building_land_safe", 1.0),
        ("7,,2025年,60,%,文,20240315", "target_rural_sewage_rate", 60.0),
    ],
)
def test_targets(line, parameter, value):
    reading = text(HEAD, line).readings.iloc[0]
    assert (reading["parameter"], reading["value"]) == (parameter, value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1,森林覆盖率,2025,3.65,%,文,2024-03-15", "indicator-contradicts"),
        (",幸福指数,2025,3.65,%,文,2024-03-15", "unknown-parameter"),
        (",森林覆盖率,2025,3.65,%,,2024-03-15", "document-missing"),
        (",森林覆盖率,2025,3.65,%,文,", "time-missing"),
        (",森林覆盖率,,3.65,%,文,2024-03-15", "time-missing"),
        (",森林覆盖率,2025,3.65,%,文,2024年3月", "time-invalid"),
        (",森林覆盖率,2025年6月,3.65,%,文,2024-03-15", "time-invalid"),
        (",新能源汽车新车销量占比,2025,20%左右,%,文,2024-03-15", "not-a-number"),
        (",化学需氧量重点工程减排量,2025,[958.3],吨,文,2024-03-15", "not-a-number"),
        (",化学需氧量重点工程减排量,2025,958.3,,文,2024-03-15", "unknown-unit"),
    ],
)
def test_what_is_not_guessed(line, code):
    result = text(HEAD, line)
    assert (codes(result), result.cells_in, result.blank) == ({code: 1}, 1, 0)


def test_a_target_still_to_be_handed_down_is_blank():
    result = text(HEAD, "14,非化石能源消费比重,2025,完成市下达任务,%,文,2024-03-15")
    assert (result.cells_in, result.blank, len(result.readings)) == (1, 1, 0)


def test_a_workbook_with_a_column_a_year():
    rows = [
        ["县区", "指标名称", "单位", "2024年目标", "2025年目标", "文号", "发文日期"],
        [
            "茌平区",
            "空气质量优良天数比率",
            "%",
            64.9,
            65.3,
            "聊环委〔2024〕示例号",
            pd.Timestamp("2024-03-15"),
        ],
        [
            "高新区",
            "空气质量优良天数比率",
            "%",
            None,
            64.4,
            "聊环委〔2024〕示例号",
            pd.Timestamp("2024-03-15"),
        ],
    ]
    content = xlsx({"目标": rows})
    result = read(content)
    assert result.readings[["site", "value", "column"]].values.tolist() == [
        ["chiping/2024", 64.9, "2024年目标"],
        ["chiping/2025", 65.3, "2025年目标"],
        ["gaoxin/2025", 64.4, "2025年目标"],
    ]
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2024-03-15")}
    assert (result.cells_in, result.blank) == (4, 1)
    assert recognise(head_of(content), "目标下达.xlsx") == 1.0


def test_told_from_a_return():
    assert (recognise(HEAD, "x.csv"), is_return(HEAD, "x.csv")) == (0.9, 0.0)
    assert recognise("指标名称,单位,年份,完成值", "x.csv") == 0.0
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        text("指标名称,目标值,单位", "森林覆盖率,4,%")
