"""Reader of registers of black-odorous water (黑臭水体清单): the state of each body, and what was measured.

Source: sources/data/black_odorous.toml. The state becomes the reading `black_odorous` (0 none or
eliminated, 1 light, 2 heavy); a word that leaves the grade open takes it from the column of grades.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from sources.assembly import BoolArray, FloatArray, Labels, TimeArray, encode
from sources.delivery import Delivery
from sources.layout import LayoutData
from sources.water_table import Filled, label_words, water_functions
from sources.water_table_heading import Table, fold_text
from sources.water_table_times import label_times
from vocabulary.parameters import normalise_name

STATE = "black_odorous"
_ELIMINATED = 0.0
_QUARTERS = {"一": 1, "二": 2, "三": 3, "四": 4}


def _adjust(filled: Filled, facts: LayoutData, delivery: Delivery) -> None:
    """Put grades, dates and sites of the state in place, and the register's day where a row has none."""
    book, line = filled.placed.book, filled.placed.line
    columns = filled.table.heading.values
    places = [place for place, column in columns.items() if column.parameter == STATE]
    state = np.isin(filled.placed.position, places)
    book.value[state] = _grades(filled, facts, state)
    book.reject(state & np.isnan(book.value), "state-unknown")
    as_of = _as_of(filled.table, facts, delivery)
    checked = label_times(filled.table, "checked", filled.stated)
    own = filled.times.when if filled.times.dated else np.full(len(checked), np.datetime64("NaT", "us"))
    registered = np.where(np.isnat(checked), as_of, checked)
    # a date that cannot be read is no missing one
    measured = np.where(np.isnat(own) & ~filled.times.given, registered, own)
    stated = np.where(np.isnat(registered), own, registered)
    moment = np.where(state, stated[line], measured[line])
    accepted = label_times(filled.table, "eliminated", filled.stated)
    late = state & np.isnat(moment) & (book.value == _ELIMINATED)
    moment = np.where(late, accepted[line], moment)
    moment = np.where(np.isnat(moment) & ~filled.times.dated, filled.times.when[line], moment)
    monthly = filled.times.monthly[line] & (moment == filled.times.when[line])
    book.observed_at = moment
    book.period = Labels(book.period.words, monthly.astype(np.int64))
    if "vertical" in filled.table.heading.labels:
        # the state is that of the body, whichever of its points the row is about
        body = label_words(filled.table, "body")
        words = [*book.site.words, *body.words]
        codes = np.where(
            body.absent[line], -1, np.where(body.codes < 0, -1, body.codes + len(book.site.words))[line]
        )
        book.site = Labels(words, np.where(state, codes, book.site.codes))


def _grades(filled: Filled, facts: LayoutData, state: BoolArray) -> FloatArray:
    """Return the grade of every cell of a state; NaN where neither its word nor the column of grades tells."""
    value = filled.placed.book.value[state].copy()
    if "level" not in filled.table.heading.labels:
        return value
    known = {normalise_name(word): float(code) for word, code in facts.rest["words"][STATE].items()}
    level = label_words(filled.table, "level")
    of_word = np.array([known.get(normalise_name(word), np.nan) for word in (*level.words, "")])
    of_row = of_word[level.codes][filled.placed.line[state]]
    words, codes = encode(filled.text.filter(pa.array(state)))
    open_words = {normalise_name(word) for word in facts.rest["by_level"]["words"]}
    is_open = np.array([normalise_name(word) in open_words for word in words], dtype=bool)[codes]
    graded = is_open & (of_row > _ELIMINATED)
    return np.where(graded, of_row, value)


def _as_of(table: Table, facts: LayoutData, delivery: Delivery) -> TimeArray:
    """Return the day the register states: of its title, its sheet or its file; a quarter is its last day."""
    *titles, sheet = table.titles
    for texts in (titles, [sheet], [delivery.name.rsplit("/", 1)[-1]]):
        for pattern in facts.rest["as_of"]["days"]:
            days = {_day(match) for text in texts for match in re.finditer(pattern, fold_text(text))}
            if len(days) == 1:
                return np.array(days.pop(), dtype="datetime64[us]")
        for pattern in facts.rest["as_of"]["quarters"]:
            ends = {_quarter_end(match) for text in texts for match in re.finditer(pattern, fold_text(text))}
            if len(ends) == 1:
                return np.array(ends.pop(), dtype="datetime64[us]")
    return np.array("NaT", dtype="datetime64[us]")


def _day(match: re.Match[str]) -> datetime | None:
    try:
        return datetime(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:  # 31 November: digits, but no date; the text then states no day
        return None


def _quarter_end(match: re.Match[str]) -> datetime:
    quarter = _QUARTERS.get(match["q"]) or int(match["q"])
    year, month = int(match["y"]) + quarter // 4, quarter * 3 % 12 + 1
    return datetime(year, month, 1) - timedelta(days=1)


layout, partition, recognise, read = water_functions("black_odorous", _adjust)
