"""The data dictionary describes every table and column of the schema and of the views, in both languages, and nothing else."""

from __future__ import annotations

import pytest

from warehouse.dictionary import (
    DictionaryError,
    described_table,
    described_view,
    table_words,
    tables,
    unused_words,
)
from warehouse.views import views


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_every_table_and_column_is_described_in_both_languages(table) -> None:
    zh, en = table_words(table.name)
    said = [(zh, en), *[(column.zh, column.en) for column in described_table(table)]]
    for chinese, english in said:
        assert chinese.strip()
        assert english.strip()
        assert english.isascii() or "_" in english
    assert any("\u4e00" <= sign <= "\u9fff" for sign in zh)
    assert [column.name for column in described_table(table)] == [column.name for column in table.columns]


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_every_column_of_a_view_is_described(view) -> None:
    assert [column.name for column in view.described()] == list(view.columns)
    assert view.zh
    assert view.en


def test_nothing_is_described_that_is_not_there() -> None:
    assert unused_words() == []


def test_what_is_not_described_is_named() -> None:
    with pytest.raises(DictionaryError, match="no_such"):
        table_words("no_such")
    with pytest.raises(DictionaryError, match=r"v_x\.no_such"):
        described_view("v_x", ["district", "no_such"])
