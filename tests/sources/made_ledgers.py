"""One small sound export of every ledger, return and daily layout, for the tests that damage them."""

_DAYS = range(1, 9)
_YEARS = range(2021, 2026)

_RETURN = [
    "指标序号,指标名称,单位,2021年,2022年,2023年,2025年目标",
    "7,农村生活污水治理率,%,40,43.5,46.5,55",
    "16,重点建设用地安全利用,,有效保障,有效保障,--,",
    "18,森林覆盖率,%,3.61,3.62,3.65%,",
    '19,化肥施用量(折纯量),吨,"30,658",3万吨,30000,',
    "21,生态保护红线面积,万亩,1.44,1.44,1.44,1.44",
    "",
]

_TARGETS = [
    "指标名称,单位,2024年目标,2025年目标,文号,发文日期",
    "细颗粒物(PM2.5)浓度,微克/立方米,43,42,文,2024-03-15",
    "空气质量优良天数比率,%,≥64.9,≥65.3,文,2024-03-15",
    "森林覆盖率,%,3.6,完成市下达任务,文,2024-03-15",
    "水土保持率,%,84,85%,文,2024-03-15",
    "生态质量指数(EQI),,稳中向好,稳中向好,文,2024-03-15",
    "氮氧化物重点工程减排量,吨,1800,2061.6,文,2024年3月15日",
    "",
]

#: source key -> name and text
LEDGER_EXPORTS = {
    "outlet-daily": (
        "CPDW001_2026-09.csv",
        "示例水厂日报\r\n排口编号,监测日期,COD日均值(mg/L),COD日排放量(kg),pH,日排水量(m3),标记\r\n"
        + "".join(f"CPDW001,2026-09-{day:02d},18.{day},停运,7.1,17436,N\r\n" for day in _DAYS)
        + "平均值,,18.5,--,7.1,,\r\n",
    ),
    "reduction-ledger": (
        "重点工程减排台账.csv",
        "项目编号,年度,污染物,单位,上报减排量,核定减排量,核定状态\r\n"
        + "".join(
            f'P-{pollutant},{year},{pollutant},吨,"1,0{year % 100}.5",98.25,已核定\r\n'
            for year in _YEARS
            for pollutant in ("NOx", "COD")
        )
        + "合计,,,,100,200,\r\n",
    ),
    "statistics-return": (
        "统计报表.csv",
        "\r\n".join(_RETURN),
    ),
    "permit-limits": (
        "排污许可限值.csv",
        "排口编号,污染物,限值,单位,限值类型,基准氧含量(%),有效期起,有效期止\r\n"
        + "".join(
            f"CPDA00{outlet},{factor},5{outlet},mg/m3,小时均值,6,2021-01-01,长期\r\n"
            for outlet in range(1, 4)
            for factor in ("颗粒物", "二氧化硫")
        )
        + "CPDW001,pH,6~9,无量纲,瞬时值,,2021/1/1,\r\n",
    ),
    "dust-events": (
        "沙尘时段_2026-03.csv",
        "城市,事件类型,开始时间,结束时间,文号\r\n"
        + "".join(
            f"茌平区,沙尘,2026-03-{day:02d} 14:00,2026-03-{day + 1:02d} 6时,文\r\n" for day in range(1, 13)
        ),
    ),
    "target-documents": (
        "目标下达.csv",
        "\r\n".join(_TARGETS),
    ),
}
