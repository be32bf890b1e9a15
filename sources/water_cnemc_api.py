"""Reader of the national surface-water release's API answers (JSON with HTML in its cells).

Source: sources/data/water_cnemc_api.toml. A cell `<span title='原始值：20.27'>20.3</span>` is read at its
unrounded value; the whole cell is kept as `raw`. Times have no year; values left standing from long ago
are turned away.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, among, glued
from sources.cells import encodable, from_rows
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData
from sources.layout_functions import layout_functions
from sources.naming import partition_of
from sources.result import ReadResult
from sources.section_table import plain, read_sections, section_heading
from vocabulary.reasons import DeliveryRefusedError


def _recognise(head: str, name: str, facts: LayoutData) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    start = head.lstrip("\ufeff \r\n\t")
    if not start.startswith("{") or '"thead"' not in start:
        return 0.0
    heading = start.split('"tbody"', 1)[0]
    if "断面名称" not in heading and "\\u65ad\\u9762" not in heading:
        return 0.2
    return 1.0 if partition_of(name, facts.names) else 0.9


def _read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one answer into readings."""
    text = decode(content)
    body = _body(text.text, delivery.name)
    headings = [plain(encodable(field) if isinstance(field, str) else "") for field in body["thead"]]
    heading = section_heading(headings, facts, f"{delivery.name} thead")
    rows: list[Any] = body["tbody"]
    odd = np.array([not isinstance(row, list) for row in rows], dtype=bool)
    if odd.any():
        # an item that is no list of fields counts as one cell, at the first place that holds values
        lead = [""] * min(heading.values)
        rows = [row if isinstance(row, list) else [*lead, str(row)] for row in rows]

    def blanks(raw: pa.Array) -> tuple[pa.Array, BoolArray]:
        return _number_texts(raw, facts)

    return read_sections(
        from_rows(rows),
        -1,
        heading,
        delivery,
        facts,
        text,
        blanks=blanks,
        unreadable=odd,
        may_break_off=False,
    )


def _body(text: str, name: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeliveryRefusedError(
            "file-unreadable", f"{name} 不是完整的 JSON：{error}", f"{name} is no complete JSON: {error}"
        ) from error
    fits = isinstance(body, dict) and all(isinstance(body.get(key), list) for key in ("thead", "tbody"))
    if not fits:
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{name} 应为含 thead 与 tbody 两个数组的 JSON 对象",
            f"{name} should be a JSON object with the lists thead and tbody",
        )
    found: dict[str, Any] = body
    return found


def _number_texts(raw: pa.Array, facts: LayoutData) -> tuple[pa.Array, BoolArray]:
    """Return the text of every cell's number and where the cell is blank.

    The unrounded value stands in the tooltip; a tooltip of the publisher's outlier filter is a blank. A
    tooltip with a value over a cell that shows none contradicts itself: its text is no number.
    """
    full = pc.fill_null(raw, "")
    bare = pc.replace_substring_regex(full, r"(?s)<[^>]*>", "")
    shown = pc.utf8_trim_whitespace(pc.replace_substring(bare, "&nbsp;", " "))
    nothing = among(shown, facts.missing)
    tooltip = pc.match_substring(full, facts.rest["unrounded_mark"])
    found = pc.extract_regex(full, facts.rest["unrounded_pattern"])
    unrounded = glued(
        pc.fill_null(pc.struct_field(found, "double"), ""), pc.fill_null(pc.struct_field(found, "single"), "")
    )
    text = pc.if_else(tooltip, pc.utf8_trim_whitespace(unrounded), shown)
    has_tooltip = np.asarray(tooltip.to_numpy(zero_copy_only=False), dtype=bool)
    contradicts = has_tooltip & nothing
    text = pc.if_else(pa.array(contradicts), full, text)
    filtered = np.zeros(len(raw), dtype=bool)
    for mark in facts.rest["filtered_marks"]:
        filtered |= pc.match_substring(full, mark).to_numpy(zero_copy_only=False)
    return text, filtered | (nothing & ~has_tooltip)


layout, partition, recognise, read = layout_functions("water_cnemc_api", _recognise, _read)
