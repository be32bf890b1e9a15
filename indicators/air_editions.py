"""Which edition of an air standard rules which row: the switch is a date, applied row by row."""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import NoStandardError, Registry, Standard

BoolArray = npt.NDArray[np.bool_]


def editions(
    registry: Registry, topic: str, times: pd.Series, *, only: str | None = None
) -> list[tuple[Standard, BoolArray]]:
    """Split rows by the edition in force on their day.

    Parameters
    ----------
    registry : Registry
        The dated standards.
    topic : str
        E.g. "aqi", "air-evaluation".
    times : Series of datetime64, shape (n,)
        Days or starts of hours, wall time.
    only : str, optional
        Id of the one edition to use for every row, whatever its day.

    Returns
    -------
    list of (Standard, mask of shape (n,))
        Only editions with at least one row, oldest first; together they cover every row.

    Raises
    ------
    NoStandardError
        When a row has no edition, or `only` is not a standard of `topic`.
    """
    if only is not None:
        return [(named_standard(registry, topic, only), np.ones(len(times), dtype=np.bool_))]
    found = list(registry.spans(topic, times))
    covered = np.zeros(len(times), dtype=np.bool_)
    for _, mask in found:
        covered |= mask
    if not covered.all():
        first = times[~covered].min()
        raise NoStandardError(f"no standard of topic {topic!r} is in force on {first:%Y-%m-%d}")
    return found


def named_standard(registry: Registry, topic: str, identifier: str) -> Standard:
    """Return the standard with this id; NoStandardError when it does not belong to `topic`."""
    standard = registry.get(identifier)
    if standard.topic != topic:
        known = ", ".join(item.id for item in registry.of_topic(topic))
        raise NoStandardError(
            f"{standard.id} is of topic {standard.topic!r}; of topic {topic!r} are: {known}"
        )
    return standard


def limits_named(registry: Registry, identifier: str, day: dt.date) -> Standard:
    """Return the limits (GB 3095) that `identifier` asks for.

    Parameters
    ----------
    registry : Registry
    identifier : str
        Id of a standard of topic air-quality-limits, or of its companion of topic aqi or air-evaluation
        ("HJ633-2026" stands for the 2026 limits).
    day : date
        Chooses among several limits with the same companion: the stage in force on that day, else the first.

    Raises
    ------
    NoStandardError
        When no air standard has the id.
    """
    asked = registry.get(identifier)
    stages = registry.of_topic("air-quality-limits")
    if asked.topic == "air-quality-limits":
        return asked
    matching = [
        s for s in stages if asked.id in (s.rule("companions")["aqi"], s.rule("companions")["evaluation"])
    ]
    if not matching:
        raise NoStandardError(
            f"{asked.id} is no air standard; air limits are: {', '.join(s.id for s in stages)}"
        )
    return next((s for s in matching if s.in_force(day)), matching[0])


def limit_of(limits: Standard, parameter: str, statistic: str) -> float | None:
    """Grade 2 limit of a parameter ("pm2_5", "daily"), or None where the standard has none."""
    row = limits.tables["limits"].get(f"{parameter}_{statistic}")
    return None if row is None else float(row["grade2"])


def in_force_on_its_day(index: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Keep, of days that stand under several editions of the AQI, the edition in force on the day.

    Parameters
    ----------
    index : DataFrame
        Columns day and edition (a standard's label).
    registry : Registry
        The dated standards.
    """
    kept = [
        index[mask & (index["edition"] == standard.label).to_numpy()]
        for standard, mask in registry.spans("aqi", index["day"])
    ]
    return pd.concat(kept, ignore_index=True) if kept else index.iloc[0:0]
