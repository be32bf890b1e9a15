"""Reader of the US Water Quality Portal's results: one row a result, non-detects beside their limit.

Source: sources/data/abroad_wqp.toml. A result that was not detected is read as `<` its limit; without a
usable limit it is turned away. Which characteristic and fraction is which parameter, in which unit and
counted as what, is the layout's data; anything else is turned away with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sources.abroad_measures import Measures, measures
from sources.abroad_rows import UNKNOWN_ZONE, Rows, at_home, offsets, row_functions, rows_of, wall_times
from sources.assembly import (
    BoolArray,
    FloatArray,
    Labels,
    TimeArray,
    ValueCells,
    among,
    encode,
    glued,
    joined,
    numbers,
    settle,
)
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.layout import LayoutData
from sources.naming import issue_of
from sources.result import ReadResult
from sources.shape import reject_misfits, shape_of
from sources.times import parse_days

#: code of `<` and `>` in the censor words; -1 is none
_CENSORS = ["<", ">"]
_BELOW, _ABOVE = 0, 1


def _read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one export into readings."""
    rows = rows_of(content, delivery, facts)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    when, untimed, unzoned = _observed_at(rows, facts)
    measured = measures(rows, "unit", facts)
    found = _detected(rows, measured, facts)
    book = ValueCells(
        raw=found.raw,
        row=rows.cells.number[rows.line],
        column=Labels.same(rows.cells.record(0)[rows.places["value"]].strip(), len(rows.line)),
        site=Labels(*encode(rows.label("site"))),
        parameter=measured.parameter,
        period=Labels.same(facts.rest["period"], len(rows.line)),
        observed_at=when,
        flag=_flags(rows, facts),
        value=found.value,
        blank=found.blank,
        censor=Labels(_CENSORS, found.censor),
        limit=found.limit,
    )
    shape = shape_of(rows.cells, 0, rows.width, facts.missing, mid_character=rows.cut)
    place = np.full(len(rows.line), rows.places["value"], dtype=np.int64)
    problems = reject_misfits(book, shape, rows.line, place, rows.cells)
    control, other = _not_the_water(rows, facts)
    book.reject(control, "quality-control-sample")
    book.reject(other, "medium-other")
    book.reject(measured.parameter.absent, "unknown-parameter")
    book.reject(untimed, "time-missing")
    book.reject(unzoned, "timezone-unknown")
    book.reject(found.limitless, "limit-missing")
    book.reject(found.unit_unknown, "unknown-unit")
    book.reject(found.basis_unknown, "basis-unknown")
    # after this only values that would be readings are left: the first of a series stays
    book.reject(np.isnat(when), "time-invalid")
    book.reject(~np.isfinite(book.value), "not-a-number")
    book.reject(_second_series(book, rows, facts), "second-series")
    return settle(book, delivery, facts, issue, encoding=rows.encoding, problems=problems)


def _observed_at(rows: Rows, facts: LayoutData) -> tuple[TimeArray, BoolArray, BoolArray]:
    """Return the times at home (NaT unreadable), where there is no date, and where the zone is not known."""
    days, times = rows.label("date"), rows.label("time")
    no_date, no_time = among(days, facts.missing), among(times, facts.missing)
    words, code = encode(
        pc.if_else(pa.array(no_time), days, glued(glued(days, pa.scalar(" ", days.type)), times))
    )
    zones, zone = encode(rows.label("zone"))
    wall = wall_times(words, facts.rest["time_pattern"])[code]
    minutes = offsets(zones, facts.rest["zones"])[zone]
    whole_days = parse_days(words, [facts.rest["date_pattern"]])[code]
    when = np.where(no_time, whole_days, at_home(wall, minutes))
    return when, no_date, ~no_time & ~np.isnat(wall) & (minutes == UNKNOWN_ZONE)


@dataclass(frozen=True)
class _Detected:
    """Values in canonical units with their censoring, n of each, and where one cannot be had."""

    raw: Any
    value: FloatArray
    limit: FloatArray
    censor: IntArray
    blank: BoolArray
    limitless: BoolArray
    unit_unknown: BoolArray
    basis_unknown: BoolArray


