"""Reader of the national hourly air release turned long: one row a station and hour, one column a type.

Source: sources/data/air_quotsoft_long.toml. Real-time data, not audited; `t` is the end of the hour.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_quotsoft_long", recognise_table, read_table)
