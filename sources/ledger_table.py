"""Ledgers and returns: tables of a few hundred lines whose cells take their meaning from line and column.

What the ledger layouts share: finding the tables of a delivery, words of label columns, numbers with a unit
in the cell, the line, the heading or the name, years and days as people write them, and flags that say
`状态=已核定;依据=…`. What a column or a line means is each layout's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from sources.assembly import (
    PLAIN_NUMBER,
    BoolArray,
    FloatArray,
    Labels,
    TimeArray,
    ValueCells,
    among,
    encode,
    joined,
    numbers,
    settle,
    trimmed,
)
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.heading_rows import Header, Pieces, find_header, name_and_unit, roles_of, text_sheet
from sources.layout import LayoutData
from sources.layout_functions import LayoutFunctions, layout_functions
from sources.naming import issue_of, partition_of
from sources.result import Problem, ReadResult, together
from sources.shape import reject_misfits, shape_of
from sources.stacked_tables import Part, headed
from sources.workbook import Sheet, open_sheets
from vocabulary.parameters import normalise_name, parameters
from vocabulary.reasons import DeliveryRefusedError
from vocabulary.units import SAME, Conversion, between, conversion, unit_named

#: what a value column holds, as its layout names it; None for a heading it does not know
ColumnOf = Callable[[Pieces], str | None]

_BRACKETS = re.compile(r"[*()\[\]【】「」、,·_\-/\s]")
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_WITH_UNIT = re.compile(r"^(?P<number>[+-]?[\d.,]*\d)\s*(?P<unit>[^\d\s.,].*)$")
#: what a known column holds whose figures the layout does not load; it makes no table of this layout
NOT_TAKEN = "not-taken"
#: no unit is stated here; units of cell, line and heading are looked up in this order
_NO_UNIT = ""


def bare(text: str) -> str:
    """Return a heading or name folded, without brackets and punctuation, to be looked up by."""
    return _BRACKETS.sub("", normalise_name(text))


@dataclass(frozen=True)
class Cell:
    """Words of one distinct cell: the text of its number, the unit behind it, or the words there are instead."""

    number: str
    unit: str
    words: str


def spelled(word: str, prefixes: Sequence[str] = ()) -> Cell:
    """Split `1.44 万亩` or `30,658`; `prefixes` such as `≥` may stand before the number.

    >>> spelled("30,658"), spelled("55%").unit
    (Cell(number='30658', unit='', words=''), '%')
    """
    text = unicodedata.normalize("NFKC", word).strip()
    for prefix in prefixes:
        text = text.removeprefix(unicodedata.normalize("NFKC", prefix)).strip()
    unit = ""
    found = _WITH_UNIT.match(text)
    if found and unit_named(found["unit"]) is not None:
        text, unit = found["number"], found["unit"]
    if _THOUSANDS.match(text):
        text = text.replace(",", "")
    return Cell(text, unit, "") if re.match(PLAIN_NUMBER, text) else Cell("", "", word)


@dataclass
class LedgerTable:
    """One table and its value cells, n of each; a layout fills in what they mean.

    Attributes
    ----------
    labels
        Role to position of a label column.
    headings, units
        For every value position what it holds ('' unknown) and its heading's unit.
    raw, line, position
        The value cells, their record and column.
    """

    sheet: Sheet
    header: Header
    may_break_off: bool
    facts: LayoutData
    labels: dict[str, int]
    headings: dict[int, str]
    units: dict[int, str]
    problems: list[Problem]
    raw: Any
    line: IntArray
    position: IntArray
    blank: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        """Tell the blank cells."""
        self.blank = among(trimmed(self.raw), self.facts.missing)

    def words(self, role: str) -> Labels:
        """Return the words of a label column, one a record; '' where there is none or a mark of nothing."""
        if role not in self.labels:
            return Labels.same("", self.sheet.cells.records)
        words, codes = encode(self.sheet.label(self.labels[role]))
        return Labels(["" if word in self.facts.missing else word for word in words], codes)

    def of_cells(self, labels: Labels) -> Labels:
        """Return the words of records for the cells that stand in them."""
        return Labels(labels.words, labels.codes[self.line])

    @property
    def column_key(self) -> Labels:
        """For every cell what its column holds."""
        keys = list(dict.fromkeys(self.headings.values()))
        code = np.full(max(self.headings) + 1, -1, dtype=np.int64)
        code[list(self.headings)] = [keys.index(key) for key in self.headings.values()]
        return Labels(keys, code[self.position])

    @property
    def column_unit(self) -> Labels:
        """For every cell the unit of its heading."""
        words = list(dict.fromkeys(self.units.values()))
        code = np.full(max(self.units) + 1, -1, dtype=np.int64)
        code[list(self.units)] = [words.index(word) for word in self.units.values()]
        return Labels(words, code[self.position])

    @property
    def titles(self) -> list[str]:
        """The sheet's name and the texts above its header."""
        above = [
            text.strip() for record in range(self.header.first) for text in self.sheet.cells.record(record)
        ]
        return [text for text in (self.sheet.name, *above) if text]

    def flag(self, rewritten: Mapping[str, Labels]) -> Labels:
        """Return for every cell its line's state, evidence and the like as `状态=…;依据=…`.

        `rewritten` are words of roles, one a record, to be taken instead of the delivered ones.
        """
        parts = []
        for role, word in self.facts.rest["flag_words"].items():
            told = rewritten.get(role) or self.words(role)
            parts.append(Labels([f"{word}={text}" if text else "" for text in told.words], told.codes))
        return self.of_cells(joined(parts, ";"))

    def summary(self) -> BoolArray:
        """Return for every cell whether its line sums up others."""
        words = {normalise_name(word) for word in self.facts.rest["summary"]}
        found = np.zeros(self.sheet.cells.records, dtype=bool)
        for place in self.labels.values():
            told, codes = encode(trimmed(self.sheet.cells.at(place)))
            found |= np.array([bare(text) in words for text in told], dtype=bool)[codes]
        return np.asarray(found[self.line])


