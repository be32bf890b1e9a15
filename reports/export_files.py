"""Write exported tables as Parquet, CSV or one workbook; the same rows give the same bytes (CSV, Parquet)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from reports.export_fields import ExportTable

#: what a spreadsheet program may take for the beginning of a formula: = + - @, tab, line breaks
_FORMULA = r"^'*[=+\-@\t\r\n]"
#: a plain number is none: it stays as it is, negative ones too
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"


def escape_formulas(texts: pa.Array) -> pa.Array:
    """Put an apostrophe before texts that a spreadsheet program might run as a formula.

    A text that begins with apostrophes and such a sign gets one more, so that taking one away from every
    text of the form `'…=` gives back exactly what stood there.
    """
    dangerous = pc.and_kleene(
        pc.match_substring_regex(texts, _FORMULA), pc.invert(pc.match_substring_regex(texts, _NUMBER))
    )
    return pc.if_else(dangerous, pc.binary_join_element_wise("'", texts, ""), texts)


def text_times(values: pa.Array, kind: str) -> pa.Array:
    """Return times as ISO text: `wall` and `utc` to the second, `known` to the microsecond, UTC with Z."""
    naive = values.cast(pa.int64()).cast(pa.timestamp("us"))
    if kind != "known":
        naive = pc.floor_temporal(naive, unit="second").cast(pa.timestamp("s"))
    text = pc.replace_substring(naive.cast(pa.string()), " ", "T")
    return text if kind == "wall" else pc.binary_join_element_wise(text, "Z", "")


def write_parquet(path: Path, table: ExportTable, rows: Iterable[pa.Table]) -> int:
    """Write one table as Parquet; return its number of rows."""
    count = 0
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for part in rows:
            writer.write_table(part)
            count += part.num_rows
    return count


def write_csv(path: Path, table: ExportTable, rows: Iterable[pa.Table]) -> int:
    """Write one table as CSV (UTF-8, RFC 4180); return its number of rows."""
    count = 0
    schema = pa.schema([(field.name, _text_type(field.type)) for field in table.fields])
    with pa_csv.CSVWriter(path, schema) as writer:
        for part in rows:
            writer.write_table(_as_text(part, table, schema))
            count += part.num_rows
    return count


def _text_type(kind: str) -> pa.DataType:
    plain = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    return plain.get(kind, pa.string())


def _as_text(part: pa.Table, table: ExportTable, schema: pa.Schema) -> pa.Table:
    columns: list[Any] = []
    for field, values in zip(table.fields, part.columns, strict=True):
        whole = values.combine_chunks()
        if field.type == "string":
            columns.append(escape_formulas(whole))
        elif field.type in {"wall", "utc", "known"}:
            columns.append(text_times(whole, field.type))
        else:
            columns.append(whole)
    return pa.Table.from_arrays(columns, schema=schema)
