"""What an export holds: the tables, their fields, types, titles and units, as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa

#: type of a field -> its Arrow type
ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "wall": pa.timestamp("us"),
    "utc": pa.timestamp("us", tz="UTC"),
    "known": pa.timestamp("us", tz="UTC"),
}

#: type of a field -> type and, in text files, format of the Table Schema
TEXT_FORMATS = {
    "wall": "%Y-%m-%dT%H:%M:%S",
    "utc": "%Y-%m-%dT%H:%M:%SZ",
    "known": "%Y-%m-%dT%H:%M:%S.%fZ",
}


@dataclass(frozen=True)
class Field:
    """One column of an exported table."""

    name: str
    type: str
    zh: str
    en: str
    unit: str = ""

    def described(self, *, as_text: bool) -> dict[str, Any]:
        """Return the field as Table Schema; `as_text` adds the format of times."""
        known: dict[str, Any] = {
            "name": self.name,
            "type": "datetime" if self.type in TEXT_FORMATS else self.type,
            "title": self.zh,
            "description": self.en,
        }
        if as_text and self.type in TEXT_FORMATS:
            known["format"] = TEXT_FORMATS[self.type]
        if self.unit:
            known["unit"] = self.unit
        return known


@dataclass(frozen=True)
class ExportTable:
    """One table of an export."""

    name: str
    zh: str
    en: str
    fields: tuple[Field, ...]

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return pa.schema([(field.name, ARROW[field.type]) for field in self.fields])


@cache
def export_tables() -> tuple[ExportTable, ...]:
    """Return every table of an export, in order, from reports/data/export_fields.toml."""
    data = tomllib.loads(files("reports").joinpath("data/export_fields.toml").read_text("utf-8"))
    known = data["field"]
    return tuple(
        ExportTable(
            name=name,
            zh=data["titles"][name][0],
            en=data["titles"][name][1],
            fields=tuple(Field(field, **known.get(f"{name}.{field}", known[field])) for field in fields),
        )
        for name, fields in data["tables"].items()
    )
