"""Reader of daily emission exports: daily means and daily amounts of outlets, one row an outlet and day.

Source: sources/data/outlet_daily.toml. Same forms as the hourly exports. The platform's daily means stand
beside what we compute from hours (period `1d`), they never replace it. A daily flow stated as a volume is
a volume, never a mean flow.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sources.assembly import TimeArray
from sources.naming import Issue
from sources.outlet_table import outlet_functions
from sources.times import parse_days


def _days(words: Sequence[str], _issue: Issue) -> TimeArray:
    """Return the midnight that begins each day; a time of day other than 00:00 is no date."""
    folded = [unicodedata.normalize("NFKC", word).strip() for word in words]
    return parse_days(folded, layout().rest["day_patterns"])


layout, partition, recognise, read = outlet_functions("outlet_daily", _days)
