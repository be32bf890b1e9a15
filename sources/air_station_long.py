"""Reader of hourly station exports, one row a station and hour: text or workbook, units in the headings.

Source: sources/data/air_station_long.toml. An hour `08` is the interval that ends at 08:00, a range `07~08`
says so itself, and `24:00` belongs to the day that ends.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_station_long", recognise_table, read_table)
