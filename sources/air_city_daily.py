"""Reader of daily city files: date, city, AQI and the six items of the day.

Source: sources/data/air_city_daily.toml. Level, rank and primary pollutant are words or ranks, not values,
and are no cells. Whether the columns are what they are called is judged in quality: the columns of real
files of this kind have been found to lie.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_city_daily", recognise_table, read_table)
