"""The same ledger says the same in every form, encoding and order of lines."""

import csv
import html
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_deliveries import delivery
from made_ledgers import LEDGER_EXPORTS
from made_workbooks import xls, xlsx

from sources.catalogue import read_delivery
from sources.result import ReadResult

_SAID = ["site", "parameter", "period", "observed_at", "value", "raw", "provider_flag"]


def read(source: str, content: bytes) -> ReadResult:
    return read_delivery(content, delivery(source, LEDGER_EXPORTS[source][0], content))


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def said(result: ReadResult) -> pd.DataFrame:
    return result.readings[_SAID].sort_values(_SAID, ignore_index=True)


def page(table: list[list[str]]) -> bytes:
    lines = ["".join(f"<td>{html.escape(field)}</td>" for field in row) for row in table]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>".encode("gb18030")


@pytest.mark.parametrize("source", LEDGER_EXPORTS)
def test_text_workbooks_and_pages_say_the_same(source):
    text = LEDGER_EXPORTS[source][1]
    plain = read(source, text.encode("utf-16"))
    table = rows(text)
    for other in (xlsx({"表": table}), xls({"表": table}), page(table)):
        result = read(source, other)
        pd.testing.assert_frame_equal(said(result), said(plain))
        assert result.rejects["code"].tolist() == plain.rejects["code"].tolist()


@pytest.mark.parametrize("source", LEDGER_EXPORTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_lines_changes_nothing(source, data):
    head, *lines = [line for line in LEDGER_EXPORTS[source][1].split("\r\n") if line]
    title = [head] if "," not in head else []
    head, lines = (lines[0], lines[1:]) if title else (head, lines)
    shuffled = data.draw(st.permutations(lines))
    result = read(source, "\r\n".join([*title, head, *shuffled, ""]).encode())
    plain = read(source, LEDGER_EXPORTS[source][1].encode())
    pd.testing.assert_frame_equal(said(result), said(plain))
    assert sorted(result.rejects["code"]) == sorted(plain.rejects["code"])
    assert (result.cells_in, result.blank) == (plain.cells_in, plain.blank)


@given(
    claimed=st.decimals(0, 10**6, places=2),
    recognised=st.decimals(0, 10**6, places=2),
)
def test_claimed_is_never_recognised(claimed, recognised):
    text = f"项目编号,年度,NOx上报减排量(t),NOx核定减排量(kg)\nP,2023,{claimed},{recognised}\n"
    result = read("reduction-ledger", text.encode())
    values = dict(zip(result.readings["parameter"], result.readings["value"], strict=True))
    assert values == {
        "reduction_nox_claimed": float(claimed),
        "reduction_nox_recognised": float(recognised / 1000),
    }
