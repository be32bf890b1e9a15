"""Reader of monthly dustfall (降尘量) tables: one row a station and month, text or workbook.

Source: sources/data/air_dustfall.toml. The unit stands in the heading or in a column of its own, in many
spellings; without one that is known, nothing is converted.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_dustfall", recognise_table, read_table)
