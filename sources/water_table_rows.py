"""Rows of hand-filled tables that are no samplings: means, limits, notes, headings repeated on every page.

A row is told by the text of a label column, or by its first text; the patterns are data
(sources/data/water_table.toml, [[row]]).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, encode, trimmed
from sources.cells import IntArray
from sources.water_table_heading import Table, table_rules
from vocabulary.parameters import normalise_name

#: label columns whose text is free: it says nothing of the row
_FREE = frozenset({"remark", "exceeded", "verdict", "target", "earlier", "level", "analyst", "flag"})


@dataclass(frozen=True)
class RowKinds:
    """Which of n records are turned away under which code, which are rows of detection limits, which are plain."""

    rejected: dict[str, BoolArray]
    detection: BoolArray
    plain: BoolArray


def row_kinds(table: Table) -> RowKinds:
    """Return what every record of a table's sheet is."""
    count = table.sheet.cells.records
    rejected: dict[str, BoolArray] = {"heading-row": _headings(table)}
    taken = rejected["heading-row"].copy()
    texts = [_first_texts(table)]
    texts += [table.sheet.label(place) for role, place in table.heading.labels.items() if role not in _FREE]
    coded = [_folded(column) for column in texts]
    detection = np.zeros(count, dtype=bool)
    for rule in table_rules()["row"]:
        hit = np.zeros(count, dtype=bool)
        for words, codes in coded:
            hit |= np.asarray(pc.match_substring_regex(words, rule["pattern"]), dtype=bool)[codes]
        hit &= ~taken
        taken |= hit
        rejected[rule["code"]] = rejected.get(rule["code"], np.zeros(count, dtype=bool)) | hit
        if rule["kind"] == "detection":
            detection = hit
    return RowKinds(rejected, detection, ~taken)


def _folded(column: Any) -> tuple[Any, IntArray]:
    words, codes = encode(column)
    return pa.array([normalise_name(word) for word in words], pa.large_string()), codes


def _first_texts(table: Table) -> Any:
    """Return the first text that is not blank of every record."""
    cells = table.sheet.cells
    text = trimmed(cells.raw)
    solid = np.flatnonzero(np.asarray(pc.not_equal(text, "").to_numpy(zero_copy_only=False), dtype=bool))
    lines, first = np.unique(cells.line[solid], return_index=True)
    place = np.full(cells.records, -1, dtype=np.int64)
    place[lines] = solid[first]
    return pc.fill_null(pc.take(text, pa.array(place, mask=place < 0)), "")


def _headings(table: Table) -> BoolArray:
    """Return which records below the header repeat one of its rows: every text the header's own, in its place."""
    cells, header = table.sheet.cells, table.header
    below = np.arange(cells.records) > header.last
    text = trimmed(cells.raw)
    solid = np.asarray(pc.not_equal(text, "").to_numpy(zero_copy_only=False), dtype=bool)
    found = np.zeros(cells.records, dtype=bool)
    for record in range(header.first, header.last + 1):
        fields = [field.strip() for field in cells.record(record)]
        widest = max(len(fields), int(cells.width.max(initial=0)))
        fields += [""] * (widest - len(fields))
        own = pa.array(fields, pa.large_string()).take(pa.array(cells.position))
        differs = solid & np.asarray(pc.not_equal(text, own).to_numpy(zero_copy_only=False), dtype=bool)
        some = np.bincount(cells.line[solid], minlength=cells.records) > 1
        found |= below & some & (np.bincount(cells.line[differs], minlength=cells.records) == 0)
    return found