def tables(
    content: bytes, delivery: Delivery, facts: LayoutData, column_of: ColumnOf
) -> tuple[list[LedgerTable], list[Problem]]:
    """Return the tables of a delivery that have this layout's header, and what is to be said of the others.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`; `layout-unknown` when there is none; `no-cells` when none has a row.
    """
    sheets = open_sheets(content)
    key = [role for choice in facts.rest["needed"] for role in choice]
    roles = facts.rest["roles"]
    found, others = headed(sheets, lambda sheet: header_of(sheet, facts, column_of), roles, key)
    if not found:
        wanted, start = "、".join(facts.rest["wanted"]), ",".join(sheets[0].cells.record(0))[:120]
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{delivery.name} 没有含 {wanted} 的表头；首行为 {start}",
            f"{delivery.name} has no header with {wanted}; it starts {start}",
        )
    return [_table(part, facts, column_of) for part in found], others


def header_of(sheet: Sheet, facts: LayoutData, column_of: ColumnOf) -> Header | None:
    """Return the header with the layout's needed label columns and at least one value column, or None."""
    needed: list[list[str]] = facts.rest["needed"]

    def required(roles: set[str]) -> bool:
        return all(any(role in roles for role in choice) for choice in needed)

    def known(pieces: Pieces) -> int:
        key = column_of(pieces) if pieces else None
        if not key or key == NOT_TAKEN:
            return 1 if key else 0
        return 3 if name_and_unit(pieces)[1] else 2

    header = find_header(sheet, facts.rest["roles"], required, known, facts.rest["header_within"])
    return header if header and any(known(pieces) > 1 for pieces in header.columns) else None


