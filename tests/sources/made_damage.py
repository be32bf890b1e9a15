"""Random damage to the exports of every layout: to their bytes, their lines and columns, their JSON, their cells."""

import gzip
import io
import json
import re
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st
from made_exports import EXPORTS
from made_tables import csv, page
from made_workbooks import xls, xlsx

from sources.catalogue import LAYOUTS
from sources.workbook import is_workbook, open_sheets
from vocabulary.reasons import DeliveryRefusedError

CORPUS = Path(__file__).parent / "corpus"
ENCODINGS = ("utf-8", "gb18030", "utf-8-sig", "utf-16", "big5", "utf-16-le")

#: what finds its way into a byte stream
_PIECES = (
    b",",
    b"\n",
    b"\r",
    b'"',
    b"\x00",
    b"\xff",
    b",,,,",
    b"1e999",
    "。".encode(),
    b"\r\n\r\n",
    b"\x1a",
    b"<",
)
#: what finds its way into a cell
_WORDS = (
    "", " ", "-", "—", "/", "*", "NaN", "null", "0", "-1", "-9999", "1e999", "9" * 400, "1,200", "０.０５", "0.05L",
    "<0.05", ">24000", "未检出", "断流", "停运", "维护", "12.3(M)", "平均值", "备注：无", "Ⅲ", "劣Ⅴ", "优", "N", "2026-02-30",
    "2026-09-22 24:00", "2026-09-22 18~19", "18", "25:00", "46086", "mg/L", "PM2.5", "总磷(mg/L)", "监测时间", "断面名称",
    "\u202e甲", "a\tb", "=1+1", "<b>1</b>", "&nbsp;", "##0100", "一" * 300, "True", "∞",
)  # fmt: skip
#: members of JSON
_LEAVES = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "-",
    "NaN",
    [],
    {},
    ["x"],
    {"k": 1},
    "\ud800",
    "9" * 40,
    "04-05 08:00",
)


@dataclass(frozen=True)
class Seed:
    """A sound export: its name as delivered and its bytes."""

    name: str
    content: bytes


def _seeds(source: str) -> tuple[Seed, ...]:
    found = []
    if source in EXPORTS:
        name, text = EXPORTS[source]
        found.append(Seed(name, text.encode()))
    for path in sorted((CORPUS / source).glob("*.toml")):
        (content,) = (other for other in path.parent.glob(f"{path.stem}.*") if other.suffix != ".toml")
        found.append(Seed(tomllib.loads(path.read_text("utf-8"))["name"], content.read_bytes()))
    return tuple(found)


SEEDS = {source: _seeds(source) for source in LAYOUTS}

#: rows of texts of one table
Rows = list[list[str]]


@cache
def _tables(content: bytes) -> dict[str, Rows]:
    """Return the sheets of an export as rows; nothing where it is no table."""
    try:
        sheets = open_sheets(content)
    except DeliveryRefusedError:
        return {}
    return {
        sheet.name or "Sheet1": [sheet.cells.record(record) for record in range(sheet.cells.records)]
        for sheet in sheets
    }


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:  # the next encoding
            continue
    return None


def _hurt_bytes(content: bytes, rng: Random) -> bytes:
    """Cut, drop, flip, insert, repeat or swap pieces of some bytes."""
    at, other = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
    span = rng.randint(1, 60)
    before, piece, behind = content[:at], content[at : at + span], content[at + span :]
    between, far = content[at:other], content[other : other + span]
    flipped = bytes(byte ^ (1 << rng.randrange(8)) for byte in content[at : at + 1])
    return rng.choice(
        (
            before,
            piece + behind,
            before + behind,
            before + flipped + content[at + 1 :],
            before + rng.choice(_PIECES) + piece + behind,
            before + piece + piece + behind,
            before + far + between + content[other + span :],
            before + rng.choice(_PIECES) * 3 + behind,
        )
    )


def _shuffle_columns(rows: Rows, rng: Random) -> Rows:
    order = list(range(max(map(len, rows))))
    rng.shuffle(order)
    return [[row[place] for place in order if place < len(row)] for row in rows]


def _swap_cells(rows: Rows, rng: Random) -> Rows:
    one, two = rng.choice(rows), rng.choice(rows)
    if one and two:
        left, right = rng.randrange(len(one)), rng.randrange(len(two))
        one[left], two[right] = two[right], one[left]
    return rows


