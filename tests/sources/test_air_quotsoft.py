from datetime import datetime

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from sources.air_quotsoft import partition, read, recognise
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

NAME = "china_sites_20250310.csv"


def reading(text: str | bytes, name: str = NAME) -> ReadResult:
    content = text.encode() if isinstance(text, str) else text
    return read(content, delivery("air-quotsoft", name, content))


def test_hour_is_the_end_of_the_interval_and_zero_belongs_to_the_day_before():
    result = reading("date,hour,type,1625A\n20250310,0,PM2.5,40\n20250310,23,PM2.5,41\n")
    assert result.readings["observed_at"].tolist() == [
        pd.Timestamp("2025-03-09 23:00"),
        pd.Timestamp("2025-03-10 22:00"),
    ]


@pytest.mark.parametrize(
    ("kind", "parameter", "period"),
    [
        ("AQI", "aqi", "1h"),
        ("PM2.5_24h", "pm2_5", "24h"),
        ("O3", "o3", "1h"),
        ("O3_24h", "o3", "24h"),
        ("O3_8h", "o3", "8h"),
        ("O3_8h_24h", "o3_8h", "24h"),
        ("CO", "co", "1h"),
    ],
)
def test_types(kind, parameter, period):
    row = reading(f"date,hour,type,1625A\n20250310,8,{kind},1.2\n").readings.iloc[0]
    assert (row.parameter, row.period, row.value, row.raw) == (parameter, period, 1.2, "1.2")


def test_every_part_of_a_reading():
    row = reading("date,hour,type,1001A,1625A\r\n20250310,9,CO,,0.70\r\n").readings.iloc[0]
    assert row.to_dict() | {"detection_limit": None} == {
        "district": "chiping",
        "site": "1625A",
        "parameter": "co",
        "period": "1h",
        "observed_at": pd.Timestamp("2025-03-10 08:00"),
        "value": 0.7,
        "raw": "0.70",
        "censor": "",
        "detection_limit": None,
        "provider_flag": "",
        "channel": "automatic",
        "sheet": "",
        "row": 2,
        "column": "1625A",
    }


def test_missing_marks_are_blank_and_unknown_text_is_rejected():
    result = reading(
        "date,hour,type,A,B,C,D,E\n20250310,1,NO2,,--,维护,1e2,12\n20250310,1,SO2,—,NaN,*,0x1,-9999\n"
    )
    assert (result.cells_in, result.blank) == (10, 5)
    assert codes(result) == {"not-a-number": 3}
    # a negative value is a number; whether it can be is judged in quality
    assert sorted(result.readings["value"]) == [-9999.0, 12.0]


def test_repeated_station_keeps_the_first_column():
    result = reading("date,hour,type,3207A,1625A,3207A\n20250310,1,AQI,54,60,54\n20250310,1,CO,,1,\n")
    assert codes(result) == {"column-repeated": 1}
    assert result.blank == 2
    assert one(result.readings, site="3207A")["value"] == 54
    assert [problem.code for problem in result.problems] == ["column-repeated"]


def test_cut_last_line_loses_only_its_last_cell():
    result = reading("date,hour,type,A,B,C\n20250310,1,NO2,1,2,3\n20250310,1,SO2,4,5")
    assert codes(result) == {"line-truncated": 1}
    assert result.rejects.iloc[0].to_dict()["raw"] == "5"
    assert (result.cells_in, len(result.readings)) == (5, 4)
    assert [(problem.code, problem.row) for problem in result.problems] == [("file-truncated", 3)]


def test_a_last_line_cut_within_its_labels_has_no_cells():
    result = reading("date,hour,type,A\n20250310,1,NO2,1\n20250310,1")
    assert (result.cells_in, len(result.readings)) == (1, 1)
    assert [(problem.code, problem.row) for problem in result.problems] == [("file-truncated", 3)]


