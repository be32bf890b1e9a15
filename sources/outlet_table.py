"""Tables of emission platforms: one row an outlet and hour (or day), factors beside one another.

What hourly and daily exports have in common. Headers of one to three rows, the outlet in a column or in
the title, marks of the platform in columns of their own, in a factor's column or in the cell itself.
A mark in a cell, or in a factor's own column of marks, holds for the factor's readings of that row; that
the plant stands still holds for the whole row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, Labels, TimeArray, among, encode, joined, settle, trimmed
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.heading_rows import Header, find_header, text_sheet
from sources.layout import LayoutData
from sources.layout_functions import LayoutFunctions, layout_functions
from sources.naming import Issue, issue_of, partition_of
from sources.outlet_columns import OutletHeading, how_known, outlet_heading
from sources.result import ReadResult, together
from sources.shape import reject_misfits, shape_of
from sources.sheet_times import with_midnights
from sources.stacked_tables import Part, headed
from sources.table import Lines, Placed, place_values, reject_columns
from sources.workbook import Sheet, open_sheets
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError

#: from the distinct texts of the time column to the start of their intervals
TimeReader = Callable[[Sequence[str], Issue], TimeArray]

#: a header's sureness where its rows are of another granularity
_OTHER_PERIOD = 0.2
#: a header's sureness without a single factor that is known
_NO_FACTOR = 0.5
#: where a name tells no date, the head alone is looked at
_EPOCH = datetime(1970, 1, 1)


def outlet_recognise(head: str, name: str, facts: LayoutData, times: TimeReader) -> float:
    """Return how sure the head of a text is of an outlet layout, 0 to 1."""
    sheet = text_sheet(head)
    header = _header_of(sheet, facts)
    if header is None:
        return 0.0
    heading = outlet_heading(header, facts)
    score = (1.0 if partition_of(name, facts.names) else 0.9) if heading.named else _NO_FACTOR
    if header.last + 1 < sheet.cells.records:
        told = sheet.cells.at(heading.columns.labels["time"])[header.last + 1].as_py() or ""
        issue = issue_of(name, _EPOCH, facts.names)
        return score if not np.isnat(times([told.strip()], issue)[0]) else score * _OTHER_PERIOD
    return score


def read_outlets(content: bytes, delivery: Delivery, facts: LayoutData, times: TimeReader) -> ReadResult:
    """Read every table of an export into readings.

    Parameters
    ----------
    content
        The landed bytes: delimited text, a workbook or a page saved as one.
    delivery
        Whose bytes they are.
    facts
        The layout.
    times
        Reads the texts of the time column.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `layout-unknown` when no table is one of this layout, `no-cells`.
    """
    sheets = open_sheets(content)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    found, others = headed(sheets, lambda sheet: _table_header(sheet, facts), facts.rest["roles"], ["time"])
    if not found:
        raise _unknown(sheets[0], facts, delivery.name)
    result = together([(part.sheet.name, _read_part(part, delivery, facts, issue, times)) for part in found])
    result.problems.extend(others)
    return result


def outlet_functions(name: str, times: TimeReader) -> LayoutFunctions:
    """Return the functions of a layout of outlets; `times` reads the texts of its time column."""

    def recognise(head: str, of: str, facts: LayoutData) -> float:
        return outlet_recognise(head, of, facts, times)

    def read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
        return read_outlets(content, delivery, facts, times)

    return layout_functions(name, recognise, read)


def _table_header(sheet: Sheet, facts: LayoutData) -> Header | None:
    """Return the header of a table with at least one factor that is known, or None."""
    header = _header_of(sheet, facts)
    return header if header and outlet_heading(header, facts).named else None


def _header_of(sheet: Sheet, facts: LayoutData) -> Header | None:
    """Return the header that has a time and tells the outlet, or whose title does; None: another table."""

    def required(roles: set[str]) -> bool:
        return "time" in roles

    within = facts.rest["header_within"]
    header = find_header(sheet, facts.rest["roles"], required, lambda it: how_known(it, facts), within)
    if header is None:
        return None
    labels = outlet_heading(header, facts).columns.labels
    told = "site" in labels or {"enterprise", "outlet"} <= set(labels) or _titled(sheet, header, facts)
    # a second header row may have made another label of the time's column
    return header if told and "time" in labels else None


def _titled(sheet: Sheet, header: Header, facts: LayoutData) -> str:
    """Return the outlet that a line above the header names, or ''; the patterns' order is their rank.

    Of several lines the one nearest to the header goes first.
    """
    above = reversed(range(header.first))
    texts = [text.strip() for record in above for text in sheet.cells.record(record)]
    for pattern in facts.rest["title_site"]:
        for text in texts:
            found = re.search(pattern, text)
            if found:
                return found["site"].strip()
    return ""


def _unknown(sheet: Sheet, facts: LayoutData, name: str) -> DeliveryRefusedError:
    within = facts.rest["header_within"]
    wanted = "、".join(facts.rest["roles"][role][0] for role in ("site", "time")) + "、<因子>浓度(<单位>)"
    found = ",".join(sheet.cells.record(0))[:120]
    return DeliveryRefusedError(
        "layout-unknown",
        f"{name} 前 {within} 行中没有含 {wanted} 的表头，标题行也未写明排口；首行为 {found}",
        f"{name} has no header with {wanted} in its first {within} lines, nor an outlet in its title;"
        f" it starts {found}",
    )


def _read_part(
    part: Part, delivery: Delivery, facts: LayoutData, issue: Issue, times: TimeReader
) -> ReadResult:
    sheet, header = part.sheet, part.header
    heading = outlet_heading(header, facts)
    cells, columns = sheet.cells, heading.columns
    told = sheet.label(columns.labels["time"])
    words, code = encode(told)
    when = times(with_midnights(words, is_book=sheet.is_book), issue)[code]
    marks = _Marks(facts)
    rows = [
        _labels(sheet, columns.labels[role], facts) for role in ("flag", "note") if role in columns.labels
    ]
    placed = place_values(
        cells,
        header.last,
        columns,
        Lines(
            site=_sites(sheet, header, columns.labels, facts),
            observed_at=when,
            flag=joined([*rows, Labels.same("", cells.records)], facts.rest["flag_separator"]),
        ),
        period=facts.rest["period"],
        missing=facts.missing,
        blanks=marks.blanks,
    )
    book, line = placed.book, placed.line
    book.flag = marks.flags(sheet, heading, placed)
    book.reject(_summary(sheet, columns.labels, facts)[line], "summary-row")
    again = frozenset(facts.rest["roles"]["time"])
    book.reject(among(told, again)[line], "header-repeated")
    shape = shape_of(
        cells,
        header.last,
        columns.width,
        facts.missing,
        notes=min(columns.values),
        may_break_off=part.may_break_off,
        mid_character=sheet.cut,
    )
    problems = columns.problems + reject_misfits(book, shape, line, placed.position, cells)
    reject_columns(placed, columns)
    book.reject(among(told, facts.missing)[line], "time-missing")
    return settle(book, delivery, facts, issue, encoding=sheet.encoding, problems=problems, sheet=sheet.name)


def _labels(sheet: Sheet, place: int, facts: LayoutData) -> Labels:
    """Return the words of a label column; the layout's marks of nothing are no words."""
    words, codes = encode(sheet.label(place))
    return Labels(["" if word in facts.missing else word for word in words], codes)


