import datetime as dt

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xlsx

from sources.catalogue import head_of, read_delivery
from sources.dust_events import partition, recognise
from sources.result import ReadResult

HEAD = "城市,事件类型,开始时间,结束时间,扣除因子,文号"


def read(content: bytes, name: str = "沙尘时段_2026-03.xlsx") -> ReadResult:
    return read_delivery(content, delivery("dust-events", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"), "沙尘.csv")


def test_an_event_begins_and_lasts():
    result = text(HEAD, '聊城市,沙尘,2026-03-22 14:00,2026-03-23 10:00,"PM10,PM2.5",示例函〔2026〕1号')
    reading = one(result.readings, parameter="event_sand_dust")
    assert reading[["site", "period", "value", "raw", "column", "row"]].tolist() == [
        "聊城市",
        "event",
        20.0,
        "2026-03-23 10:00",
        "结束时间",
        2,
    ]
    assert reading["observed_at"] == pd.Timestamp("2026-03-22 14:00")
    assert reading["provider_flag"] == "文件=示例函〔2026〕1号;因子=PM10,PM2.5"


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2026年3月22日14时", "2026年3月22日15时", 1),
        ("2026/3/22 1:00", "2026/3/22 24:00", 23),
        ("2026-03-22 14:00:00", "2026-03-24 14:00:00", 48),
        ("２０２６-03-22 14点", "2026-02-28 14点", None),
        ("2026-03-22 14:00", "2026-03-22 14:00", None),
    ],
)
def test_hours(begin, end, hours):
    result = text(HEAD, f"茌平区,扬沙,{begin},{end},,")
    if hours is None:
        assert codes(result) == {"event-backwards": 1}
    else:
        assert result.readings[["site", "value"]].values.tolist() == [["chiping", float(hours)]]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("茌平区,沙尘,2026-03-22,2026-03-23 10:00,,", "time-invalid"),
        ("茌平区,沙尘,2026-03-22 14:00,2026-03-23,,", "time-invalid"),
        ("茌平区,沙尘,3月22日14时,2026-03-23 10时,,", "time-invalid"),
        ("茌平区,沙尘,2026-03-22 14:30,2026-03-23 10:00,,", "time-invalid"),
        ("茌平区,沙尘,2026-03-22 14:00,持续,,", "time-invalid"),
        ("茌平区,沙尘,,2026-03-23 10:00,,", "time-missing"),
        ("茌平区,雾,2026-03-22 14:00,2026-03-23 10:00,,", "unknown-parameter"),
        ("茌平区、高新区,沙尘,2026-03-22 14:00,2026-03-23 10:00,,", "area-several"),
    ],
)
def test_what_is_not_guessed(line, code):
    result = text(HEAD, line)
    assert (codes(result), result.cells_in, result.blank) == ({code: 1}, 1, 0)


def test_an_event_without_its_end_is_blank():
    result = text(HEAD, "茌平区,沙尘,2026-03-22 14:00,,,")
    assert (result.cells_in, result.blank) == (1, 1)


def test_a_workbook_whose_title_tells_kind_and_whose_delivery_tells_area():
    rows = [
        ["2026年3月例外事件影响时段"],
        ["序号", "开始时间", "结束时间", "状态"],
        [1, dt.datetime(2026, 3, 1, 0), dt.datetime(2026, 3, 1, 6), "撤销"],
    ]
    content = xlsx({"时段": rows}, {"时段": ["A1:D1"]})
    reading = one(read(content).readings, parameter="event_exceptional")
    assert reading[["site", "value", "provider_flag", "sheet"]].tolist() == [
        "chiping",
        6.0,
        "状态=撤销",
        "时段",
    ]
    assert recognise(head_of(content), "沙尘.xlsx") == 1.0


def test_without_a_kind_anywhere_nothing_is_assumed():
    assert codes(text("开始时间,结束时间", "2026-03-22 14:00,2026-03-23 10:00")) == {"unknown-parameter": 1}


def test_names():
    assert partition("沙尘时段_2026-03.xlsx") == "2026-03"
    assert recognise(HEAD, "x.csv") == 0.9
    assert recognise("排口编号,开始时间,pH", "x.csv") == 0.0
