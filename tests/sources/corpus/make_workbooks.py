"""Write the workbooks and archives of the corpus: `python tests/sources/corpus/make_workbooks.py`."""

import gzip
import io
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_workbooks import xls, xlsx

CORPUS = Path(__file__).parent


def packed(text: str) -> bytes:
    """Return a gzip file that is the same whenever it is made."""
    return gzip.compress(text.encode(), mtime=0)


def archive(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip file that is the same whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, body in parts.items():
            made.writestr(zipfile.ZipInfo(name, (2026, 10, 1, 8, 0, 0)), body)
    return out.getvalue()


_SO2 = "date,hour,type,9001A,9002A\n{day},1,SO2,{values}\n"

_MANUAL = [
    "断面名称",
    "采样日期",
    "pH",
    "溶解氧",
    "五日生化需氧量",
    "总磷(以P计)",
    "粪大肠杆菌群",
    "铬（六价）",
    "砷(μg/L)",
    "备注",
]

WORKBOOKS: dict[str, Callable[[], bytes]] = {
    "air-city-daily/from-a-spreadsheet.xlsx": lambda: xlsx(
        {
            "说明": [["本表由示例平台导出"]],
            "日报": [
                ["示例市空气质量日报"],
                ["日期", "城市", "AQI", "PM2.5", "PM10"],
                [datetime(2025, 1, 3), "示例市", 61, 35.5],
                [],
                [datetime(2025, 1, 4), "示例市", "—", 0.1],
            ],
        },
        {"日报": ["A1:D1"]},
    ),
    "air-station-long/six-items.xlsx": lambda: xlsx(
        {
            "小时值": [
                [
                    "点位",
                    "时间",
                    "PM2.5(μg/m³)",
                    "PM10(μg/m³)",
                    "SO2(μg/m³)",
                    "NO2(μg/m³)",
                    "CO(mg/m³)",
                    "O3(μg/m³)",
                ],
                ["东园", datetime(2025, 3, 10, 8), 35, 51, 9, 40, 0.9, 102],
                ["东园", "2025-03-10 00:00", 36, 52, 9, 41, None, 100],
                ["东园", 45726.375, 37, 53, 9, 42, 1, 98],
            ]
        }
    ),
    "air-dustfall/year-and-month.xls": lambda: xls(
        {
            "降尘": [
                ["2025年降尘监测结果", None, None, None],
                ["采样点", "年", "月", "降尘量(吨/平方公里·30天)"],
                ["东园", 2025, 11, 5.1],
                ["东园", 2025, 12, 4.85],
                ["西园", 2025, 12, "样品丢失"],
            ]
        }
    ),
    "outlet-hourly/three-row-header.xlsx": lambda: xlsx(
        {
            "封面": [["示例热电"]],
            "9月": [
                ["示例热电1号炉小时数据"],
                ["排口编号", "监测时间", "颗粒物", None, "氮氧化物", "标记"],
                [None, None, "实测浓度", "折算浓度", "排放量", None],
                [None, None, "mg/m3", "mg/m3", "kg", None],
                ["CPDA901", datetime(2026, 9, 22, 18), 4.5, 4.9, 5.5, "N"],
                [],
                ["CPDA901", datetime(2026, 9, 22, 19), 4.25, None, 5.75, "D"],
            ],
        },
        {"9月": ["A1:F1", "A2:A4", "B2:B4", "C2:D2", "F2:F4"]},
    ),
    "outlet-hourly/legacy.xls": lambda: xls(
        {
            "废气": [
                ["排口编号", "监测时间", "二氧化硫折算浓度(mg/m3)"],
                ["G901", "2026-09-22 18~19", 17],
                ["G901", "2026-09-22", 18],
            ],
            "废水": [
                ["排口编号", "监测时间", "氨氮(mg/L)", "流量(m3)"],
                ["W901", "2026-09-22 18~19", 0.62, 726.5],
            ],
        }
    ),
    "outlet-daily/merged.xlsx": lambda: xlsx(
        {
            "日报": [
                ["排口编号", "日期", "氮氧化物折算日均值(mg/m3)", "氮氧化物日排放量(t)", "日累计流量(万m3)"],
                ["CPDA901", datetime(2026, 9, 1), 32.5, 0.125, 438],
                [None, datetime(2026, 9, 2), 33, 0.126, 439],
            ]
        },
        {"日报": ["A2:A3"]},
    ),
    "water-monthly/merged-header.xlsx": lambda: xlsx(
        {
            "地表水": [
                ["示例区2026年3月地表水水质监测结果"],
                ["河流名称", "断面名称", "年", "月", "日", "监测项目", None, None, None, "实测类别"],
                [
                    *[None] * 5,
                    "pH",
                    "高锰酸盐指数\n（mg/L）",
                    "氨氮 NH3-N(mg/L)",
                    "粪大肠菌群（个/L） ",
                    None,
                ],
                ["东河", "东桥", 2026, 3, 5, 8.1, 4.2, "0.025L", ">24000", "Ⅲ"],
                ["东河", "西桥", 2026, 3, 5, "断流", "断流", "断流", None, None],
                ["西河", "南桥", 2026, 3, 6, -1, "<0.5", "未检出", "/", "三类"],
                ["平均值", None, None, None, None, 8.1, 3.1, 0.03, None, None],
                ["Ⅲ类标准", None, None, None, None, "6~9", 6, 1, 10000, None],
                ["备注：西桥断流", *[None] * 9],
            ]
        },
        {"地表水": ["A1:J1", "A2:A3", "B2:B3", "C2:C3", "D2:D3", "E2:E3", "F2:I2", "J2:J3"]},
    ),
    "water-monthly/unit-above.xls": lambda: xls(
        {
            "3月": [
                ["2026年3月手工监测月报"],
                ["单位：mg/L（pH无量纲、粪大肠菌群：个/L）"],
                _MANUAL,
                ["东桥", "2026年3月5日 9时30分", 8.1, 7.5, "2L", 0.15, 2400, "ND", 1.2, None],
                ["西桥", "3月6日", 7.9, None, None, None, None, None, None, "结冰"],
                ["南桥", None, None, None, None, None, None, None, None, "断流"],
                _MANUAL,
                ["制表人：某某", None, None, None, None, None, None, None, None, None],
            ]
        }
    ),
    "groundwater-points/limits-in-rows.xlsx": lambda: xlsx(
        {
            "地下水": [
                ["监测井", "采样日期", "氨氮", "氟化物", "六价铬", "总硬度"],
                [None, None, "mg/L", "mg/L", "mg/L", "mg/L"],
                ["检出限", None, 0.02, 0.05, 0.003, 5],
                ["Ⅲ类标准", None, 0.5, 1, 0.05, 450],
                ["东村井", datetime(2026, 5, 12), "未检出", "0.05L", 0.01, 300],
                ["西村井", 46155, 0.3, "ND", "未检出", "未检出"],
            ]
        }
    ),
    "black-odorous-register/grades-of-a-quarter.xls": lambda: xls(
        {
            "清单": [
                ["示例区农村黑臭水体清单（2026年第三季度）"],
                ["序号", "水体名称", "类型", "黑臭程度"],
                [1, "北塘", "农村", "轻度黑臭"],
                [2, "中塘", "城市", "无黑臭"],
                [3, None, "农村", "重度"],
                ["合计", None, None, 2],
            ]
        }
    ),
    "reduction-ledger/told-by-the-line.xlsx": lambda: xlsx(
        {
            "台账": [
                ["项目名称", "污染物", "口径", "减排量", "单位", "年度"],
                ["某炉", "NOx", "核定", 12.5, "吨", 2024],
                ["某炉", "SO2", "核定", 3, "吨", 2024],
                ["某厂", "COD", "估算", 4, "吨", 2024],
                ["某厂", "氨氮", "上报", 0.5, "kg", 2024],
                ["某厂", "COD", "替代", 1, None, 2024],
                ["某厂", "COD", "核定", "5千克", "吨", 2024],
                [None, "COD", "核定", 6, "吨", 2024],
            ]
        }
    ),
    "statistics-return/a-column-a-year.xlsx": lambda: xlsx(
        {
            "指标": [
                ["指标名称", "县区", "单位", "2023年完成值", "2024年第二季度"],
                ["森林覆盖率", "茌平区", "%", 12.5, 12.75],
                ["秸秆综合利用率", "聊城高新区", "%", 95, None],
                ["农村生活污水治理率", "高新区", "%", 0.55, 0.6],
                ["农药使用量", "高新区", None, 0.8, "900千克"],
            ]
        }
    ),
    "target-documents/superseded.xls": lambda: xls(
        {
            "调整": [
                ["指标名称", "单位", "县区", "2024年目标值", "2025年目标值", "文号", "发文日期"],
                ["优良天数比率", "%", "高新区", "-", 66, "示例〔2023〕9号", "2023-05-08"],
                ["优良天数比率", "%", "高新区", 67, 68.5, "示例〔2024〕2号", "2024/3/1"],
            ]
        }
    ),
    "permit-limits/a-column-a-basis.xlsx": lambda: xlsx(
        {
            "限值": [
                ["企业名称", "排放口名称", "因子", "小时限值(mg/m3)", "日均限值(mg/m3)", "生效日期"],
                ["示例热电", "1号炉", "SO2", 35, "—", datetime(2024, 1, 1)],
                ["示例热电", None, "SO2", 36, 30, datetime(2024, 1, 1)],
            ]
        }
    ),
    "dust-events/kinds.xlsx": lambda: xlsx(
        {
            "事件": [
                ["地区", "类型", "开始时间", "结束时间", "状态"],
                ["茌平区", "例外事件", datetime(2026, 4, 12, 8), datetime(2026, 4, 13), "已撤销"],
                ["茌平区", "扬沙", datetime(2026, 4, 14), datetime(2026, 4, 14, 9), None],
                ["茌平区", "烟花", datetime(2026, 4, 15, 1), datetime(2026, 4, 15, 9), None],
                ["茌平区", "扬沙", datetime(2026, 4, 16, 1), "—", None],
            ]
        }
    ),
}

PACKED: dict[str, Callable[[], bytes]] = {
    "air-quotsoft/packed.csv.gz": lambda: packed(_SO2.format(day="20250310", values="9,11")),
    "air-quotsoft/packed-cut.csv.gz": lambda: packed(_SO2.format(day="20250310", values="9,11"))[:-4],
    "air-quotsoft/two-days.zip": lambda: archive(
        {
            "china_sites_20250310.csv": _SO2.format(day="20250310", values="9,").encode(),
            "__MACOSX/._china_sites_20250310.csv": b"\x00\x05\x16\x07",
            "china_sites_20250311.csv": b"date,hour,type,9001A\n20250311,1,SO2,12\n",
        }
    ),
    "outlet-hourly/half-a-workbook.xlsx": lambda: archive(
        {
            "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "xl/workbook.xml": b"<workbook><sheets><sheet name='1'",
        }
    ),
    "air-quotsoft/leads-out.zip": lambda: archive({"../china_sites_20250310.csv": b"date,hour,type,9001A\n"}),
}


def main() -> None:
    """Write every file."""
    for name, make in (WORKBOOKS | PACKED).items():
        (CORPUS / name).write_bytes(make())


if __name__ == "__main__":
    main()
