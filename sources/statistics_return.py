"""Reader of returns (统计报表): yearly figures of indicators that no monitor feeds, and answers in words.

Source: sources/data/statistics_return.toml, words in sources/data/ledger_words.toml. One reading a figure:
site is the district's key, parameter `stat_<statistic>` with the plan's own name of the statistic, period
`1y` (`1q`, `1mo` where the return says so), observed_at the period's first day. An answer in words becomes
the value the data give it, or is turned away. Figures that we compute ourselves (PM2.5, good days, shares of
sections) may be returned as well: they are kept as stated beside ours, never in their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sources.assembly import BoolArray, Labels
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.heading_rows import Pieces, name_and_unit
from sources.ledger_table import (
    NOT_TAKEN,
    Cell,
    LedgerTable,
    Meaning,
    bare,
    ledger_functions,
    read_table,
    split_cells,
)
from sources.ledger_words import Indicators, areas, indicators_of, read_periods, title_period
from sources.result import ReadResult
from vocabulary.parameters import parameters

_VALUE, _YEAR = "value", "year:"
_PERCENT = "%"


def _column_of(pieces: Pieces) -> str | None:
    """Return `value`, `not-taken`, or `year:2023` for a column of one year."""
    facts = layout().rest
    name = bare(name_and_unit(pieces)[0]) if pieces else ""
    for key, words in ((_VALUE, facts["values"]), (NOT_TAKEN, facts["not_taken"])):
        if name in {bare(word) for word in words}:
            return key
    if any(re.fullmatch(pattern, name) for pattern in facts["not_taken_patterns"]):
        return NOT_TAKEN
    found = next((match for pattern in facts["year_columns"] if (match := re.fullmatch(pattern, name))), None)
    return _YEAR + found["period"] if found else None


def _read(table: LedgerTable, delivery: Delivery) -> ReadResult:
    facts = table.facts
    cells, cell = split_cells(table)
    column = table.column_key
    told = table.of_cells(_line_periods(table))
    texts = [*told.words, "", *(word.removeprefix(_YEAR) for word in column.words)]
    own = np.array([word.startswith(_YEAR) for word in column.words], dtype=bool)[column.codes]
    line = np.where(told.codes < 0, len(told.words), told.codes)
    at = np.where(own, len(told.words) + 1 + column.codes, line)
    periods, starts = read_periods(texts)
    year = starts[at].astype("datetime64[Y]").astype(np.int64) + 1970
    found = indicators_of(
        cells,
        cell,
        table.of_cells(table.words("indicator")),
        table.of_cells(table.words("number")),
        np.where(np.isnat(starts[at]), 0, year),
    )
    parameter = Labels([f"stat_{key}" if key else "" for key in found.statistic.words], found.statistic.codes)
    unit = table.of_cells(table.words("unit"))
    meaning = Meaning(
        cells=cells,
        cell=cell,
        parameter=parameter,
        site=table.of_cells(areas(table.words("area"), delivery.district)),
        period=Labels(periods, at),
        observed_at=starts[at],
        units=[unit, table.column_unit, found.unit],
        answer=found.answer,
    )
    not_taken = np.array([word == NOT_TAKEN for word in column.words], dtype=bool)[column.codes]
    untimed = np.array([not text for text in texts], dtype=bool)[at]
    rejected = [
        (not_taken, "field-not-taken"),
        (np.array([not word for word in column.words], dtype=bool)[column.codes], "unknown-parameter"),
        (untimed, "time-missing"),
        *wrong_indicators(cells, cell, found, parameter),
        (fractions(table, cells, cell, parameter), "percent-doubtful"),
    ]
    return read_table(table, meaning, delivery, rejected=rejected, special=facts.rest["units"])


def _line_periods(table: LedgerTable) -> Labels:
    """Return for every record the period it states, or the one the title does."""
    if "period" in table.labels:
        return table.words("period")
    return Labels.same(title_period(table.titles), table.sheet.cells.records)


def wrong_indicators(
    cells: Sequence[Cell], cell: IntArray, found: Indicators, parameter: Labels
) -> list[tuple[BoolArray, str]]:
    """Return the cells whose number and name contradict each other, and answers that nobody knows."""
    worded = np.array([bool(one.words) and not re.search(r"\d", one.words) for one in cells], dtype=bool)[
        cell
    ]
    return [
        (found.contradicts.astype(bool), "indicator-contradicts"),
        (worded & np.isnan(found.answer) & ~parameter.absent, "answer-unknown"),
    ]


def fractions(table: LedgerTable, cells: Sequence[Cell], cell: IntArray, parameter: Labels) -> BoolArray:
    """Return where a workbook's number under a percentage is above 0 and not above 1.

    A cell shown as 55 % holds 0.55, and the sheet does not tell the two apart.
    """
    if not table.sheet.is_book:
        return np.zeros(len(cell), dtype=bool)
    small = np.array(
        [one.number != "" and not one.unit and 0 < float(one.number) <= 1 for one in cells], dtype=bool
    )
    share = [bool(key) and parameters()[key].unit == _PERCENT for key in parameter.words]
    return np.asarray(small[cell] & np.array(share, dtype=bool)[parameter.codes])


layout, partition, recognise, read = ledger_functions("statistics_return", _column_of, _read)
