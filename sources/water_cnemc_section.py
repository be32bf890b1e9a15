"""Reader of surface-water section CSV: the release's columns in plain text, 4-hourly, one or many sections.

Source: sources/data/water_cnemc_section.toml. The year of a time comes from the `YYYY-MM` part of the
path. Repeated keys are kept in order: a later line corrects an earlier one.
"""

from __future__ import annotations

from sources.cells import delimited
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData
from sources.layout_functions import layout_functions
from sources.naming import partition_of
from sources.result import ReadResult
from sources.section_table import read_sections, section_heading

#: sureness of a table with the column of the station's state, however few items it holds
_WITH_STATE = 0.6


def _recognise(head: str, name: str, facts: LayoutData) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    fields = [field.strip().strip('"') for field in head.lstrip("\ufeff").split("\n", 1)[0].split(",")]
    roles = facts.rest["roles"]
    if not any(field in roles["section"] for field in fields):
        return 0.0
    if not any(field in roles["time"] for field in fields):
        return 0.0
    known = [any(field.startswith(name) for field in fields) for name in facts.rest["columns"].values()]
    share = sum(known) / len(known)
    if any(field in roles["status"] for field in fields):
        # the state of a station is the release's own column; tables filled in by hand have none
        share = _WITH_STATE + (1 - _WITH_STATE) * share
    return round(share * (1.0 if partition_of(name, facts.names) else 0.9), 2)


def _read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one export into readings."""
    text = decode(content)
    cells = delimited(text.text, facts.rest["separator"])
    fields = [field.strip() for field in cells.record(0)]
    heading = section_heading(fields, facts, f"{delivery.name} 第 1 行 / line 1")
    return read_sections(cells, 0, heading, delivery, facts, text)


layout, partition, recognise, read = layout_functions("water_cnemc_section", _recognise, _read)
