"""Days of air by the engine: what `indicators.air_days.station_days` gives, as a second way to the same rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection

from vocabulary.rounding import round_half_even
from warehouse.aggregates import daily_maximum, daily_maximum_8h, daily_means
from warehouse.day_rule import DayRule


def station_days_sql(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    rules: Sequence[DayRule],
    mean_parameters: Sequence[str],
    *,
    usable_flags: Collection[str] | None = None,
    left_out: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Daily values of every station, as `indicators.air_days.station_days` gives them, by the engine.

    Parameters
    ----------
    start, end
        Whole days, `start <= day < end`.
    rules
        The rules of the days, apart from one another (`flows.day_rules.day_rules`).
    mean_parameters
        Parameters with a 24-h mean, in the order of the result; ozone follows them.
    usable_flags, left_out
        As `warehouse.aggregates.daily_means` takes them.

    Returns
    -------
    pandas.DataFrame
        site, day, parameter (the means', o3_mda8, o3_1h_max), value, hours, valid, standard; sorted by
        site, day and that order.
    """
    parts = []
    for rule in rules:
        first, last = max(start, rule.start), min(end, rule.end)
        if first >= last:
            continue
        scope = (connection, district, first, last)
        how: dict[str, Any] = {"usable_flags": usable_flags, "left_out": left_out, "as_of": as_of}
        means = daily_means(*scope, mean_parameters, rule.day_hours, **how)
        mda8 = daily_maximum_8h(*scope, rule.maximum, **how)
        mda8["valid"] = (mda8["windows"] >= rule.windows) | _above(mda8["value"], rule.mda8_limit)
        peak = daily_maximum(*scope, **how)
        peak["valid"] = (peak["hours"] >= rule.day_hours) | _above(peak["value"], rule.peak_limit)
        ozone = [mda8.assign(parameter="o3_mda8"), peak.assign(parameter="o3_1h_max")]
        parts.append(pd.concat([means, *ozone], ignore_index=True).assign(standard=rule.standard))
    columns = ["site", "day", "parameter", "value", "hours", "valid", "standard"]
    if not parts:
        empty = {"site": "str", "day": "datetime64[us]", "parameter": "str", "value": "float64"}
        kinds = empty | {"hours": "int64", "valid": "bool", "standard": "str"}
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})
    frame = pd.concat(parts, ignore_index=True)
    place = {name: number for number, name in enumerate((*mean_parameters, "o3_mda8", "o3_1h_max"))}
    frame["place"] = frame["parameter"].map(place)
    frame = frame.sort_values(["site", "day", "place"], kind="stable", ignore_index=True)[columns]
    return frame.astype({"parameter": "str", "standard": "str", "valid": "bool"})


def _above(value: pd.Series, limit: float | None) -> npt.NDArray[np.bool_]:
    """Tell where the value, rounded as it is published, is above the limit."""
    if limit is None:
        return np.zeros(len(value), dtype=np.bool_)
    above: npt.NDArray[np.bool_] = round_half_even(value.to_numpy(), 0) > limit
    return above