def _put_word(rows: Rows, rng: Random) -> Rows:
    row = rng.choice(rows)
    place = rng.randrange(len(row) + 1)
    row[place : place + 1] = [rng.choice(_WORDS)]
    return rows


def _put_words(rows: Rows, rng: Random) -> Rows:
    place = rng.randrange(1 + max(map(len, rows)))
    return [[*row[:place], rng.choice(_WORDS), *row[place + 1 :]] for row in rows]


def _drop_line(rows: Rows, rng: Random) -> Rows:
    del rows[rng.randrange(len(rows))]
    return rows


def _repeat_lines(rows: Rows, rng: Random) -> Rows:
    one, two = rng.randrange(len(rows)), rng.randrange(len(rows))
    rows[two:two] = [list(row) for row in rows[one : one + rng.randint(1, 3)]]
    return rows


def _move_line(rows: Rows, rng: Random) -> Rows:
    rows.insert(rng.randrange(len(rows)), rows.pop(rng.randrange(len(rows))))
    return rows


def _shift_line(rows: Rows, rng: Random) -> Rows:
    at = rng.randrange(len(rows))
    rows[at] = [rng.choice(_WORDS), *rows[at]] if rng.random() < 0.5 else rows[at][1:]
    return rows


def _column_gone_or_twice(rows: Rows, rng: Random) -> Rows:
    place, times = rng.randrange(1 + max(map(len, rows))), rng.choice((0, 2))
    return [row[:place] + row[place : place + 1] * times + row[place + 1 :] for row in rows]


def _shuffle_lines(rows: Rows, rng: Random) -> Rows:
    rng.shuffle(rows)
    return rows


_ROW_DAMAGE: tuple[Callable[[Rows, Random], Rows], ...] = (
    _shuffle_columns,
    _swap_cells,
    _put_word,
    _put_words,
    _drop_line,
    _repeat_lines,
    _move_line,
    _shift_line,
    _column_gone_or_twice,
    _shuffle_lines,
)


def _hurt_rows(rows: Rows, rng: Random) -> Rows:
    """Shuffle columns or lines, swap or replace cells, drop, repeat, move or shift lines."""
    return rng.choice(_ROW_DAMAGE)([list(row) for row in rows], rng) if rows else []


def _hurt_lines(text: str, rng: Random) -> str:
    """Hurt a text as lines of fields, with the separator it seems to have."""
    separator = max(",\t;|", key=text.count)
    rows = [line.split(separator) for line in text.split("\n")]
    return "\n".join(separator.join(row) for row in _hurt_rows(rows, rng))


def _hurt_json(value: Any, rng: Random, depth: int = 0) -> Any:
    """Replace, drop, repeat or rename one member somewhere."""
    if not isinstance(value, (list, dict)) or not value or (depth and rng.random() < 0.2):
        return rng.choice(_LEAVES)
    kind = rng.random()
    if isinstance(value, list):
        at = rng.randrange(len(value))
        member = (
            [] if kind < 0.2 else [value[at]] * 2 if kind < 0.4 else [_hurt_json(value[at], rng, depth + 1)]
        )
        return [*value[:at], *member, *value[at + 1 :]]
    key = rng.choice(sorted(value))
    others = {name: item for name, item in value.items() if name != key}
    if kind < 0.2:
        return others
    if kind < 0.4:
        return others | {rng.choice((*_WORDS, "\ud800")): value[key]}
    return value | {key: _hurt_json(value[key], rng, depth + 1)}


def _as_xlsx(tables: dict[str, Rows], rng: Random) -> bytes:
    merged = {}
    if rng.random() < 0.3:
        corner = rng.randint(1, 4)
        merged = {name: [f"A{corner}:B{corner + 1}"] for name in tables}
    clean = {
        name[:31]: [[_typed(field, rng) for field in row] for row in rows] for name, rows in tables.items()
    }
    return _still(xlsx(clean, {name[:31]: ranges for name, ranges in merged.items()}))


