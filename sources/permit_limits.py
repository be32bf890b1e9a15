"""Reader of permits' limits (排污许可限值): outlet, factor, limit, basis, reference oxygen, from when to when.

Source: sources/data/permit_limits.toml. One reading a figure of the permit: site is the outlet, parameter
`limit_<what it bounds>` (`limit_flue_nox_norm`, `limit_cod`), `limit_lower_ph` for the lower end of a range,
`o2_ref_<…>` for the reference oxygen, `limit_<…>_mass` for the amount of a year. The basis is the period it
holds for: hour `1h`, day `1d`, a single sample `sample`, month `1mo`, year `1y`. observed_at is the first day
it holds; its last day, permit and clause stand in the flag. A cell `6~9` states two figures and counts as two.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa

from sources.assembly import BoolArray, Labels, encode, joined, trimmed
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
from sources.ledger_words import read_dates
from sources.result import ReadResult

_OF = "/"
_LIMIT, _LOWER, _AMOUNT = "limit", "lower", "amount"
_YEARLY = "1y"


@cache
def _columns() -> dict[str, str]:
    """Return bare heading -> `kind/basis`; the basis is '' where the line tells it."""
    facts = layout().rest
    found = {
        bare(word): kind + _OF + (_YEARLY if kind == _AMOUNT else "")
        for kind, words in facts["columns"].items()
        for word in words
    }
    for basis, words in facts["bases"].items():
        for word in words:
            found |= {bare(word + limit): _LIMIT + _OF + basis for limit in facts["columns"][_LIMIT]}
    return found


def _column_of(pieces: Pieces) -> str | None:
    if not pieces:
        return None
    return _columns().get(bare(name_and_unit(pieces)[0])) or _columns().get(bare("".join(pieces)))


@cache
def _factors() -> dict[str, dict[str, str]]:
    return {bare(name): factor for factor in layout().rest["factor"] for name in factor["names"]}


def _read(whole: LedgerTable, delivery: Delivery) -> ReadResult:
    table, texts, lower = _ranges_split(whole)
    facts = table.facts
    cells, cell = split_cells(table, facts.rest["prefixes"], texts=texts)
    column = table.column_key
    parts = [key.split(_OF) if key else ["", ""] for key in column.words]
    kind = np.array([one for one, _ in parts], dtype=object)[column.codes]
    kind[lower] = _LOWER
    bases = {bare(word): basis for basis, words in facts.rest["bases"].items() for word in words}
    told = table.of_cells(table.words("basis"))
    own = Labels([basis for _, basis in parts], column.codes)
    line = Labels([bases.get(bare(word), "") for word in told.words], told.codes)
    period = Labels(
        [*own.words, *line.words], np.where(own.absent, _shifted(line, len(own.words)), own.codes)
    )
    factor = table.of_cells(table.words("factor"))
    kinds, kind_code = np.unique(kind.astype(str), return_inverse=True)
    pairs, which = np.unique(
        np.stack([factor.codes, kind_code.reshape(-1)], axis=1), axis=0, return_inverse=True
    )
    parameter = Labels(
        [
            _factors().get(bare(factor.words[one]), {}).get(str(kinds[two]), "") if one >= 0 else ""
            for one, two in pairs.tolist()
        ],
        which.reshape(-1).astype(np.int64),
    )
    begin, end = (table.of_cells(table.words(role)) for role in ("from", "to"))
    starts = read_dates([*begin.words, ""])[begin.codes]
    ends = read_dates([*end.words, ""])[end.codes]
    open_end = np.array(
        [bare(word) in {bare(one) for one in facts.rest["open"]} for word in [*end.words, ""]]
    )
    endless = end.absent | open_end[end.codes]
    unit = table.of_cells(table.words("unit"))
    meaning = Meaning(
        cells=cells,
        cell=cell,
        parameter=parameter,
        site=table.of_cells(_sites(table)),
        period=period,
        observed_at=starts,
        # one spelling of a last day, so that the same permit from another program says the same
        rewritten={"to": _days_alike(table.words("to"))},
        # the line's unit is the limit's, never the oxygen's or the year's amount's
        units=[
            Labels(unit.words, np.where((kind == _LIMIT) | (kind == _LOWER), unit.codes, -1)),
            table.column_unit,
        ],
    )
    rejected = [
        (np.asarray(kind == "", dtype=bool), "unknown-parameter"),
        (begin.absent, "time-missing"),
        (np.isnat(starts) | (np.isnat(ends) & ~endless), "time-invalid"),
        (np.asarray(~np.isnat(ends) & (ends < starts), dtype=bool), "event-backwards"),
        (period.absent, "period-unknown"),
    ]
    return read_table(table, meaning, delivery, rejected=rejected, special=facts.rest["units"])


def _days_alike(labels: Labels) -> Labels:
    """Return days as ISO dates; other words as they are."""
    days = read_dates(labels.words)
    words = [word if np.isnat(day) else str(day)[:10] for word, day in zip(labels.words, days, strict=True)]
    return Labels(words, labels.codes)


def _shifted(labels: Labels, by: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return codes into words that stand behind `by` others."""
    return np.where(labels.codes < 0, -1, labels.codes + by)


def _sites(table: LedgerTable) -> Labels:
    """Return the outlet's number; without such a column `企业/排口`."""
    if "site" in table.labels:
        return table.words("site")
    outlet = table.words("outlet")
    both = joined([table.words("enterprise"), outlet], "/")
    return Labels(both.words, np.where(outlet.absent, -1, both.codes))


def _ranges_split(table: LedgerTable) -> tuple[LedgerTable, pa.Array, BoolArray]:
    """Take every `6~9` of a factor that has a lower limit for two cells.

    Returns
    -------
    (LedgerTable, Array, ndarray of bool)
        The table with such cells twice, the text of each cell's number, and which are lower ends.
    """
    words, code = encode(trimmed(table.raw))
    pattern = table.facts.rest["range_pattern"]
    found = [re.fullmatch(pattern, unicodedata.normalize("NFKC", word)) for word in words]
    column, factor = table.column_key, table.of_cells(table.words("factor"))
    limits = np.array([key.startswith(_LIMIT + _OF) for key in column.words], dtype=bool)[column.codes]
    wide = np.array([_LOWER in _factors().get(bare(word), {}) for word in [*factor.words, ""]], dtype=bool)
    ranged = np.array([match is not None for match in found], dtype=bool)[code] & limits & wide[factor.codes]
    order = np.repeat(np.arange(len(code)), np.where(ranged, 2, 1))
    first = np.ones(len(order), dtype=bool)
    first[1:] = order[1:] != order[:-1]
    lower = ranged[order] & first
    upper = ranged[order] & ~first
    texts = [*words, *(match["low"] if match else "" for match in found)]
    texts += [match["high"] if match else "" for match in found]
    at = code[order] + len(words) * (lower + 2 * upper)
    twice = replace(
        table, raw=table.raw.take(pa.array(order)), line=table.line[order], position=table.position[order]
    )
    return twice, pa.array(texts, pa.large_string()).take(pa.array(at)), lower


layout, partition, recognise, read = ledger_functions("permit_limits", _column_of, _read)