def _detected(rows: Rows, measured: Measures, facts: LayoutData) -> _Detected:
    """Read values, and limits where a result was not quantified.

    A result below (above) quantitation is worth its limit with `<` (`>`); where no limit is given but a
    value is, that value is the limit. A value written `<0.05` says the same by itself.
    """
    conditions = facts.rest["conditions"]
    text, condition = rows.label("value"), rows.label("condition")
    empty = among(text, facts.missing)
    # present but not quantified: an estimate that is given is a value, with the provider's qualifier
    below = among(condition, frozenset(conditions["below"]))
    below |= empty & among(condition, frozenset(conditions["estimated"]))
    above = among(condition, frozenset(conditions["above"]))
    blank = empty & among(condition, facts.missing | frozenset(conditions["missing"]))
    written_below = pc.match_substring_regex(text, "^<").to_numpy(zero_copy_only=False)
    written_above = pc.match_substring_regex(text, "^>").to_numpy(zero_copy_only=False)
    bare = pc.replace_substring_regex(text, r"^[<>]\s*", "")
    own = measured.read(bare, facts.rest["number_pattern"])
    limits = measures(rows, "limit_unit", facts)
    given = limits.read(rows.label("limit"), facts.rest["number_pattern"])
    has_limit = np.isfinite(given) & (given > 0) & limits.sound
    censored = below | above | written_below | written_above
    # a value written `<0.05` is its own limit, whatever stands in the column of limits
    itself = written_below | written_above | (censored & ~has_limit & ~empty)
    limit = np.where(itself, own, np.where(has_limit, given, np.nan))
    value = np.where(censored, limit, own)
    by_limit = censored & ~itself
    return _Detected(
        raw=pc.if_else(pa.array(empty & ~blank), condition, text),
        value=value,
        limit=limit,
        censor=np.where(written_below | (below & ~written_above), _BELOW, np.where(censored, _ABOVE, -1)),
        blank=blank,
        limitless=by_limit & ~has_limit,
        unit_unknown=~by_limit & measured.unit_unknown & ~(empty & ~censored),
        basis_unknown=~by_limit & measured.basis_unknown & ~(empty & ~censored),
    )


def _flags(rows: Rows, facts: LayoutData) -> Labels:
    """Return the provider's qualifiers, and its status where it does not stand by the value."""
    words, code = encode(rows.label("status"))
    good = frozenset(facts.rest["statuses"]["good"])
    status = Labels(["" if word in good else word for word in words], code)
    return joined([Labels(*encode(rows.label("qualifier"))), status], ";")


def _not_the_water(rows: Rows, facts: LayoutData) -> tuple[BoolArray, BoolArray]:
    """Return which rows are control samples, and which are of another medium than surface water."""
    samples = facts.rest["samples"]
    kinds, kind = encode(rows.label("kind"))
    control = np.array([word.startswith(tuple(samples["control"])) for word in kinds], dtype=bool)[kind]
    water = among(rows.label("medium"), frozenset(samples["media"]))
    water &= among(rows.label("submedium"), frozenset(samples["submedia"]))
    return control, ~water


def _second_series(book: ValueCells, rows: Rows, facts: LayoutData) -> BoolArray:
    """Return the cells that state another value for a site, parameter and time already stated.

    The shallowest sample is the first, then the first in the file; a repetition of the same value is none.
    """
    depths = numbers(rows.label("depth"), facts.rest["number_pattern"])
    words, code = encode(rows.label("depth_unit"))
    to_metres = {key: float(ratio) for key, (unit, ratio) in facts.rest["units"].items() if unit == "m"}
    metres = depths * np.array([to_metres.get(word, np.nan) for word in words])[code]
    # no depth stated: taken at the surface; a depth that cannot be read: behind all others
    order = np.where(among(rows.label("depth"), facts.missing), -np.inf, np.nan_to_num(metres, nan=np.inf))
    sound = (book.code == 0) & ~book.blank
    censor = book.censor.codes if book.censor is not None else np.full(len(order), -1)
    frame = pd.DataFrame(
        {
            "site": book.site.codes,
            "parameter": book.parameter.codes,
            "at": book.observed_at,
            "depth": order,
            "value": book.value,
            "censor": censor,
            "place": np.arange(len(order)),
        }
    )[sound].sort_values(["depth", "place"])
    first = frame.groupby(["site", "parameter", "at"])[["value", "censor"]].transform("first")
    differs = (frame["value"] != first["value"]) | (frame["censor"] != first["censor"])
    second = np.zeros(len(order), dtype=bool)
    second[frame.loc[differs, "place"].to_numpy()] = True
    return second


layout, partition, recognise, read = row_functions("abroad_wqp", _read)
