"""One small sound export of most layouts, for the tests that damage them."""

import json

from made_air_exports import AIR_EXPORTS
from made_ledgers import LEDGER_EXPORTS
from made_tables import WATER_EXPORTS

from sources.hj212_crc import hj212_crc

_GAS = "企业名称,排口名称,排口编号,监测时间,颗粒物浓度(mg/m3),标干流量(m3/h),含氧量(%),标记\r\n"
_SECTION = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),总磷(mg/L),站点情况\n"
_SPAN = "<span title='原始值：20.27'>20.3</span>"

_HOUR = "QN=20260922{hour:02d}0500000;ST=32;CN=2061;PW=123456;MN=CPDW001;Flag=4;CP=&&DataTime=20260922{hour:02d}0000;w01018-Avg=27.{hour},w01018-Cou=1.5,w01018-Flag=N;w00000-Avg=-&&"


def _framed(segment: str) -> str:
    return f"##{len(segment):04d}{segment}{hj212_crc(segment.encode())}\r\n"


#: source key -> name and text
EXPORTS = (
    AIR_EXPORTS
    | LEDGER_EXPORTS
    | WATER_EXPORTS
    | {
        "hj212": (
            "hj212_20260922T0000.log",
            "".join(
                f"[2026-09-22 {hour:02d}:05:00]\r\n{_framed(_HOUR.format(hour=hour))}" for hour in range(8)
            ),
        ),
        "air-quotsoft": (
            "china_sites_20250310.csv",
            "date,hour,type,1625A,1626A,3207A,3207A\r\n"
            + "".join(
                f"20250310,{hour},{kind},{hour},,1.5,1.5\r\n" for hour in range(6) for kind in ("AQI", "CO")
            ),
        ),
        "water-cnemc-section": (
            "山东省/海河流域/前油坊/2021-04/前油坊.csv",
            _SECTION
            + "".join(f"山东省,海河流域,前油坊,04-0{day} 08:00,Ⅲ,12.9,8.4,*,正常\n" for day in range(1, 9)),
        ),
        "water-cnemc-api": (
            "2021-04-05.json",
            json.dumps(
                {
                    "result": 1,
                    "total": 1,
                    "thead": [
                        "省份",
                        "断面名称",
                        "监测时间",
                        "水质类别",
                        "水温<br/><span>(℃)</span>",
                        "站点情况",
                    ],
                    "tbody": [
                        ["山东省", f"断面{item}", "04-05 08:00", "Ⅳ", _SPAN, "正常"] for item in range(6)
                    ],
                },
                ensure_ascii=False,
            ),
        ),
        "outlet-hourly": (
            "CPDA001_2026-09.csv",
            "小时数据\r\n"
            + _GAS
            + "".join(
                f"电厂,1号,CPDA001,2026-09-22 {hour:02d}~{hour + 1},4.5,停运,8.7,N\r\n" for hour in range(8)
            )
            + "平均值,,,,4.5,--,8.7,\r\n",
        ),
    }
)
