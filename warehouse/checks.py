"""Recompute a sample of the stored days of air another way, and say where they differ.

The stored rows come from the pure functions in `indicators`; here the engine's own SQL computes them
again from the believed readings. Two ways that agree prove that the derived rows follow from the readings.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select

from warehouse.day_rule import DayRule
from warehouse.recall import believed, recall_table
from warehouse.schema import air_days, stale_days
from warehouse.station_days import station_days_sql

_KEY = ["site", "day", "parameter"]
_AGREES = 1e-9
_SHOWN = 20


def sampled_air_days(connection: Connection, district: str, *, size: int, seed: int) -> list[datetime]:
    """Return up to `size` days of the district that have stored values and wait for no evaluation, in order."""
    waiting = select(stale_days.c.day).where(stale_days.c.district == district)
    query = (
        select(air_days.c.day)
        .where(air_days.c.district == district, believed(air_days), air_days.c.day.not_in(waiting))
        .distinct()
    )
    known = sorted(connection.execute(query).scalars())
    # a sample, not a secret
    return sorted(random.Random(seed).sample(known, min(size, len(known))))  # noqa: S311


def air_day_failures(
    connection: Connection,
    district: str,
    days: Sequence[datetime],
    rules: Sequence[DayRule],
    mean_parameters: Sequence[str],
    sites: Collection[str],
    usable_flags: Collection[str],
    left_out: Mapping[str, int] | None = None,
) -> list[str]:
    """Compare the stored values of stations on some days with those computed anew.

    Parameters
    ----------
    rules, mean_parameters, usable_flags, left_out
        As `warehouse.station_days.station_days_sql` takes them.
    sites
        The registered stations; only they are evaluated.

    Returns
    -------
    list of str
        One line a difference, in Chinese and English; empty when all agree to 1e-9.
    """
    found: list[str] = []
    for day in days:
        end = day + timedelta(days=1)
        anew = station_days_sql(
            connection,
            district,
            day,
            end,
            rules,
            mean_parameters,
            usable_flags=usable_flags,
            left_out=left_out,
        )
        anew = anew[anew["site"].isin(list(sites))]
        scope = (air_days.c.district == district, air_days.c.day == day, air_days.c.site != "")
        stored = recall_table(connection, air_days, *scope)[list(anew.columns)].astype(anew.dtypes)
        both = stored.merge(anew, on=_KEY, how="outer", suffixes=("", "_anew"), indicator="side")
        found += _told(district, both[_differ(both)])
    return found[:_SHOWN]


def _differ(both: pd.DataFrame) -> npt.NDArray[np.bool_]:
    apart: npt.NDArray[np.bool_] = (both["side"] != "both").to_numpy(dtype=bool, copy=True)
    left, right = both["value"].to_numpy("float64"), both["value_anew"].to_numpy("float64")
    apart |= ~np.isclose(left, right, rtol=_AGREES, atol=_AGREES, equal_nan=True)
    for name in ("hours", "valid", "standard"):
        apart |= (both[name] != both[f"{name}_anew"]).to_numpy(dtype=bool, na_value=True)
    return apart


def _told(district: str, rows: pd.DataFrame) -> list[str]:
    lines = []
    for row in rows.head(_SHOWN).to_dict("records"):
        where = f"{district} {row['site']} {row['day']:%Y-%m-%d} {row['parameter']}"
        stored = f"{row['value']} ({row['hours']} h, {row['valid']}, {row['standard']})"
        anew = f"{row['value_anew']} ({row['hours_anew']} h, {row['valid_anew']}, {row['standard_anew']})"
        lines.append(f"{where}：库存 {stored}，重算 {anew} / stored {stored}, computed anew {anew}")
    return lines
