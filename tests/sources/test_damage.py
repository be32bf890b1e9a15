"""Whatever happens to an export on its way, a reader ends with an exact balance or one stated refusal."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_air_exports import AIR_EXPORTS
from made_deliveries import delivery
from made_ledgers import LEDGER_EXPORTS
from made_tables import WATER_EXPORTS

from sources.catalogue import LAYOUTS, read_delivery, recognised
from sources.cells import delimited
from sources.delivery import delivery_name
from sources.hj212_crc import hj212_crc
from vocabulary.reasons import DeliveryRefusedError, reasons

_GAS = "企业名称,排口名称,排口编号,监测时间,颗粒物浓度(mg/m3),标干流量(m3/h),含氧量(%),标记\r\n"
_SECTION = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),总磷(mg/L),站点情况\n"
_SPAN = "<span title='原始值：20.27'>20.3</span>"

_HOUR = "QN=20260922{hour:02d}0500000;ST=32;CN=2061;PW=123456;MN=CPDW001;Flag=4;CP=&&DataTime=20260922{hour:02d}0000;w01018-Avg=27.{hour},w01018-Cou=1.5,w01018-Flag=N;w00000-Avg=-&&"


def _framed(segment: str) -> str:
    return f"##{len(segment):04d}{segment}{hj212_crc(segment.encode())}\r\n"


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


@st.composite
def damaged(draw: st.DrawFn, source: str) -> bytes:
    name, text = EXPORTS[source]
    del name
    content = text.encode(draw(st.sampled_from(["utf-8", "gb18030", "utf-8-sig", "utf-16"])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(["cut", "drop", "flip", "insert", "repeat", "swap"]))
        span = draw(st.integers(1, 60))
        if kind == "cut":
            content = content[:at]
        elif kind == "drop":
            content = content[:at] + content[at + span :]
        elif kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
        elif kind == "insert":
            piece = draw(
                st.sampled_from(
                    [b",", b"\n", b"\r", b'"', b"\x00", b"\xff", b",,,,", b"1e999", "。".encode()]
                )
            )
            content = content[:at] + piece + content[at:]
        elif kind == "repeat":
            content = content[:at] + content[at : at + span] * 2 + content[at + span :]
        elif kind == "swap":
            other = draw(st.integers(0, len(content)))
            low, high = sorted((at, other))
            content = content[:low] + content[high : high + span] + content[low:high] + content[high + span :]
    return content


def outcome(source: str, content: bytes, name: str):
    try:
        # ReadResult proves its balance and its contract when it is made
        return read_delivery(content, delivery(source, name, content)), ""
    except DeliveryRefusedError as refused:
        return None, refused.code


@pytest.mark.parametrize("source", LAYOUTS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_exports_end_in_balance_or_in_a_stated_refusal(source, data):
    content = data.draw(damaged(source))
    name = EXPORTS[source][0]
    result, code = outcome(source, content, name)
    if result is None:
        assert reasons()[code].severity == "refuse"
        return
    assert result.cells_in > 0
    assert result.readings["value"].notna().all()
    assert result.readings["observed_at"].notna().all()
    assert (result.readings["site"] != "").all()


@pytest.mark.parametrize("source", LAYOUTS)
def test_the_undamaged_exports_read(source):
    name, text = EXPORTS[source]
    result = read_delivery(text.encode(), delivery(source, name, text.encode()))
    assert len(result.readings) > 10
    sure = recognised(text.encode("gb18030"), name)
    assert next(iter(sure)) == source
    assert sure[source] > 0.3
    assert all(value < 0.3 for other, value in sure.items() if other != source)


@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(exclude_characters='",\r\n', exclude_categories=["Cs"]), max_size=4),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_fields_come_back_as_they_were(rows):
    cells = delimited("\r\n".join(",".join(row) for row in rows))
    solid = [row for row in rows if row != [""]]
    assert [cells.record(line) for line in range(cells.records)] == solid
    assert cells.number.tolist() == [line + 1 for line, row in enumerate(rows) if row != [""]]


@given(st.text(max_size=80))
def test_names_lead_nowhere(path):
    parts = delivery_name(path).split("/")
    assert len(parts) <= 6
    assert not {"..", "."} & set(parts)
    assert "\x00" not in delivery_name(path)
