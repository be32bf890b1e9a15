"""Tables of water quality filled in by hand: one row a sampling, one column an item.

What every such layout shares: a workbook of several sheets, headers below titles, rows of means, limits
and notes between the samplings, values below detection limits, dry sections. Cells are the positions of
columns that are no labels; a remark that only says why there was no water to sample is one too.
Source: sources/data/water_table.toml and the layout's own file; compilation of rules, section 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, FloatArray, Labels, ValueCells, among, encode, joined, numbers, settle
from sources.cells import Cells, IntArray
from sources.censored import CENSOR_WORDS, Censored, fold, grammar, method_limits, read_censored
from sources.delivery import Delivery
from sources.heading_rows import text_sheet
from sources.layout import LayoutData, layout_data
from sources.layout_functions import LayoutFunctions, layout_functions
from sources.naming import issue_of, partition_of
from sources.result import Problem, ReadResult, together
from sources.shape import reject_misfits, shape_of
from sources.table import Placed, ValueColumn, reject_columns
from sources.water_table_heading import Table, find_table, fold_text, table_rules
from sources.water_table_parts import tables_of
from sources.water_table_rows import row_kinds
from sources.water_table_times import RowTimes, Stated, row_times, stated_time
from sources.workbook import Sheet, open_sheets
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError
from vocabulary.units import SAME
from vocabulary.water_class import parse_class

DRY = "dry"
CLASS = "water_class"
#: a number after the grammar has taken limits apart: signed, perhaps with an exponent
_NUMBER = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?$"
#: records of a head that are looked at to recognise a layout
_HEAD_RECORDS = 60


@dataclass(frozen=True)
class Filled:
    """A table with its value cells, as a layout may adjust them before they are judged.

    `text` is each cell's folded text; `line` of `placed` is its record.
    """

    table: Table
    placed: Placed
    times: RowTimes
    stated: Stated
    text: Any


Adjust = Callable[[Filled, LayoutData, Delivery], None]


def sureness(layout: str, head: str, name: str) -> float:
    """Return how sure the head of an export is of a hand-filled layout, 0 to 1."""
    facts = layout_data(layout)
    words = {normalise_name(word) for word in facts.rest["roles"][facts.rest["site"]]}
    folded = normalise_name(head)
    if not any(word in folded for word in words):
        return 0.0
    table = find_table(text_sheet(head), layout, within=_HEAD_RECORDS)
    if table is None:
        return 0.0
    items = {column.parameter for column in table.heading.values.values()} - {""}
    if len(items - {CLASS}) < facts.rest["least_items"] or facts.rest.get("needs", CLASS) not in items | {
        CLASS
    }:
        return 0.2
    if re.search(facts.rest["marks"], head) is None:
        # the header alone may be that of a platform's table
        return 0.25
    return 1.0 if partition_of(name, facts.names) else 0.9


def read_tables(layout: str, content: bytes, delivery: Delivery, adjust: Adjust | None = None) -> ReadResult:
    """Read every sheet that has a table of the layout.

    Parameters
    ----------
    layout
        The layout's data file (`water_monthly`).
    content
        The landed bytes.
    delivery
        Whose bytes they are.
    adjust
        What a layout of its own does with the placed cells.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `file-too-large`; `layout-unknown` where no sheet has the header,
        `no-cells` where none has a row below it.
    """
    facts = layout_data(layout)
    parts: list[tuple[str, ReadResult]] = []
    skipped: list[Problem] = []
    sheets = open_sheets(content)
    empty = False
    for sheet in sheets:
        tables = tables_of(sheet, layout)
        filled = [table for table in tables if table.header.last + 1 < table.sheet.cells.records]
        if not tables:
            skipped.append(_skipped(sheet, "没有本版式的表头", "has no header of this layout"))
        elif not filled:
            empty = True
            skipped.append(_skipped(sheet, "表头下没有行", "has no row below its header"))
        parts += [(sheet.name, _read_table(table, facts, delivery, adjust)) for table in filled]
    if not parts:
        if empty:
            raise DeliveryRefusedError(
                "no-cells",
                f"{delivery.name} 表头下没有任何行",
                f"{delivery.name} has no row below its header",
            )
        raise _unknown(sheets[0], facts, delivery)
    result = together(parts)
    result.problems.extend(skipped)
    return result


def water_functions(name: str, adjust: Adjust | None = None) -> LayoutFunctions:
    """Return the functions of a hand-filled layout; `adjust` is what it does of its own with placed cells."""

    def recognise(head: str, of: str, _facts: LayoutData) -> float:
        return sureness(name, head, of)

    def read(content: bytes, delivery: Delivery, _facts: LayoutData) -> ReadResult:
        return read_tables(name, content, delivery, adjust)

    return layout_functions(name, recognise, read)


def _skipped(sheet: Sheet, zh: str, en: str) -> Problem:
    return Problem("sheet-skipped", f"工作表“{sheet.name}”{zh}", f"sheet {sheet.name!r} {en}")


def _unknown(sheet: Sheet, facts: LayoutData, delivery: Delivery) -> DeliveryRefusedError:
    wanted = facts.rest["roles"][facts.rest["site"]][0]
    within, found = table_rules()["header_within"], ",".join(sheet.cells.record(0))[:120]
    return DeliveryRefusedError(
        "layout-unknown",
        f"{delivery.name} 前 {within} 行中没有含“{wanted}”和监测项目的表头；首行为 {found}",
        f"{delivery.name} has no header with {wanted} and an item in its first {within} rows; it starts {found}",
    )


def _read_table(table: Table, facts: LayoutData, delivery: Delivery, adjust: Adjust | None) -> ReadResult:
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    stated = stated_time(table, delivery.name)
    times = row_times(table, stated)
    sites, ambiguous = _sites(table, facts)
    kinds = row_kinds(table)
    filled, said = _place(table, facts, times, stated, sites)
    placed, book = filled.placed, filled.placed.book
    for code, rows in kinds.rejected.items():
        book.reject(rows[placed.line], code)
    _read_dry(filled, kinds.plain)
    _read_words(filled, facts)
    if adjust is not None:
        adjust(filled, facts, delivery)
    problems = list(table.heading.problems) + _misfits(filled)
    reject_columns(placed, table.heading)
    book.reject(ambiguous[placed.line], "site-ambiguous")
    book.reject(
        (np.isnat(times.when) & ~times.given)[placed.line] & np.isnat(book.observed_at), "time-missing"
    )
    _reject_repeats(book, kinds.plain[placed.line])
    _put_limits(filled, said, kinds.detection)
    return settle(
        book, delivery, facts, issue, encoding=table.sheet.encoding, problems=problems, sheet=table.sheet.name
    )


def label_words(table: Table, role: str) -> Labels:
    """Return a label column without any blank within its texts; '' for every record where it is absent."""
    place = table.heading.labels.get(role)
    if place is None:
        return Labels.same("", table.sheet.cells.records)
    words, codes = encode(table.sheet.label(place))
    return Labels([re.sub(r"\s+", "", word) for word in words], codes)


def _sites(table: Table, facts: LayoutData) -> tuple[Labels, BoolArray]:
    """Return the site of every record, and where one name stands for sections of two rivers.

    A vertical (垂线) or point of a section is a site of its own: `断面/左`.
    """
    name, vertical = label_words(table, facts.rest["site"]), label_words(table, "vertical")
    both = joined([name, vertical], "/")
    codes = np.where(name.absent, -1, both.codes)
    river = label_words(table, "river")
    known = ~name.absent & ~river.absent & (np.arange(table.sheet.cells.records) > table.header.last)
    pairs = np.unique(np.stack([name.codes[known], river.codes[known]]), axis=1)
    found, count = np.unique(pairs[0], return_counts=True)
    return Labels(both.words, codes), np.isin(name.codes, found[count > 1]) & ~name.absent


def _place(
    table: Table, facts: LayoutData, times: RowTimes, stated: Stated, sites: Labels
) -> tuple[Filled, Censored]:
    """Take the value positions below the header, and remarks that only say why nothing was sampled."""
    cells, header, heading = table.sheet.cells, table.header.last, table.heading
    columns, holds = _columns(table, cells)
    remark = heading.labels.get("remark")
    if remark is not None and facts.rest["site"] == "section":
        columns[remark] = ValueColumn(columns[remark].heading, DRY, SAME)
        is_word = cells.position == remark
        is_word[is_word] = among(_word(fold(cells.raw.filter(pa.array(is_word)))), _dry_words())
    else:
        is_word = np.zeros(len(cells.line), dtype=bool)
    raw, line, position = cells.take((holds[cells.position] | is_word) & (cells.line > header))
    said = read_censored(raw)
    changes = [column.conversion or SAME for column in columns]
    value = numbers(said.number, _NUMBER, np.array([change.exponent for change in changes])[position])
    value = value * np.array([change.factor for change in changes])[position]
    value[said.undetected] = np.nan
    parameter = Labels([column.parameter for column in columns], position)
    text = fold(raw)
    signed = np.array([word in table_rules()["signed"] for word in parameter.words])[position]
    blank = among(text, frozenset(map(fold_text, table_rules()["missing"])))
    blank |= among(text, grammar().not_monitored) & ~signed
    flag = label_words(table, "flag")
    book = ValueCells(
        raw=raw,
        row=cells.number[line],
        column=Labels([column.heading for column in columns], position),
        site=Labels(sites.words, sites.codes[line]),
        parameter=parameter,
        period=Labels([facts.rest["period"], "1mo"], times.monthly[line].astype(np.int64)),
        observed_at=times.when[line],
        flag=Labels(flag.words, flag.codes[line]),
        value=value,
        blank=blank,
        censor=Labels(CENSOR_WORDS, said.censor),
        limit=np.full(len(line), np.nan),
    )
    return Filled(table, Placed(book, line, position, said.number), times, stated, text), said


def _columns(table: Table, cells: Cells) -> tuple[list[ValueColumn], BoolArray]:
    """Return a column for every position of the sheet, and which positions hold values."""
    heading = table.heading
    widest = max(heading.width, int(cells.width.max(initial=0)))
    names = [*heading.names, *(f"#{place + 1}" for place in range(heading.width, widest))]
    columns = [heading.values.get(place) or ValueColumn(names[place], "", SAME) for place in range(widest)]
    holds = np.array([place in heading.values or place >= heading.width for place in range(widest)])
    return columns, holds


def _word(text: Any) -> Any:
    """Return folded texts for matching words: no blanks, no brackets around, no full stop at the end."""
    bare = pc.replace_substring_regex(text, r"\s+", "")
    return pc.utf8_rtrim(pc.replace_substring_regex(bare, r"^\((.*)\)$", r"\1"), "。.;")


def _dry_words() -> frozenset[str]:
    return frozenset(table_rules()["dry"])


def _read_dry(filled: Filled, plain: BoolArray) -> None:
    """Turn the first word of a row that says why it has no sample into a reading; later ones are blank.

    A row that has values all the same contradicts itself: its words are turned away.
    """
    book, placed = filled.placed.book, filled.placed
    words = _word(filled.text)
    is_dry = among(words, _dry_words()) & plain[placed.line] & ~book.blank
    if not is_dry.any():
        return
    known = ~np.isin(np.array([*book.parameter.words, ""]), ["", CLASS, DRY])[book.parameter.codes]
    measured = np.unique(placed.line[np.isfinite(book.value) & ~book.blank & known])
    book.reject(is_dry & np.isin(placed.line, measured), "dry-contradicted")
    stated = np.flatnonzero(is_dry & ~np.isin(placed.line, measured))
    first = stated[np.unique(placed.line[stated], return_index=True)[1]]
    book.blank[np.setdiff1d(stated, first)] = True
    codes: dict[str, int] = table_rules()["dry"]
    distinct, index = encode(words.take(pa.array(first)))
    book.value[first] = np.array([codes[word] for word in distinct], dtype=np.float64)[index]
    book.parameter = _put(book.parameter, first, [DRY], np.zeros(len(first), dtype=np.int64))
    book.flag = _put(book.flag, first, distinct, index)
    _date_dry(filled, first)


def _date_dry(filled: Filled, first: IntArray) -> None:
    """Give dry rows whose date was left open the month that the table states."""
    book, stated = filled.placed.book, filled.stated
    if stated.year is None or stated.month is None:
        return
    undated = first[~filled.times.given[filled.placed.line[first]]]
    book.observed_at[undated] = np.datetime64(f"{stated.year:04d}-{stated.month:02d}-01", "us")
    codes = book.period.codes.copy()
    codes[undated] = 1
    book.period = Labels(book.period.words, codes)


def _put(labels: Labels, where: IntArray, words: list[str], index: IntArray) -> Labels:
    """Return labels with other words at some cells."""
    codes = labels.codes.copy()
    codes[where] = len(labels.words) + index
    return Labels([*labels.words, *words], codes)


def _read_words(filled: Filled, facts: LayoutData) -> None:
    """Read columns of words: water classes, and the words of the layout's own data."""
    book, placed = filled.placed.book, filled.placed
    heading = filled.table.heading
    tables: dict[str, dict[str, float]] = facts.rest.get("words", {})
    for place, column in heading.values.items():
        here = (placed.position == place) & ~_is_dry_cell(book)
        if column.parameter == CLASS:
            book.value[here] = _class_numbers(filled.text.filter(pa.array(here)))
            book.reject(here & np.isnan(book.value), "class-unknown")
        elif column.parameter in tables:
            known = {normalise_name(word): float(code) for word, code in tables[column.parameter].items()}
            words, codes = encode(filled.text.filter(pa.array(here)))
            read = np.array([known.get(normalise_name(word), np.nan) for word in words], dtype=np.float64)
            book.value[here] = read[codes]


