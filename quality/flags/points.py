"""A frame of readings as points in order of series and time: what the tests over time work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from quality.flags.rules import Kind
from quality.flags.verdicts import Bools, Floats, Ints

#: what a series is told by; a manual measurement is no neighbour of an automatic one
SERIES: tuple[str, ...] = ("parameter", "period", "channel", "district", "site")

_MICROSECOND = timedelta(microseconds=1)
#: runs of words are used where they hold this many rows on average
_ROWS_A_RUN = 8
_LARGEST = np.iinfo(np.int64).max


class TooManySeriesError(Exception):
    """Series times length of time do not fit into 64 bits; the frame must be flagged in parts."""


@dataclass(frozen=True)
class Rows:
    """The m rows of a frame that hold a value and a time, in order of kind, place and time.

    Attributes
    ----------
    at
        Where they stand in the frame: their positions, or where the frame is in order a mask of them.
    bounds
        The rows of kind i are `bounds[i] : bounds[i + 1]`.
    point
        The point of each, None where each row is one of its own; -1 where the reading is no point: an
        infinite value, or rows of one reading that state different values, none of which can be believed.
    """

    at: Ints | Bools
    bounds: Ints
    value: Floats
    point: Ints | None


@dataclass(frozen=True)
class Points:
    """n measured values in order of kind, place and time; one point for one reading.

    Attributes
    ----------
    kinds, bounds
        The k kinds; the points of kind i are `bounds[i] : bounds[i + 1]`.
    key
        (kind * places + place) * span + time, in ticks. The span is longer than all times and every stated
        time together: keys that differ by no more than a stated time belong to one series.
    tick
        Microseconds of a tick.
    value, low
        The value, and whether it was stated as at or below its detection limit.
    groups
        Code of the group of every place; -1 in none.
    """

    kinds: tuple[Kind, ...]
    bounds: Ints
    key: Ints
    span: int
    tick: int
    value: Floats
    low: Bools
    groups: Ints

    @cached_property
    def ticks(self) -> Ints:
        """The ticks from every point to the next; n - 1 of them."""
        return self.key[1:] - self.key[:-1]

    def near(self, at: slice, time: timedelta) -> Bools:
        """Tell which steps from a point of a slice to the next are no longer than a time."""
        return np.asarray(self.steps(at) <= self.at_most(time))

    def steps(self, at: slice) -> Ints:
        """Return the ticks from every point of a slice to the next of them."""
        return self.ticks[at.start : max(at.stop - 1, at.start)]

    def slices(self) -> dict[Kind, slice]:
        """Return where the points of every kind stand."""
        return slices(self.kinds, self.bounds)

    def local(self, kind: Kind) -> Ints:
        """Return place * span + time of the points of a kind, ascending."""
        number = self.kinds.index(kind)
        begin = number * len(self.groups) * self.span
        return self.key[self.bounds[number] : self.bounds[number + 1]] - begin

    def at_most(self, time: timedelta) -> int:
        """Return the largest number of ticks that is no more than a time."""
        return (time // _MICROSECOND) // self.tick

    def at_least(self, time: timedelta) -> int:
        """Return the smallest number of ticks that is no less than a time."""
        return -((-(time // _MICROSECOND)) // self.tick)


def slices(kinds: tuple[Kind, ...], bounds: Ints) -> dict[Kind, slice]:
    """Return where every kind stands in an array in order of kinds."""
    ends = bounds.tolist()
    return {kind: slice(a, z) for kind, a, z in zip(kinds, ends, ends[1:], strict=False)}


def arrange(
    readings: pd.DataFrame, groups: Mapping[str, str] | None, longest: timedelta
) -> tuple[Points, Rows]:
    """Bring readings into order.

    Parameters
    ----------
    readings
        Rows with the columns of `SERIES`, observed_at and value; censor and detection_limit where known.
    groups
        Site -> name of its group; None: the sites of a district are one group.
    longest
        No stated time is longer.

    Raises
    ------
    TooManySeriesError
        When the frame holds too many series over too long a time.
    KeyError
        When a column is missing.
    """
    value = np.asarray(readings["value"].to_numpy(dtype=np.float64, na_value=np.nan))
    moment = readings["observed_at"].to_numpy().astype("datetime64[us]", copy=False)
    stands: Bools = np.isnan(value)
    stands |= np.isnat(moment)
    np.logical_not(stands, out=stands)
    code, kinds, places = _series(readings, groups)
    key, span, tick = _keys(code, moment.view(np.int64), stands, len(kinds) * len(places), longest)
    at: Ints | Bools = stands
    if len(key) < len(value):
        value = value[stands]
    if len(key) > 1 and bool((key[1:] < key[:-1]).any()):
        order = np.argsort(key, kind="stable")
        at, key, value = np.flatnonzero(stands)[order], key[order], value[order]
    begins = np.arange(len(kinds) + 1, dtype=np.int64) * (len(places) * span)
    point, chosen = _points(key, value)
    low = _low(readings, at, value)
    rows = Rows(at=at, bounds=np.searchsorted(key, begins), value=value, point=point)
    if point is not None and chosen is not None:
        # of the rows of one reading the first stands for it; it is low when one of them says so
        marked = np.zeros(len(chosen), dtype=bool)
        marked[point[low & (point >= 0)]] = True
        key, value, low = key[chosen], value[chosen], marked
    bounds = rows.bounds if chosen is None else np.searchsorted(key, begins)
    return Points(kinds, bounds, key, span, tick, value, low, places), rows


@dataclass(frozen=True)
class _Codes:
    """Codes of n rows: one a row, or one a run of rows that ends before row `ends`."""

    codes: Ints
    ends: Ints | None

    def each(self) -> Ints:
        """Return one code a row."""
        return self.codes if self.ends is None else np.repeat(self.codes, np.diff(self.ends, prepend=0))


@dataclass(frozen=True)
class _Words(_Codes):
    """A column of words as codes into those known."""

    known: list[Any]

    def at(self, ends: Ints | None) -> Ints:
        """Return the codes of the pieces that end at `ends`; None: of every row."""
        if self.ends is None or ends is None:
            return self.each()
        return self.codes[np.searchsorted(self.ends, ends)]


def _words(column: pd.Series) -> _Words:
    """Return a column as codes; missing words share the last code. Where runs are few, they stand for rows."""
    ends = None
    if isinstance(column.dtype, pd.StringDtype) and column.dtype.storage == "pyarrow" and len(column):
        chunks = pa.chunked_array(column.array.__arrow_array__())
        text = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
        found = _run_ends(text)
        if len(found) <= len(column) // _ROWS_A_RUN:
            ends = found
            column = pd.Series(text.take(pa.array(ends - 1)).to_pylist(), dtype=object)
    codes, known = pd.factorize(column)
    if (codes < 0).any():
        return _Words(np.where(codes < 0, len(known), codes), ends, [*known, ""])
    return _Words(codes, ends, list(known))


def _run_ends(text: pa.Array) -> Ints:
    """Return before which rows runs of equal words end; of words of one length the bytes are compared as they lie."""
    if pa.types.is_large_string(text.type) and text.null_count == 0 and len(text) > 1:
        _, offsets, data = text.buffers()
        start = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
        size = int(start[1] - start[0])
        if size and bool((start[1:] - start[:-1] == size).all()):
            content = np.frombuffer(data, np.uint8)[start[0] : start[-1]]
            differs = content[size:] != content[:-size]
            last: Ints = np.array([len(text)])
            if not differs.any():
                return last
            return np.append(np.unique(np.flatnonzero(differs) // size) + 1, last)
    return np.asarray(pc.run_end_encode(text).run_ends.to_numpy(), dtype=np.int64)


def _series(
    readings: pd.DataFrame, groups: Mapping[str, str] | None
) -> tuple[_Codes, tuple[Kind, ...], Ints]:
    """Return the code kind * places + place of the rows, the kinds, and the group of every place.

    A frame in order of series says the same words for thousands of rows: then a run stands for its rows.
    """
    words = [_words(readings[name]) for name in SERIES]
    known = [column.ends for column in words if column.ends is not None]
    ends = np.unique(np.concatenate(known)) if len(known) == len(words) else None
    sizes = [len(column.known) for column in words[:3]]
    kind = (
        np.ravel_multi_index([column.at(ends) for column in words[:3]], sizes)
        if min(sizes)
        else words[0].codes
    )
    present = np.flatnonzero(np.bincount(kind, minlength=int(np.prod(sizes))))
    compact = np.zeros(int(np.prod(sizes)), dtype=np.int64)
    compact[present] = np.arange(len(present))
    picked = [np.unravel_index(number, sizes) for number in present]
    kinds = tuple(
        (str(words[0].known[a]), str(words[1].known[b]), str(words[2].known[c])) for a, b, c in picked
    )
    district, site = words[3:]
    places = max(len(district.known) * len(site.known), 1)
    code = compact[kind] * places + district.at(ends) * len(site.known) + site.at(ends)
    return _Codes(code, ends), kinds, _groups(district.known, site.known, groups)


def _groups(districts: list[Any], sites: list[Any], groups: Mapping[str, str] | None) -> Ints:
    """Return the group of every place, in order of districts and sites."""
    district = np.repeat(np.arange(len(districts), dtype=np.int64), len(sites))
    if groups is None:
        return district
    names = {name: number for number, name in enumerate(sorted(set(groups.values())))}
    own = np.array([names.get(groups.get(site, ""), -1) for site in sites], dtype=np.int64)
    group = np.tile(own, len(districts))
    return np.where(group < 0, -1, district * max(len(names), 1) + group)


def _keys(code: _Codes, time: Ints, stands: Bools, series: int, longest: timedelta) -> tuple[Ints, int, int]:
    """Return the key of every row that stands, the span of a series and the microseconds of a tick."""
    timed = ~np.isnat(time.view("datetime64[us]"))
    known = time if bool(timed.all()) else time[timed]
    if len(known) == 0:
        return known, 1, 1
    first, last = int(known.min()), int(known.max())
    pad = longest // _MICROSECOND
    tick = 1
    if series * (last - first + pad + 2) > _LARGEST:
        # coarser ticks lose nothing: every time is a whole number of them
        tick = max(int(np.gcd.reduce(known - first)), 1)
    span = (last - first) // tick + pad // tick + 2
    if series * span > _LARGEST:
        raise TooManySeriesError(
            f"{series} series over {(last - first) // 3_600_000_000} h do not fit; flag fewer sites at a time"
        )
    base = code.codes * span
    if tick == 1:
        key = _Codes(base - first, code.ends).each()
        key += time
    else:
        key = _Codes(base, code.ends).each() + (time - first) // tick
    return (key if bool(stands.all()) else key[stands]), span, tick


def _points(key: Ints, value: Floats) -> tuple[Ints | None, Ints | None]:
    """Return the point of every row, and the rows that stand for the points; None, None when each row is one."""
    new = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    finite = np.isfinite(value)
    if new.all() and finite.all():
        return None, None
    number = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    sound = np.ones(len(first), dtype=bool)
    sound[number[(value != value[first][number]) | ~finite]] = False
    place = np.where(sound, np.cumsum(sound) - 1, -1)
    return place[number], first[sound]


def _low(readings: pd.DataFrame, at: Ints | Bools, value: Floats) -> Bools:
    """Tell which rows are stated as at or below a detection limit."""
    low = np.zeros(len(value), dtype=bool)
    if "censor" in readings:
        low |= (readings["censor"] == "<").to_numpy(dtype=bool, na_value=False)[at]
    if "detection_limit" in readings:
        low |= value <= readings["detection_limit"].to_numpy(dtype=np.float64, na_value=np.nan)[at]
    return low
