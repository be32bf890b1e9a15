"""Text or JSON rows to cells: every field with its line and position, by numpy, without a row loop.

The parser works on the UTF-8 bytes: separators and line ends are found at once, and taking them out
leaves an Arrow string array whose entries are the fields exactly as delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

IntArray = npt.NDArray[np.int64]

_LF, _CR, _QUOTE = 10, 13, 34
#: of delimited text; the first where a text holds none
_SEPARATORS = ",\t;"


@dataclass(frozen=True)
class Cells:
    """Every field of a table.

    Attributes
    ----------
    raw
        Arrow string array, n fields; null where the field holds JSON null.
    line
        n line numbers, 0-based index of the record.
    position
        n field positions within the record, 0-based.
    number
        For each record its 1-based physical line (or item).
    width
        For each record its count of fields.
    """

    raw: Any
    line: IntArray
    position: IntArray
    number: IntArray
    width: IntArray

    @property
    def records(self) -> int:
        """How many records there are."""
        return len(self.number)

    def take(self, chosen: npt.NDArray[np.bool_]) -> tuple[Any, IntArray, IntArray]:
        """Return raw, line and position of the chosen fields."""
        return self.raw.filter(pa.array(chosen)), self.line[chosen], self.position[chosen]

    def at(self, position: int) -> Any:
        """Return the field at `position` of every record as an Arrow array, null where there is none."""
        starts = np.cumsum(self.width) - self.width
        here = self.width > position
        index = pa.array(np.where(here, starts + position, 0), mask=~here)
        return pc.take(self.raw, index)

    def record(self, line: int) -> list[str]:
        """Return the fields of one record as text."""
        start = int(self.width[:line].sum())
        fields = self.raw.slice(start, int(self.width[line])).to_pylist()
        return ["" if field is None else field for field in fields]


def _strings(data: npt.NDArray[np.uint8], offsets: IntArray) -> Any:
    buffers = [None, pa.py_buffer(offsets.astype(np.int64).tobytes()), pa.py_buffer(data.tobytes())]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)


def separator_of(text: str) -> str:
    """Return the separator that a text holds most often; a comma where it holds none."""
    return max(_SEPARATORS, key=text.count)


def delimited(text: str, separator: str = ",") -> Cells:
    r"""Split delimited text into cells.

    Lines end with LF, CRLF or (when there is no LF at all) CR. A quoted field may hold separators and
    line ends; when the quotes do not pair up, they are taken as ordinary characters. Lines without a
    single character are no records; `number` still counts them.

    >>> cells = delimited("a,b\r\n1,\r\n")
    >>> cells.raw.to_pylist(), cells.number.tolist(), cells.width.tolist()
    (['a', 'b', '1', ''], [1, 2], [2, 2])
    """
    if "\n" not in text:
        text = text.replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    data = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
    is_quote = data == _QUOTE
    quoted = bool(is_quote.any()) and int(is_quote.sum()) % 2 == 0
    outside = (np.cumsum(is_quote) & 1) == 0 if quoted else np.ones(len(data), dtype=bool)
    is_end = (data == _LF) & outside
    is_separator = (data == ord(separator)) & outside
    # a CR that stands right before a line end belongs to the line end
    is_return = np.zeros(len(data), dtype=bool)
    is_return[:-1] = (data[:-1] == _CR) & is_end[1:]
    stops = np.flatnonzero(is_end | is_separator)
    keep = ~(is_end | is_separator | is_return)
    kept = np.concatenate(([0], np.cumsum(keep)))
    offsets = np.concatenate(([0], kept[stops]))
    raw = _strings(data[keep], offsets)
    ends = is_end[stops]
    line = np.cumsum(ends) - ends
    width = np.bincount(line).astype(np.int64)
    length = np.bincount(line, weights=np.diff(offsets)).astype(np.int64)
    line_feeds = np.concatenate(([0], np.cumsum(data == _LF)))
    opens = np.concatenate(([0], np.flatnonzero(is_end)[:-1] + 1))
    number = (line_feeds[opens] + 1).astype(np.int64)
    solid = ~((width == 1) & (length == 0))
    if not solid.all():
        raw = raw.filter(pa.array(np.repeat(solid, width)))
        width, number = width[solid], number[solid]
    if quoted:
        raw = _unquote(raw)
    return _numbered(raw, width, number)


def _numbered(raw: Any, width: IntArray, number: IntArray) -> Cells:
    line = np.repeat(np.arange(len(width), dtype=np.int64), width)
    starts = np.cumsum(width) - width
    position = np.arange(len(line), dtype=np.int64) - np.repeat(starts, width)
    return Cells(raw, line, position, number, width)


def _unquote(raw: Any) -> Any:
    """Take the quotes off fields that are quoted as a whole, and `""` to `"` within them."""
    whole = pc.match_substring_regex(raw, r'(?s)^".*"$')
    inner = pc.replace_substring(pc.utf8_slice_codeunits(raw, 1, -1), '""', '"')
    return pc.if_else(whole, inner, raw)


def encodable(text: str) -> str:
    r"""Return a text with its lone surrogates (`\ud800` in JSON) shown by their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def from_rows(rows: list[Any], number: IntArray | None = None) -> Cells:
    """Take cells from a list of lists, as a JSON body gives them; numbers keep their JSON spelling.

    Parameters
    ----------
    rows
        Lists of str, None, numbers or anything else JSON can hold.
    number
        1-based item of every row; counted through when not given.
    """
    width = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    flat = list(chain.from_iterable(rows))
    if not set(map(type, flat)) <= {str, type(None)}:
        flat = [field if field is None or isinstance(field, str) else str(field) for field in flat]
    # a lone surrogate (\ud800 in JSON) has no UTF-8 form; it is shown by its escape
    try:
        raw = pa.array(flat, pa.large_string())
    except UnicodeEncodeError:
        flat = [None if field is None else encodable(field) for field in flat]
        raw = pa.array(flat, pa.large_string())
    if number is None:
        number = np.arange(1, len(rows) + 1, dtype=np.int64)
    return _numbered(raw, width, number)