def _is_dry_cell(book: ValueCells) -> BoolArray:
    return np.asarray(np.array([*book.parameter.words, ""]) == DRY)[book.parameter.codes]


def _class_numbers(text: Any) -> FloatArray:
    """Return the class of each cell; NaN where the spelling is not known."""
    words, codes = encode(text)
    read = [parse_class(word) for word in words]
    known = np.array([np.nan if number is None else number for number in read], dtype=np.float64)
    return np.asarray(known[codes], dtype=np.float64)


def _misfits(filled: Filled) -> list[Problem]:
    """Turn away rows of another width; only text can have them, a sheet is a rectangle."""
    table, placed = filled.table, filled.placed
    if not table.sheet.is_text:
        return []
    cells = table.sheet.cells
    shape = shape_of(
        cells,
        table.header.last,
        table.heading.width,
        frozenset(table_rules()["missing"]),
        notes=min(table.heading.values),
        may_break_off=table.ends_file,
        mid_character=table.sheet.cut and table.ends_file,
    )
    return reject_misfits(placed.book, shape, placed.line, placed.position, cells)


def _reject_repeats(book: ValueCells, plain: BoolArray) -> None:
    """Turn away readings of a month without a day that stand several times: they cannot be told apart."""
    here = np.flatnonzero((book.period.codes == 1) & plain & ~book.blank & (book.code == 0))
    keys = np.stack(
        [book.site.codes[here], book.parameter.codes[here], book.observed_at[here].astype(np.int64)]
    )
    _, group, count = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    repeated = np.zeros(len(book.row), dtype=bool)
    repeated[here] = count[group.ravel()] > 1
    book.reject(repeated, "time-ambiguous")


def _put_limits(filled: Filled, said: Censored, detection: BoolArray) -> None:
    """Give non-detects their limit: as delivered, else the table's row of limits, else the method's."""
    book, placed = filled.placed.book, filled.placed
    own = method_limits(book.parameter, book.observed_at)
    stated = np.flatnonzero(detection[placed.line] & np.isfinite(book.value))
    by_column = np.full(int(placed.position.max(initial=0)) + 1, np.nan)
    by_column[placed.position[stated]] = book.value[stated]
    of_table = by_column[placed.position]
    limit = np.where(np.isnan(of_table), own, of_table)
    book.value[said.undetected] = limit[said.undetected]
    book.reject(said.undetected & np.isnan(book.value), "detection-limit-unknown")
    below = said.censor == CENSOR_WORDS.index("<")
    book.limit = np.where(below, book.value, np.nan)
