"""Value cells to a balanced result: blank, rejected with its reason, or a reading.

Every reader ends here, so that the balance `cells_in = readings + rejected + blank` is made in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sources.cells import IntArray
from sources.delivery import Delivery
from sources.layout import LayoutData
from sources.naming import Issue
from sources.result import Problem, ReadResult
from vocabulary.reading import READING_DTYPES, REJECT_DTYPES
from vocabulary.reasons import DeliveryRefusedError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.datetime64]

#: a plain decimal; up to 15 digits survive the way through a float64 unchanged
PLAIN_NUMBER = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,12})?$"

_STR = pd.StringDtype("pyarrow", na_value=np.nan)


@dataclass(frozen=True)
class Labels:
    """Few words for many cells: `words[codes]`; code -1 stands for ''."""

    words: Sequence[str]
    codes: IntArray

    @classmethod
    def same(cls, word: str, count: int) -> Labels:
        """Return the same word for all cells."""
        return cls([word], np.zeros(count, dtype=np.int64))

    @property
    def absent(self) -> BoolArray:
        """Where the word is ''."""
        empty = np.array([not word for word in (*self.words, "")], dtype=bool)
        return np.asarray(empty[self.codes], dtype=bool)

    def arrow(self, chosen: BoolArray) -> Any:
        """Return the words of the chosen cells as an Arrow string array."""
        words = pa.array([*self.words, ""], pa.large_string())
        codes = np.where(self.codes < 0, len(self.words), self.codes)[chosen]
        return words.take(pa.array(codes))


def joined(parts: Sequence[Labels], separator: str) -> Labels:
    """Return the words of several labels joined entry by entry; empty ones are left out."""
    first, *others = parts
    words, codes = [*first.words, ""], np.where(first.codes < 0, len(first.words), first.codes)
    for other in others:
        more = [*other.words, ""]
        pairs, codes = np.unique(
            codes * len(more) + np.where(other.codes < 0, len(other.words), other.codes), return_inverse=True
        )
        words = [
            separator.join(word for word in (words[pair // len(more)], more[pair % len(more)]) if word)
            for pair in pairs.tolist()
        ]
    return Labels(words, codes.astype(np.int64))


@dataclass
class ValueCells:
    """All value positions of one export, n of each.

    `observed_at` is datetime64[us], NaT where unknown; `value` NaN where there is none; `blank` marks
    missing cells; `code` is a reason's number in `codes`, 0 while nothing is wrong. `censor` ('<', '>' or
    '') and `limit` (detection limit in the canonical unit, NaN where none is stated) are only there in
    layouts that know of them.
    """

    raw: Any
    row: IntArray
    column: Labels
    site: Labels
    parameter: Labels
    period: Labels
    observed_at: TimeArray
    flag: Labels
    value: FloatArray
    blank: BoolArray
    censor: Labels | None = None
    limit: FloatArray | None = None
    code: IntArray = field(init=False)
    codes: list[str] = field(default_factory=lambda: [""])

    def __post_init__(self) -> None:
        """Start with nothing wrong."""
        self.code = np.zeros(len(self.row), dtype=np.int64)

    def reject(self, where: BoolArray, code: str) -> None:
        """Turn cells away, unless they are blank or already turned away: the first reason stays."""
        if code not in self.codes:
            self.codes.append(code)
        self.code[where & ~self.blank & (self.code == 0)] = self.codes.index(code)


def encode(raw: Any) -> tuple[list[str], IntArray]:
    """Return the distinct texts of an Arrow string array and each entry's index into them (null is '')."""
    coded = pc.dictionary_encode(pc.fill_null(raw, ""))
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def trimmed(raw: Any) -> Any:
    """Return texts without surrounding white space; null becomes ''."""
    return pc.utf8_trim_whitespace(pc.fill_null(raw, ""))


def among(raw: Any, words: frozenset[str]) -> BoolArray:
    """Return where the (trimmed) text is one of `words`."""
    found = pc.is_in(raw, value_set=pa.array(sorted(words), raw.type))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def glued(first: Any, second: Any) -> Any:
    """Return two Arrow string arrays (or an array and a scalar) joined entry by entry."""
    return pc.binary_join_element_wise(first, second, pa.scalar("", first.type))


