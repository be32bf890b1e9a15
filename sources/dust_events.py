"""Reader of sand-dust and other exceptional events that an authority determined (沙尘天气过程影响时段).

Source: sources/data/dust_events.toml; 环办监测〔2016〕120号: period and extent are determined by the authority,
never inferred. One reading an event: its value cell is the end, observed_at the first hour, value the length
in hours up to the end (the first moment after), parameter `event_sand_dust` or `event_exceptional`, period
`event`, site the area. The document, the items it names and a withdrawal stand in the flag.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np

from sources.assembly import Labels, encode, trimmed
from sources.delivery import Delivery
from sources.heading_rows import Pieces
from sources.ledger_table import (
    LedgerTable,
    Meaning,
    bare,
    ledger_functions,
    read_table,
    split_cells,
)
from sources.ledger_words import areas
from sources.result import ReadResult
from sources.sheet_times import with_midnights
from sources.times import parse_times

_HOUR = np.timedelta64(1, "h")
#: every time of an event states its year, so that none is looked for
_NO_LIMIT = datetime(1970, 1, 1)


def _column_of(pieces: Pieces) -> str | None:
    ends = {bare(word) for word in layout().rest["ends"]}
    return "end" if pieces and bare("".join(pieces)) in ends else None


def _read(table: LedgerTable, delivery: Delivery) -> ReadResult:
    facts = table.facts
    pattern = facts.rest["time_pattern"]
    cells, cell = split_cells(table)
    begin = table.of_cells(table.words("begin"))
    words, codes = encode(trimmed(table.raw))
    is_book = table.sheet.is_book
    begins = with_midnights([*begin.words, ""], is_book=is_book, beside=words)
    ends_told = with_midnights(words, is_book=is_book, beside=begin.words)
    starts = parse_times(begins, pattern, _NO_LIMIT, whole_hours=True)[begin.codes]
    ends = parse_times(ends_told, pattern, _NO_LIMIT, whole_hours=True)[codes]
    untimed = np.isnat(starts) | np.isnat(ends)
    length = np.where(untimed, np.nan, (ends - starts) / _HOUR)
    area = table.words("area")
    several = np.array(
        [bool(re.search(facts.rest["several"], word)) for word in [*area.words, ""]], dtype=bool
    )
    meaning = Meaning(
        cells=cells,
        cell=cell,
        parameter=_kinds(table),
        site=table.of_cells(areas(area, delivery.district)),
        period=Labels.same("event", len(table.line)),
        observed_at=starts,
        units=[],
        answer=length,
    )
    rejected = [
        (table.column_key.absent, "unknown-parameter"),
        (several[area.codes][table.line], "area-several"),
        (begin.absent, "time-missing"),
        (untimed, "time-invalid"),
        (np.nan_to_num(length, nan=1.0) <= 0, "event-backwards"),
    ]
    return read_table(table, meaning, delivery, rejected=rejected)


def _kinds(table: LedgerTable) -> Labels:
    """Return every cell's kind of event, told by its line; where no column tells it, by the title."""
    kinds: dict[str, list[str]] = table.facts.rest["kinds"]
    if "kind" in table.labels:
        known = {bare(word): f"event_{kind}" for kind, words in kinds.items() for word in words}
        labels = table.of_cells(table.words("kind"))
        return Labels([known.get(bare(word), "") for word in labels.words], labels.codes)
    titles = " ".join(table.titles)
    told = [kind for kind, words in kinds.items() if any(word in titles for word in words)]
    return Labels.same(f"event_{told[0]}" if len(told) == 1 else "", len(table.line))


layout, partition, recognise, read = ledger_functions("dust_events", _column_of, _read)
