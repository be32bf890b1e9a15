"""Reader of the ledger of reduction projects (重点工程减排量): claimed and recognised amounts, never mixed.

Source: sources/data/reduction_ledger.toml; compilation of rules, section 5. One reading an amount: site is the
project's number (its name where it has none), parameter `reduction_<pollutant>_claimed` (上报),
`_recognised` (核定) or `_offset` (用于替代), period `1y`, observed_at 1 January of the year. Only recognised
amounts count towards a plan; an amount that does not say which it is, is turned away.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from sources.assembly import Labels
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
from sources.ledger_words import read_periods, title_period
from sources.result import ReadResult

#: between pollutant and kind of a column's key; `*` where the line tells
_OF = "/"
_BY_LINE = "*"


@cache
def _columns() -> dict[str, str]:
    """Return bare heading -> `pollutant/kind` for every order in which headings put them together."""
    facts = layout().rest
    found: dict[str, str] = {}
    kinds = {word: kind for kind, words in facts["kinds"].items() for word in words} | {"": _BY_LINE}
    pollutants = {bare(name): key for key, names in facts["pollutants"].items() for name in names}
    for kind_word, kind in kinds.items():
        for amount in facts["amounts"]:
            for name, key in {**pollutants, "": _BY_LINE}.items():
                if kind_word or amount or name:
                    for order in permutations((bare(kind_word), bare(amount), name)):
                        found.setdefault("".join(order), key + _OF + kind)
    return found


@cache
def _pollutants() -> dict[str, str]:
    return {bare(name): key for key, names in layout().rest["pollutants"].items() for name in names}


def _column_of(pieces: Pieces) -> str | None:
    name, _ = name_and_unit(pieces)
    return _columns().get(bare(name)) or _columns().get(bare("".join(pieces)))


def _read(table: LedgerTable, delivery: Delivery) -> ReadResult:
    facts = table.facts
    cells, cell = split_cells(table)
    column = table.column_key
    pollutant = _by_line(table, "pollutant", _pollutants())
    kinds = {bare(word): kind for kind, words in facts.rest["kinds"].items() for word in words}
    kind = _by_line(table, "kind", kinds)
    stacked = np.stack([column.codes, pollutant.codes, kind.codes], axis=1)
    distinct, which = np.unique(stacked, axis=0, return_inverse=True)
    told = [
        _told(column.words[one], _word(pollutant, two), _word(kind, three))
        for one, two, three in distinct.tolist()
    ]
    flat = which.reshape(-1).astype(np.int64)
    year = table.words("year")
    if "year" not in table.labels:
        year = Labels.same(title_period(table.titles), table.sheet.cells.records)
    periods, starts = read_periods([*year.words, ""])
    at = year.codes[table.line]
    yearly = np.array([period == "1y" for period in periods], dtype=bool)
    number, name = table.words("project"), table.words("name")
    words = [*number.words, *name.words]
    site = Labels(
        words, np.where(number.absent, name.codes + len(number.words) * (name.codes >= 0), number.codes)
    )
    meaning = Meaning(
        cells=cells,
        cell=cell,
        parameter=Labels([parameter for parameter, _ in told], flat),
        site=table.of_cells(site),
        period=Labels.same("1y", len(table.line)),
        observed_at=np.where(yearly[at], starts[at], np.datetime64("NaT", "us")),
        units=[table.of_cells(table.words("unit")), table.column_unit],
    )
    unsaid = np.array([not known for _, known in told], dtype=bool)[flat]
    untimed = table.of_cells(year).absent
    return read_table(
        table, meaning, delivery, rejected=[(unsaid, "amount-kind-unknown"), (untimed, "time-missing")]
    )


def _word(labels: Labels, code: int) -> str:
    return labels.words[code] if code >= 0 else ""


def _by_line(table: LedgerTable, role: str, known: dict[str, str]) -> Labels:
    """Return for every cell what its line says in a role, as a key; '' where it says nothing known."""
    labels = table.of_cells(table.words(role))
    return Labels([known.get(bare(word), "") for word in labels.words], labels.codes)


def _told(column: str, pollutant: str, kind: str) -> tuple[str, bool]:
    """Return the parameter ('' unknown) and whether the kind of amount is known."""
    if not column:
        return "", True
    of_column, kind_of_column = column.split(_OF)
    key = pollutant if of_column == _BY_LINE else of_column
    which = kind if kind_of_column == _BY_LINE else kind_of_column
    return (f"reduction_{key}_{which}" if key and which else ""), bool(which)


layout, partition, recognise, read = ledger_functions("reduction_ledger", _column_of, _read)