def _table(part: Part, facts: LayoutData, column_of: ColumnOf) -> LedgerTable:
    sheet, header = part.sheet, part.header
    roles = roles_of(facts.rest["roles"])
    labels: dict[str, int] = {}
    headings: dict[int, str] = {}
    stated: dict[int, str] = {}
    problems: list[Problem] = []
    for place, pieces in enumerate(header.columns):
        key = column_of(pieces)
        role = next((roles[word] for word in map(normalise_name, _spellings(pieces)) if word in roles), None)
        if key is None and role is not None:
            labels.setdefault(role, place)
            continue
        headings[place] = key or ""
        stated[place] = name_and_unit(pieces)[1] if pieces else _NO_UNIT
        if key is None and pieces:
            name = header.names[place]
            problems.append(Problem("column-unknown", f"列“{name}”不在版式中", f"unknown column {name!r}"))
    cells = sheet.cells
    known = np.zeros(max(len(header.columns), int(cells.width.max(initial=0))), dtype=bool)
    known[list(headings)] = True
    known[len(header.columns) :] = True
    for place in range(len(header.columns), len(known)):
        headings[place], stated[place] = "", _NO_UNIT
    raw, line, position = cells.take(known[cells.position] & (cells.line > header.last))
    return LedgerTable(
        sheet, header, part.may_break_off, facts, labels, headings, stated, problems, raw, line, position
    )


def _spellings(pieces: Pieces) -> list[str]:
    """Return the ways a heading may be a role: as a whole, without unit, or its last piece."""
    return ["".join(pieces), name_and_unit(pieces)[0], pieces[-1]] if pieces else []


@dataclass(frozen=True)
class Meaning:
    """What the n value cells of a table mean.

    Attributes
    ----------
    cells, cell
        The distinct cells split, and each cell's code among them.
    units
        Units stated beside the cell's own: of the line, the heading, the name.
    answer
        Values that words stand for, NaN where a cell has none; such cells need no unit.
    rewritten
        Words of the flag by role, one a record, where the delivered ones are not to stand as they are.
    """

    cells: Sequence[Cell]
    cell: IntArray
    parameter: Labels
    site: Labels
    period: Labels
    observed_at: TimeArray
    units: Sequence[Labels]
    answer: FloatArray | None = None
    rewritten: Mapping[str, Labels] = field(default_factory=dict)


def split_cells(
    table: LedgerTable, prefixes: Sequence[str] = (), *, texts: Any = None
) -> tuple[list[Cell], IntArray]:
    """Return the distinct cells of a table split into number, unit and words, and each cell's code.

    Parameters
    ----------
    prefixes
        What may stand before a number (`≥`).
    texts
        n texts to be read in the cells' place, where a cell holds more than its number.
    """
    words, codes = encode(trimmed(table.raw if texts is None else texts))
    return [spelled(word, prefixes) for word in words], codes


