"""What every table and column of the warehouse holds, in Chinese and English, as data (data/dictionary.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import Table

from warehouse.schema import metadata


class DictionaryError(LookupError):
    """A table or column is not described in warehouse/data/dictionary.toml."""


@dataclass(frozen=True)
class Described:
    """A column: what it holds, its type on both engines, whether it may be empty."""

    name: str
    zh: str
    en: str
    type: str = ""
    optional: bool = False


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("warehouse").joinpath("data/dictionary.toml").read_text("utf-8"))


def tables() -> list[Table]:
    """Return every table of the schema, by name."""
    return sorted(metadata.tables.values(), key=lambda table: table.name)


def table_words(name: str) -> tuple[str, str]:
    """Return what a table holds, in Chinese and English.

    Raises
    ------
    DictionaryError
        When it is not described.
    """
    found = _data()["table"].get(name)
    if found is None:
        raise DictionaryError(f"warehouse/data/dictionary.toml: no [table] {name}")
    return found[0], found[1]


def described_table(table: Table) -> list[Described]:
    """Return what each column of a table holds, in order; DictionaryError where one is not described."""
    return [
        Described(
            column.name,
            *_words(table.name, column.name),
            type=str(column.type.compile()).lower(),
            optional=bool(column.nullable),
        )
        for column in table.columns
    ]


def described_view(name: str, columns: Sequence[str]) -> list[Described]:
    """Return what each column of a view holds, in order; DictionaryError where one is not described."""
    return [Described(column, *_words(name, column)) for column in columns]


def unused_words() -> list[str]:
    """Return descriptions of tables and columns that are not there any more, views left aside."""
    names = {table.name for table in tables()}
    stale = [name for name in _data()["table"] if name not in names]
    known = {f"{table.name}.{column.name}" for table in tables() for column in table.columns}
    return stale + [
        key for key in _data()["column"] if "." in key and not key.startswith("v_") and key not in known
    ]


def _words(place: str, column: str) -> tuple[str, str]:
    known = _data()["column"]
    found = known.get(f"{place}.{column}", known.get(column))
    if found is None:
        raise DictionaryError(f"warehouse/data/dictionary.toml: no [column] {column} ({place}.{column})")
    return found[0], found[1]