def _still(book: bytes) -> bytes:
    """Return a zipped workbook without the times it was made at: the same cells are the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as made, zipfile.ZipFile(out, "w") as still:
        for part in made.namelist():
            body = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", made.read(part))
            still.writestr(zipfile.ZipInfo(part), body)
    return out.getvalue()


def _as_xls(tables: dict[str, Rows], rng: Random) -> bytes:
    return xls(
        {name[:31]: [[_typed(field, rng) for field in row] for row in rows] for name, rows in tables.items()}
    )


def _typed(field: str, rng: Random) -> object:
    """Return a field as a number where it is one, as a spreadsheet would hold it; now and then as text."""
    text = "".join(sign for sign in field if sign.isprintable())
    if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 16 and rng.random() < 0.8:
        return float(text)
    return text or None


def _as_page(tables: dict[str, Rows], rng: Random) -> bytes:
    return page([row for rows in tables.values() for row in rows], rng.choice(("utf-8", "gb18030")))


def _as_csv(tables: dict[str, Rows], rng: Random) -> bytes:
    return csv(
        [row for rows in tables.values() for row in rows], rng.choice(("utf-8", "gb18030", "utf-8-sig"))
    )


_BOOKS: tuple[Callable[[dict[str, Rows], Random], bytes], ...] = (_as_xlsx, _as_xls, _as_page, _as_csv)


def _packed_again(content: bytes, rng: Random) -> bytes:
    """Pack an export as gzip or zip; sometimes several parts, sometimes within each other."""
    kind = rng.choice(("gzip", "zip", "several", "nested"))
    if kind == "gzip":
        return gzip.compress(content, 1, mtime=0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("一.csv"), content)
        if kind == "several":
            archive.writestr(zipfile.ZipInfo("folder/2.csv"), _hurt_bytes(content, rng))
    return gzip.compress(out.getvalue(), 1, mtime=0) if kind == "nested" else out.getvalue()


def _opened(content: bytes) -> bytes:
    """Return what a gzip file or the first part of an archive holds, other content as it is."""
    try:
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content)
        if content.startswith(b"PK") and not _tables(content):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return archive.read(archive.namelist()[0])
    except (EOFError, OSError, ValueError, IndexError, zlib.error, zipfile.BadZipFile):
        # damaged already: it can only be hurt as bytes
        return content
    return content


def _hurt_book(plain: bytes, rng: Random) -> bytes | None:
    """Hurt the cells of a workbook or page and pack them as one again; None where it has none."""
    tables = {name: _hurt_rows(rows, rng) for name, rows in _tables(plain).items()}
    return rng.choice(_BOOKS)(tables, rng) if tables else None


def _hurt_body(text: str, rng: Random) -> bytes | None:
    """Hurt JSON as JSON; None where the text is none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        hurt = _hurt_json(json.loads(text), rng)
    except ValueError:  # JSON that ends early, or several values: lines it is
        return None
    return json.dumps(hurt, ensure_ascii=rng.random() < 0.3).encode("utf-8", "surrogatepass")


def _hurt_once(content: bytes, rng: Random) -> bytes:
    """Hurt an export by what it is: a workbook, JSON, a table, or just bytes."""
    kind = rng.random()
    if kind < 0.35 or not content:
        return _hurt_bytes(content, rng)
    plain = _opened(content)
    if is_workbook(plain) or plain[:1] == b"<":
        hurt = _hurt_book(plain, rng)
    elif (text := _text(plain)) is None:
        hurt = None
    elif kind < 0.45:
        hurt = text.encode(rng.choice(ENCODINGS), "replace")
    elif kind < 0.55:
        hurt = _hurt_book(plain, rng)
    else:
        hurt = _hurt_body(text, rng) or _hurt_lines(text, rng).encode(rng.choice(ENCODINGS[:4]), "replace")
    return _hurt_bytes(content, rng) if hurt is None else hurt


@st.composite
def damaged(draw: st.DrawFn, source: str) -> tuple[str, bytes]:
    """Return the name and the damaged bytes of one export of a layout."""
    seed = draw(st.sampled_from(SEEDS[source]))
    rng = draw(st.randoms(use_true_random=False))
    content = seed.content
    for _ in range(draw(st.integers(1, 4))):
        content = _hurt_once(content, rng)
    if draw(st.integers(0, 19)) == 0:
        content = _packed_again(content, rng)
    name = (
        seed.name if draw(st.integers(0, 9)) else draw(st.sampled_from(["x", "数据.csv", "202613.xls", "-"]))
    )
    return name, content
