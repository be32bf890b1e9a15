"""Small hand-filled water tables as workbooks, pages and CSV, and short forms of what comes of them."""

import html
from collections.abc import Sequence

import pandas as pd
from made_deliveries import delivery

from sources.catalogue import read_delivery
from sources.result import ReadResult

Row = Sequence[object]


def csv(rows: Sequence[Row], encoding: str = "utf-8") -> bytes:
    """Return rows as CSV; a field with a comma or a break is quoted."""

    def field(value: object) -> str:
        text = "" if value is None else str(value)
        return f'"{text}"' if "," in text or "\n" in text else text

    return "".join(",".join(map(field, row)) + "\r\n" for row in rows).encode(encoding)


def page(rows: Sequence[Row], encoding: str = "gb18030") -> bytes:
    """Return rows as a page that a platform saves as .xls; a field may be (text, across, down)."""

    def cell(value: object) -> str:
        text, across, down = value if isinstance(value, tuple) else (value, 1, 1)
        spans = (f" colspan={across}" if across > 1 else "") + (f" rowspan={down}" if down > 1 else "")
        return f"<td{spans}>{html.escape('' if text is None else str(text))}</td>"

    lines = "".join(f"<tr>{''.join(map(cell, row))}</tr>\n" for row in rows)
    return (
        f"<html><head><title>导出</title></head><body><table border=1>\n{lines}</table></body></html>".encode(
            encoding
        )
    )


def read(source: str, content: bytes, name: str = "报表.xlsx") -> ReadResult:
    return read_delivery(content, delivery(source, name, content))


def said(result: ReadResult, *more: str) -> list[tuple[object, ...]]:
    """Return site, parameter, month-day (or `YYYY-MM` of a month), value and censor of every reading."""
    frame = result.readings
    days = (
        frame["observed_at"]
        .dt.strftime("%Y-%m-%d")
        .where(frame["period"] == "sample", frame["observed_at"].dt.strftime("%Y-%m"))
    )
    columns = [frame["site"], frame["parameter"], days, frame["value"], frame["censor"]]
    return list(
        zip(*(column.tolist() for column in [*columns, *(frame[name] for name in more)]), strict=True)
    )


def turned_away(result: ReadResult) -> list[tuple[object, ...]]:
    """Return parameter, raw text and code of every rejected cell."""
    return list(result.rejects[["parameter", "raw", "code"]].itertuples(index=False, name=None))


def remarks(result: ReadResult) -> list[str]:
    return [problem.code for problem in result.problems]


def values(result: ReadResult, parameter: str) -> pd.DataFrame:
    chosen = result.readings[result.readings["parameter"] == parameter]
    return chosen[["value", "censor", "detection_limit"]].reset_index(drop=True)


def _lines(*rows: Row) -> str:
    return csv(rows).decode()


#: one sound export a layout, name and text, as the damage tests want it
WATER_EXPORTS = {
    "water-monthly": (
        "月报/2026年3月.csv",
        _lines(
            ["茌平区2026年3月地表水水质监测月报"],
            ["断面名称", "采样日期", "pH", "氨氮(mg/L)", "溶解氧(mg/L)", "实测类别", "备注"],
            *[[f"断面{place}", f"2026-03-{place:02d}", 8.1, "0.025L", 9, "Ⅱ", ""] for place in range(1, 6)],
            ["断面6", "2026-03-06", "断流", "", "", "", ""],
            ["平均值", "", 8.1, 0.0125, 9, "", ""],
        ),
    ),
    "groundwater-points": (
        "地下水_2026-05.csv",
        _lines(
            ["监测井名称", "采样日期", "pH", "总硬度(mg/L)", "耗氧量(mg/L)", "水质类别"],
            *[[f"井{place}", f"2026-05-{place:02d}", 7.6, 412, "<0.5", "Ⅲ"] for place in range(1, 6)],
        ),
    ),
    "black-odorous-register": (
        "黑臭水体清单_2026-09.csv",
        _lines(
            ["黑臭水体清单（截至2026年9月30日）"],
            ["水体名称", "治理状态", "监测日期", "透明度(cm)", "氨氮(mg/L)"],
            *[[f"{place}号沟", "已消除", "2026-08-12", 32, 2.4] for place in range(1, 6)],
        ),
    ),
}
