"""Reader of documents that set or supersede targets: indicator, target year, target, unit, document, its day.

Source: sources/data/target_documents.toml, words in sources/data/ledger_words.toml. One reading a target:
site is `<district>/<target year>`, parameter `target_<statistic>`, period `1y`, observed_at the day of the
document. Each document's word stays a reading of its own: whichever order they arrive in, the latest document
of a day is found by its day, and 完成市下达任务 is a blank: no number yet.
"""

from __future__ import annotations

import re

import numpy as np

from sources.assembly import Labels, joined
from sources.delivery import Delivery
from sources.heading_rows import Pieces, name_and_unit
from sources.ledger_table import (
    LedgerTable,
    Meaning,
    bare,
    ledger_functions,
    read_table,
    split_cells,
)
from sources.ledger_words import areas, indicators_of, read_dates, read_periods
from sources.result import ReadResult
from sources.statistics_return import fractions, wrong_indicators

#: before the year of a column's key
_YEAR = "year:"


def _column_of(pieces: Pieces) -> str | None:
    """Return `target`, or `year:2025` for a column of one year's targets."""
    facts = layout().rest
    name = bare(name_and_unit(pieces)[0]) if pieces else ""
    if name in {bare(word) for word in facts["values"]}:
        return "target"
    found = re.fullmatch(facts["year_column"], name)
    return _YEAR + found["period"] if found else None


def _read(table: LedgerTable, delivery: Delivery) -> ReadResult:
    cells, cell = split_cells(table, table.facts.rest["prefixes"])
    year = _years(table)
    periods, starts = read_periods([*year.words, ""])
    yearly = np.array([period == "1y" for period in periods], dtype=bool)[year.codes]
    number = starts[year.codes].astype("datetime64[Y]").astype(np.int64) + 1970
    number = np.where(yearly, number, 0)
    found = indicators_of(
        cells,
        cell,
        table.of_cells(table.words("indicator")),
        table.of_cells(table.words("number")),
        number,
    )
    parameter = Labels(
        [f"target_{key}" if key else "" for key in found.statistic.words], found.statistic.codes
    )
    dated = table.of_cells(table.words("dated"))
    days = read_dates([*dated.words, ""])[dated.codes]
    distinct, codes = np.unique(number, return_inverse=True)
    of_year = Labels([str(one) if one else "" for one in distinct.tolist()], codes.astype(np.int64))
    area = areas(table.words("area"), delivery.district)
    meaning = Meaning(
        cells=cells,
        cell=cell,
        parameter=parameter,
        site=joined([table.of_cells(area), of_year], "/"),
        period=Labels.same("1y", len(table.line)),
        observed_at=days,
        units=[table.of_cells(table.words("unit")), table.column_unit, found.unit],
        answer=found.answer,
    )
    rejected = [
        (table.column_key.absent, "unknown-parameter"),
        (dated.absent | year.absent, "time-missing"),
        (~yearly | np.isnat(days), "time-invalid"),
        (table.of_cells(table.words("document")).absent, "document-missing"),
        *wrong_indicators(cells, cell, found, parameter),
        (fractions(table, cells, cell, parameter), "percent-doubtful"),
    ]
    return read_table(table, meaning, delivery, rejected=rejected, special=table.facts.rest["units"])


def _years(table: LedgerTable) -> Labels:
    """Return for every cell the target year its column states, else its line's."""
    column, line = table.column_key, table.of_cells(table.words("year"))
    own = np.array([word.startswith(_YEAR) for word in column.words], dtype=bool)[column.codes]
    words = [*line.words, *(word.removeprefix(_YEAR) for word in column.words)]
    return Labels(words, np.where(own, len(line.words) + column.codes, line.codes))


layout, partition, recognise, read = ledger_functions("target_documents", _column_of, _read)