def _sites(sheet: Sheet, header: Header, labels: dict[str, int], facts: LayoutData) -> Labels:
    """Return the outlet's number; without one `企业/排口`, or what the title names."""
    if "site" in labels:
        return _labels(sheet, labels["site"], facts)
    if {"enterprise", "outlet"} <= set(labels):
        outlet = _labels(sheet, labels["outlet"], facts)
        both = joined([_labels(sheet, labels["enterprise"], facts), outlet], "/")
        return Labels(both.words, np.where(outlet.absent, -1, both.codes))
    return Labels.same(_titled(sheet, header, facts), sheet.cells.records)


def _summary(sheet: Sheet, labels: dict[str, int], facts: LayoutData) -> BoolArray:
    """Return which records sum up others: a summary word in any label column."""
    words = frozenset(facts.rest["summary"])
    found = np.zeros(sheet.cells.records, dtype=bool)
    for role in ("enterprise", "outlet", "site", "time"):
        if role in labels:
            found |= among(trimmed(sheet.cells.at(labels[role])), words)
    return found


class _Marks:
    """Marks that stand in value cells, alone (`维护`, `D`) or behind a number (`12.3(M)`)."""

    def __init__(self, facts: LayoutData) -> None:
        self._facts = facts
        self._standstill = frozenset(facts.rest["stopped"])
        alone = {normalise_name(word): word for word in (*facts.rest["cell_marks"], *self._standstill)}
        self._alone = alone
        self._behind = re.compile(facts.rest["marked_number"])
        self._words: list[str] = []
        self._code: IntArray = np.empty(0, dtype=np.int64)

    def blanks(self, raw: Any) -> tuple[pa.Array, BoolArray]:
        """Return the texts of the numbers without their marks, and where nothing is left."""
        text = trimmed(raw)
        # a mark never ends with a digit: what does is left to the reading of numbers
        odd = pc.invert(pc.match_substring_regex(text, "[0-9]$"))
        words, code = encode(text.filter(odd))
        parts = [self._split(word) for word in words]
        self._words = [mark for mark in dict.fromkeys(mark for _, mark in parts) if mark]
        marks = [self._words.index(mark) if mark else -1 for _, mark in parts]
        self._code = np.full(len(text), -1, dtype=np.int64)
        self._code[np.asarray(odd.to_numpy(zero_copy_only=False), dtype=bool)] = np.array(marks, np.int64)[
            code
        ]
        left = pa.array([number for number, _ in parts], text.type).take(pa.array(code))
        cleaned = pc.replace_with_mask(text, odd, left)
        return cleaned, among(cleaned, self._facts.missing)

    def _split(self, word: str) -> tuple[str, str]:
        """Return number text and mark of one cell; a word that is neither stays as it is."""
        mark = self._alone.get(normalise_name(word))
        if mark is not None:
            return "", mark
        found = self._behind.match(word)
        behind = self._alone.get(normalise_name(found["mark"])) if found else None
        return (found["number"], behind) if found and behind else (word, "")

    def flags(self, sheet: Sheet, heading: OutletHeading, placed: Placed) -> Labels:
        """Return each cell's flag: its row's, its factor's column of marks, marks in the factor's cells."""
        line, count = placed.line, sheet.cells.records
        widest = max(*heading.factor, int(placed.position.max(initial=0)))
        number = np.full(widest + 1, len(heading.factors), dtype=np.int64)
        number[list(heading.factor)] = list(heading.factor.values())
        factor = number[placed.position]
        separator = self._facts.rest["flag_separator"]
        parts = [placed.book.flag]
        for place, own in heading.marks.items():
            column = _labels(sheet, place, self._facts)
            parts.append(Labels(column.words, np.where(factor == own, column.codes[line], -1)))
        still = np.array([word in self._standstill for word in self._words], dtype=bool)
        marked = self._code >= 0
        if marked.any():
            stands = np.zeros(len(line), dtype=bool)
            stands[marked] = still[self._code[marked]]
            whole = np.full(count, -1, dtype=np.int64)
            whole[line[stands]] = self._code[stands]
            single = np.full((count, len(heading.factors) + 1), -1, dtype=np.int64)
            rest = marked & ~stands
            single[line[rest], factor[rest]] = self._code[rest]
            parts += [Labels(self._words, whole[line]), Labels(self._words, single[line, factor])]
        return joined(parts, separator)