def test_lines_of_the_wrong_width_cannot_be_placed():
    result = reading("date,hour,type,A,B\n20250310,1,NO2,12,5,7\n20250310,1,SO2,4\n20250310,1,CO,1,2,\n")
    assert codes(result) == {"line-too-long": 3, "line-too-short": 1}
    # a trailing comma only adds a blank
    assert (len(result.readings), result.blank) == (2, 1)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("20251399,1,NO2,5", "time-invalid"),
        ("20250310,24,NO2,5", "time-invalid"),
        ("20250310,-1,NO2,5", "time-invalid"),
        ("20250310,,NO2,5", "time-missing"),
        (",1,NO2,5", "time-missing"),
        ("20250310,1,NOX,5", "unknown-parameter"),
        ("20250310,1,,5", "unknown-parameter"),
    ],
)
def test_lines_that_cannot_be_placed(line, code):
    assert codes(reading(f"date,hour,type,A\n{line}\n")) == {code: 1}


def test_station_without_a_code():
    assert codes(reading("date,hour,type,A,\n20250310,1,CO,1,2\n")) == {"key-incomplete": 1}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"date,hour,type,A\n2022-01-01,1,CO,1\n", "utf-8"),
        ("\ufeffdate,hour,type,A\r\n20220101,1,CO,1\r\n".encode(), "utf-8-sig"),
        ("date,hour,type,茌平区\n2022/01/01,1,CO,1".encode("gb18030"), "gb18030"),
        ("date,hour,type,A\n20220101,1,CO,1\n".encode("utf-16"), "utf-16"),
        (b"date,hour,type,A\r20220101,1,CO,1\r", "utf-8"),
        (b'"date","hour","type","A"\n"20220101","1","CO","1"\n', "utf-8"),
    ],
)
def test_spellings_of_the_same_file(content, encoding):
    result = reading(content)
    assert result.encoding == encoding
    assert result.readings["observed_at"].tolist() == [pd.Timestamp("2022-01-01 00:00")]
    assert result.readings["raw"].tolist() == ["1"]


def test_rows_are_physical_lines_also_after_blank_lines():
    result = reading("date,hour,type,A\n\n20250310,1,CO,1\n\n20250310,1,SO2,2\n\n")
    assert result.readings["row"].tolist() == [3, 5]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b" \r\n \n", "file-empty"),
        (b"\xef\xbb\xbf", "file-empty"),
        (b"PK\x03\x04\x00\x00\xff\xff", "file-unreadable"),
        (b"\xff\xff\xff not text \x81", "file-unreadable"),
        (b"<html><body>404</body></html>", "layout-unknown"),
        (b"date,hour,type,A\n", "no-cells"),
        (b"date,hour,type\n20250310,1,CO\n", "no-cells"),
    ],
)
def test_deliveries_refused_as_a_whole(content, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        reading(content)
    assert refused.value.code == code
    assert refused.value.zh
    assert refused.value.en


@pytest.mark.parametrize(
    ("name", "issued", "stated", "part"),
    [
        ("china_sites_20250310.csv", datetime(2025, 3, 11), True, "2025-03-10"),
        ("2025-03/china_sites_2025-03-10.csv", datetime(2025, 3, 11), True, "2025-03-10"),
        ("china_sites_20250310_issued20250401.csv", datetime(2025, 4, 2), True, "2025-03-10"),
        ("china_sites_20250310_更正20250401.csv", datetime(2025, 4, 2), True, "2025-03-10"),
        ("china_sites_20250310_issued20250401T0930.csv", datetime(2025, 4, 1, 9, 30), True, "2025-03-10"),
        ("china_sites_20251231.csv", datetime(2026, 1, 1), True, "2025-12-31"),
        ("export.csv", datetime(2026, 5, 1, 9), False, None),
        ("china_sites_20251399.csv", datetime(2026, 5, 1, 9), False, None),
        ("china_sites_1234567890123.csv", datetime(2026, 5, 1, 9), False, None),
    ],
)
def test_when_a_delivery_was_issued(name, issued, stated, part):
    result = reading("date,hour,type,A\n20250310,1,CO,1\n", name)
    assert (result.issued_at, result.issued_stated) == (issued, stated)
    assert partition(name) == part


def test_recognise():
    assert recognise("\ufeffdate,hour,type,1001A\r\n", NAME) == 1.0
    assert recognise("date,hour,type,1001A", "x.csv") == 0.9
    assert recognise("省份,流域,断面名称", NAME) == 0.0