def read_table(
    table: LedgerTable,
    meaning: Meaning,
    delivery: Delivery,
    *,
    rejected: Sequence[tuple[BoolArray, str]] = (),
    special: Mapping[str, Mapping[str, str]] | None = None,
) -> ReadResult:
    """Read the numbers in their parameters' canonical units and settle the table.

    Parameters
    ----------
    rejected
        Cells the layout turns away, with the reason's code, in order of rank.
    special
        Parameter to spellings of units that mean something only for it in this layout, with their ratio to
        its own unit.

    A unit stated twice must be the same; without any, only a dimensionless parameter is read.
    """
    own = Labels([cell.unit for cell in meaning.cells], meaning.cell)
    changes, reasons, which = _changes(meaning.parameter, [own, *meaning.units], special or {})
    text = pa.array([cell.number for cell in meaning.cells], pa.large_string()).take(pa.array(meaning.cell))
    exponent = np.array([change.exponent for change in changes], dtype=np.int64)[which]
    value = numbers(text, PLAIN_NUMBER, exponent) * np.array([change.factor for change in changes])[which]
    answered = np.zeros(len(value), dtype=bool)
    if meaning.answer is not None:
        answered = ~np.isnan(meaning.answer)
        value = np.where(answered, meaning.answer, value)
    cells, facts = table.sheet.cells, table.facts
    names = [
        *table.header.names,
        *(f"#{place + 1}" for place in range(len(table.header.names), _widest(table))),
    ]
    book = ValueCells(
        raw=table.raw,
        row=cells.number[table.line],
        column=Labels(names, table.position),
        site=meaning.site,
        parameter=meaning.parameter,
        period=meaning.period,
        observed_at=meaning.observed_at,
        flag=table.flag(meaning.rewritten),
        value=value,
        blank=table.blank,
    )
    book.reject(table.summary(), "summary-row")
    for where, code in rejected:
        book.reject(where, code)
    book.reject(meaning.parameter.absent, "unknown-parameter")
    unread = np.array([not cell.number for cell in meaning.cells], dtype=bool)[meaning.cell] & ~answered
    book.reject(unread, "not-a-number")
    for code in dict.fromkeys(reason for reason in reasons if reason):
        book.reject(np.array([reason == code for reason in reasons], dtype=bool)[which] & ~answered, code)
    shape = shape_of(
        cells,
        table.header.last,
        len(table.header.columns),
        facts.missing,
        notes=min(table.headings),
        may_break_off=table.may_break_off,
        mid_character=table.sheet.cut,
    )
    problems = table.problems + reject_misfits(book, shape, table.line, table.position, cells)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    return settle(
        book,
        delivery,
        facts,
        issue,
        encoding=table.sheet.encoding,
        problems=problems,
        sheet=table.sheet.name,
    )


def ledger_functions(
    name: str, column_of: ColumnOf, read: Callable[[LedgerTable, Delivery], ReadResult]
) -> LayoutFunctions:
    """Return the functions of a ledger's layout; `read` gives each of its tables their meaning."""

    def recognise(head: str, of: str, facts: LayoutData) -> float:
        if header_of(text_sheet(head), facts, column_of) is None:
            return 0.0
        named = partition_of(of, facts.names) or any(word in of for word in facts.rest["wanted"])
        return 1.0 if named else 0.9

    def read_all(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
        found, others = tables(content, delivery, facts, column_of)
        result = together([(table.sheet.name, read(table, delivery)) for table in found])
        result.problems.extend(others)
        return result

    return layout_functions(name, recognise, read_all)


def _widest(table: LedgerTable) -> int:
    return int(table.sheet.cells.width.max(initial=0))


def _changes(
    parameter: Labels, stated: Sequence[Labels], special: Mapping[str, Mapping[str, str]]
) -> tuple[list[Conversion], list[str], IntArray]:
    """Return the changes of unit there are, why one is none, and each cell's among them."""
    columns = [parameter, *stated]
    distinct, which = np.unique(
        np.stack([column.codes for column in columns], axis=1), axis=0, return_inverse=True
    )
    changes, reasons = [], []
    for codes in distinct.tolist():
        key, *texts = [
            column.words[code] if code >= 0 else "" for column, code in zip(columns, codes, strict=True)
        ]
        change, reason = (
            _change(key, [text for text in texts if text], special.get(key, {})) if key else (SAME, "")
        )
        changes.append(change)
        reasons.append(reason)
    return changes, reasons, which.reshape(-1).astype(np.int64)


def _change(key: str, texts: Sequence[str], special: Mapping[str, str]) -> tuple[Conversion, str]:
    canonical = parameters()[key].unit
    if not texts:
        return SAME, "" if canonical == "1" else "unknown-unit"
    own = {normalise_name(text): Decimal(ratio) for text, ratio in special.items()}
    found = [
        between(own[normalise_name(text)]) if normalise_name(text) in own else conversion(text, canonical)
        for text in texts
    ]
    first = found[0]
    if first is None or None in found:
        return SAME, "unknown-unit"
    return first, "" if len(set(found)) == 1 else "unit-contradicts"
