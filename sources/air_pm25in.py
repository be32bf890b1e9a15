"""Reader of crawled hourly station pages: Date, Hour, WatchPoint, then words and items.

Source: sources/data/air_pm25in.toml. Level and primary pollutant are words, not values, and are no cells;
line breaks within them are data of the page. Repeated keys are later statements, the warehouse settles
them. A station is what its name says: `监控中心` and `监控中心(20190222启用)` are two sites.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_pm25in", recognise_table, read_table)
