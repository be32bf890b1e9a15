"""Reader of the national hourly air export of cities (china_cities_YYYYMMDD.csv), one column a city.

Source: sources/data/air_quotsoft_cities.toml. The file is that of the stations with names of cities as
headings; a city is a site of its own, never mixed with its stations.
"""

from __future__ import annotations

from sources.air_quotsoft import read_wide, recognise_wide
from sources.layout_functions import layout_functions

layout, partition, recognise, read = layout_functions("air_quotsoft_cities", recognise_wide, read_wide)