def numbers(text: Any, pattern: str = PLAIN_NUMBER, exponents: IntArray | None = None) -> FloatArray:
    """Read decimal texts; NaN where the text is not of the pattern.

    Parameters
    ----------
    text
        Arrow string array, n trimmed texts.
    pattern
        RE2 pattern that a whole number must fit.
    exponents
        n powers of ten for a change of unit; the shift is made in the decimal text, so that
        `35` with -3 is the float64 nearest to 0.035.
    """
    coded = pc.dictionary_encode(text)
    distinct = coded.dictionary
    index = coded.indices.to_numpy(zero_copy_only=False)
    fits = pc.match_substring_regex(distinct, pattern)
    known = pc.if_else(fits, distinct, pa.scalar(None, distinct.type))
    value: FloatArray = _to_float(known)[index]
    if exponents is None:
        return value
    scientific = pc.match_substring(distinct, "e", ignore_case=True)
    has_power = scientific.to_numpy(zero_copy_only=False)[index]
    for exponent in np.unique(exponents[exponents != 0]).tolist():
        tail = pa.scalar(f"e{exponent}", distinct.type)
        shifted = pc.if_else(scientific, known, glued(known, tail))
        scale = np.where(has_power, 10.0**exponent, 1.0)
        value = np.where(exponents == exponent, _to_float(shifted)[index] * scale, value)
    return value


def _to_float(texts: Any) -> FloatArray:
    values: FloatArray = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def settle(
    cells: ValueCells,
    delivery: Delivery,
    layout: LayoutData,
    issue: Issue,
    *,
    encoding: str,
    problems: list[Problem],
    sheet: str = "",
) -> ReadResult:
    """Turn away what is incomplete, then split the cells; `sheet` is theirs in a workbook.

    Raises
    ------
    DeliveryRefusedError
        `no-cells` when there is not one value position.
    """
    count = len(cells.row)
    if count == 0:
        raise DeliveryRefusedError(
            "no-cells", f"{delivery.name} 没有任何数据单元格", f"{delivery.name} holds no value cells"
        )
    cells.reject(cells.parameter.absent, "unknown-parameter")
    cells.reject(cells.site.absent, "key-incomplete")
    cells.reject(np.isnat(cells.observed_at), "time-invalid")
    cells.reject(~np.isfinite(cells.value), "not-a-number")
    turned_away = cells.code > 0
    good = ~turned_away & ~cells.blank
    readings = _frame(
        cells,
        delivery,
        good,
        READING_DTYPES,
        {
            "value": cells.value[good],
            "detection_limit": np.full(int(good.sum()), np.nan) if cells.limit is None else cells.limit[good],
            "censor": _constant("", good) if cells.censor is None else _text(cells.censor.arrow(good)),
            "sheet": _constant(sheet, good),
            "provider_flag": _text(cells.flag.arrow(good)),
            "channel": _constant(layout.channel, good),
        },
    )
    rejects = _frame(
        cells,
        delivery,
        turned_away,
        REJECT_DTYPES,
        {
            "code": _text(Labels(cells.codes, cells.code).arrow(turned_away)),
            "sheet": _constant(sheet, turned_away),
            "cells": np.ones(int(turned_away.sum()), dtype=np.int64),
        },
    )
    return ReadResult(
        readings=readings,
        rejects=rejects,
        cells_in=count,
        blank=int(cells.blank.sum()),
        issued_at=issue.issued_at,
        issued_stated=issue.stated,
        encoding=encoding,
        problems=problems,
    )


def _frame(
    cells: ValueCells, delivery: Delivery, chosen: BoolArray, contract: dict[str, str], more: dict[str, Any]
) -> pd.DataFrame:
    """Build a frame in contract order, every column in its dtype from the start (ReadResult proves it)."""
    columns = {
        "district": _constant(delivery.district, chosen),
        "site": _text(cells.site.arrow(chosen)),
        "parameter": _text(cells.parameter.arrow(chosen)),
        "period": _text(cells.period.arrow(chosen)),
        "observed_at": cells.observed_at[chosen],
        "raw": _text(pc.fill_null(cells.raw, "").filter(pa.array(chosen))),
        "row": cells.row[chosen],
        "column": _text(cells.column.arrow(chosen)),
        **more,
    }
    return pd.DataFrame({name: columns[name] for name in contract}, copy=False)


def _constant(word: str, chosen: BoolArray) -> Any:
    return _text(pa.repeat(pa.scalar(word, pa.large_string()), int(chosen.sum())))


def _text(array: Any) -> Any:
    """Wrap an Arrow string array as a pandas `str` column without copying."""
    return pd.arrays.ArrowStringArray(pa.chunked_array([array]), dtype=_STR)
