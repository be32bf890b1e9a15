"""Reader of hourly emission exports: flue gas and wastewater outlets, one row an outlet and hour.

Source: sources/data/outlet_hourly.toml. CSV, workbooks and pages saved as `.xls`, one or many sheets.
Values are turned into the parameter's canonical unit by the unit of their heading; a cell that says that
the plant stands still is blank and its row's readings carry the word; summary rows are turned away with
their reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from sources.assembly import TimeArray
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import Issue, partition_of
from sources.outlet_table import outlet_recognise, read_outlets
from sources.result import ReadResult
from sources.times import latest_time, parse_times


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("outlet_hourly")


def partition(name: str) -> str | None:
    """Return the month (or day) the name speaks of (`2026-01`), or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    return outlet_recognise(head, name, layout(), _hours)


def read(content: bytes, delivery: Delivery) -> ReadResult:
    """Read one export into readings.

    Parameters
    ----------
    content
        The landed bytes.
    delivery
        Whose bytes they are.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `layout-unknown`, `no-cells`.
    """
    return read_outlets(content, delivery, layout(), _hours)


def _hours(words: Sequence[str], issue: Issue) -> TimeArray:
    """Return the start of each hour; `18~19`, `18` and `18:00` all begin at 18:00."""
    pattern = layout().rest["time_pattern"]
    return parse_times(words, pattern, latest_time(issue.covered_to), whole_hours=True)
