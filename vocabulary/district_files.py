"""Reading the small files of a district: TOML and CSV against a schema, the fault named by its line."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from vocabulary.plan import Strict

_Model = TypeVar("_Model", bound=Strict)


class DistrictError(Exception):
    """A file of a district is not what the schema expects."""

    def __init__(self, file: Path, where: str, key: str, expected: str) -> None:
        super().__init__(f"{file}: {where}: {key}: {expected}")
        self.file = file
        self.where = where
        self.key = key
        self.expected = expected


def read_text(file: Path) -> str:
    """Return the text of a UTF-8 file, with or without BOM; else a DistrictError."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DistrictError(file, "file", file.name, "expected this file to exist") from error
    except UnicodeDecodeError as error:
        raise DistrictError(file, f"byte {error.start}", file.name, "expected UTF-8 text") from error


def line_of(text: str, location: Sequence[str | int]) -> int:
    """Find the 1-based line of a TOML key by its path, e.g. ("indicator", 2, "target", 0, "value").

    Walks down the table headers; where the key itself is absent, the line of its table is returned.
    """
    lines = text.splitlines()
    line, path = 0, ""
    parts = list(location)
    for at, part in enumerate(parts):
        if isinstance(part, int):
            continue
        path = f"{path}.{part}" if path else part
        following = parts[at + 1] if at + 1 < len(parts) else None
        if isinstance(following, int):
            wanted, heads = following, [rf"^\s*\[\[{re.escape(path)}\]\]"]
        else:
            wanted, heads = 0, [rf"^\s*\[{re.escape(path)}\]", rf"^\s*{re.escape(part)}\s*="]
        hits = [n for n in range(line, len(lines)) if any(re.match(head, lines[n]) for head in heads)]
        if wanted >= len(hits):
            break
        line = hits[wanted]
    return line + 1


def _first_fault(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    fault = error.errors(include_url=False)[0]
    given = fault.get("input")
    shown = "" if fault["type"] == "missing" or isinstance(given, dict) else f" (found {given!r})"
    more = f"; {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return fault["loc"], f"{fault['msg']}{shown}{more}"


def read_toml(file: Path, model: type[_Model]) -> _Model:
    """Read a TOML file into its model; a DistrictError names line, key and what was expected."""
    text = read_text(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DistrictError(file, "TOML", file.name, str(error)) from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        location, expected = _first_fault(error)
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in location) or "file"
        raise DistrictError(file, f"line {line_of(text, location)}", key, expected) from error


def read_table(
    file: Path, model: type[Strict], dtypes: dict[str, str], once: tuple[str, ...]
) -> pd.DataFrame:
    """Read a small CSV, checking header, every row against `model`, and that `once` is not repeated."""
    reader = csv.reader(io.StringIO(read_text(file), newline=""))
    header = next(reader, [])
    if header != list(dtypes):
        raise DistrictError(
            file, "line 1", "header", f"expected {','.join(dtypes)}, found {','.join(header)}"
        )
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for cells in reader:
        line = reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            expected = f"expected {len(header)} fields, found {len(cells)}"
            raise DistrictError(file, f"line {line}", "row", expected)
        given = {
            name: (cell if dtypes[name] == "str" else cell.strip() or None)
            for name, cell in zip(header, cells, strict=True)
        }
        try:
            row = model.model_validate(given).model_dump()
        except ValidationError as error:
            location, expected = _first_fault(error)
            key = str(location[0]) if location else "row"
            raise DistrictError(file, f"line {line}", key, expected) from error
        identity = tuple(row[name] for name in once)
        if identity in seen:
            expected = f"{identity} stands already on line {seen[identity]}; expected it once"
            raise DistrictError(file, f"line {line}", ",".join(once), expected)
        seen[identity] = line
        rows.append(row)
    columns = {name: pd.Series([row[name] for row in rows], dtype="object") for name in dtypes}
    frame = pd.DataFrame(columns)
    dates = [name for name, kind in dtypes.items() if kind.startswith("datetime64")]
    for name in dates:
        frame[name] = pd.to_datetime(frame[name])
    return frame.astype(dtypes)
