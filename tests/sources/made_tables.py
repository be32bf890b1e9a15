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
