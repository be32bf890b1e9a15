"""Reader of hourly emission exports: flue gas and wastewater outlets, one row an outlet and hour.

Source: sources/data/outlet_hourly.toml. CSV, workbooks and pages saved as `.xls`, one or many sheets.
Values are turned into the parameter's canonical unit by the unit of their heading; a cell that says that
the plant stands still is blank and its row's readings carry the word; summary rows are turned away with
their reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from sources.assembly import TimeArray
from sources.naming import Issue
from sources.outlet_table import outlet_functions
from sources.times import latest_time, parse_times


def _hours(words: Sequence[str], issue: Issue) -> TimeArray:
    """Return the start of each hour; `18~19`, `18` and `18:00` all begin at 18:00."""
    pattern = layout().rest["time_pattern"]
    return parse_times(words, pattern, latest_time(issue.covered_to), whole_hours=True)


layout, partition, recognise, read = outlet_functions("outlet_hourly", _hours)
