"""Reader of groundwater points by items of GB/T 14848-2017: workbooks, saved pages, CSV.

Source: sources/data/groundwater_points.toml. Samplings are readings of channel `manual`; values below a
detection limit keep it.
"""

from __future__ import annotations

from sources.water_table import water_functions

layout, partition, recognise, read = water_functions("groundwater_points")
