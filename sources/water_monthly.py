"""Reader of manual monthly reports of surface-water sections (手工监测月报): workbooks, saved pages, CSV.

Source: sources/data/water_monthly.toml. Samplings are readings of channel `manual`; values below a
detection limit keep it; a dry or frozen section is a reading `dry` whose flag is the word delivered.
"""

from __future__ import annotations

from sources.water_table import water_functions

layout, partition, recognise, read = water_functions("water_monthly")
