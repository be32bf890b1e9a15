"""Limits of outlets by date: what the permit (排污许可证) says, and the standards' defaults under it.

Bases: `hourly` and `instant` hold for a single hour; `daily` for the mean of a day, so an hour above it
is a warning only; `warning` is an inner threshold of the outlet.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from indicators.registry import NoStandardError, Registry

BASES: tuple[str, ...] = ("hourly", "instant", "daily", "warning")
LIMIT_COLUMNS: tuple[str, ...] = (
    "site",
    "parameter",
    "basis",
    "limit",
    "limit_lower",
    "unit",
    "o2_ref",
    "valid_from",
    "valid_to",
    "clause",
    "document",
)
_KEY = ["site", "parameter", "basis"]


class LimitError(ValueError):
    """A limit's basis is unknown."""


def _checked(limits: pd.DataFrame) -> pd.DataFrame:
    unknown = limits.loc[~limits["basis"].isin(BASES)]
    if len(unknown):
        row = unknown.iloc[0]
        raise LimitError(
            f"limit of {row['site']}, {row['parameter']}: basis {row['basis']!r}; expected {', '.join(BASES)}"
        )
    table = limits.copy()
    if "limit_lower" not in table:
        table["limit_lower"] = np.nan
    for name in ("valid_from", "valid_to"):
        table[name] = pd.to_datetime(table[name]).astype("datetime64[us]")
    return table


def limits_on(keys: pd.DataFrame, limits: pd.DataFrame, bases: tuple[str, ...]) -> pd.DataFrame:
    """Find the limit in force for each row.

    Parameters
    ----------
    keys : DataFrame, n rows
        site, parameter, observed_at.
    limits : DataFrame
        site, parameter, basis, limit, valid_from, valid_to (last day, NaT: open), clause, and optionally
        limit_lower.
    bases : tuple of str
        Bases to look at, the first that has a limit wins.

    Returns
    -------
    DataFrame, n rows, index 0..n-1
        limit, limit_lower, basis, clause; NaN and '' where there is none. Of several in force for one
        basis the one that began last holds.

    Raises
    ------
    LimitError
        When a basis is unknown.
    """
    table = _checked(limits)
    table = table[table["basis"].isin(bases)]
    rows = pd.DataFrame({name: keys[name].to_numpy() for name in ("site", "parameter", "observed_at")})
    joined = rows.reset_index(names="row").merge(
        table[[*_KEY, "limit", "limit_lower", "valid_from", "valid_to", "clause"]],
        on=["site", "parameter"],
        how="inner",
    )
    begun = joined["valid_from"].isna() | (joined["observed_at"] >= joined["valid_from"])
    last = joined["valid_to"] + pd.Timedelta(days=1)
    held = joined[begun & (last.isna() | (joined["observed_at"] < last))]
    rank = held["basis"].map({basis: place for place, basis in enumerate(bases)})
    best = (
        held.assign(rank=rank)
        .sort_values(["row", "rank", "valid_from"], ascending=[True, True, False], kind="stable")
        .drop_duplicates("row")
        .set_index("row")[["limit", "limit_lower", "basis", "clause"]]
    )
    found = best.reindex(rows.index)
    found[["basis", "clause"]] = found[["basis", "clause"]].astype("str").fillna("")
    return found


def default_limits(registry: Registry, standard: str, category: str, sites: list[str]) -> pd.DataFrame:
    """Limits of a standard for some outlets, in the form of a table of permit limits.

    Parameters
    ----------
    registry : Registry
        The dated standards.
    standard : str
        Id of a standard of topic emission-limits ("GB18918-2002", "DB37/664-2019").
    category : str
        As in the standard's rows ("grade 1A", "core control zone").
    sites : list of str
        The outlets it holds for.

    Returns
    -------
    DataFrame
        LIMIT_COLUMNS; document is the standard's label.

    Raises
    ------
    NoStandardError
        When the standard has no such category.
    """
    found = registry.get(standard)
    rows = [rule for rule in found.tables["limits"].values() if rule.get("category") == category]
    if not rows:
        known = sorted({str(rule.get("category")) for rule in found.tables["limits"].values()})
        raise NoStandardError(f"{found.id} has no category {category!r}; it has: {'; '.join(known)}")
    table = pd.DataFrame(rows).reindex(columns=list(LIMIT_COLUMNS)).drop(columns="site")
    table["valid_from"] = pd.Timestamp(found.valid_from).as_unit("us")
    table["valid_to"] = pd.to_datetime(pd.Series([found.valid_to] * len(table))).astype("datetime64[us]")
    table["document"] = found.label
    outlets = pd.DataFrame({"site": pd.Series(sites, dtype="str")})
    return outlets.merge(table, how="cross")[list(LIMIT_COLUMNS)]


def category_at(registry: Registry, standard: str, category: str, parameter: str, celsius: float) -> str:
    """Return the category whose limit of a parameter holds at a water temperature.

    Parameters
    ----------
    registry, standard, category
        As in `default_limits` ("grade 1A").
    parameter : str
        nh3_n has a laxer limit in cold water.
    celsius : float
        Temperature of the water, °C; NaN: not known, the stricter category stays.

    Returns
    -------
    str
        `category`, or the one for cold water (at or below 12 °C).

    Notes
    -----
    GB 18918-2002 table 1: 括号外数值为水温 > 12 ℃ 时的控制指标, 括号内数值为水温 <= 12 ℃ 时的控制指标.
    """
    for rule in registry.get(standard).tables["limits"].values():
        own = rule.get("base_category") == category and rule["parameter"] == parameter
        if own and celsius <= float(rule["celsius_at_most"]):
            return str(rule["category"])
    return category


def under_permits(permits: pd.DataFrame, defaults: pd.DataFrame) -> pd.DataFrame:
    """Join permit limits and defaults: a default holds only where the permit names none of its kind.

    A permit row for the same site, parameter and basis takes the place of the default, whatever its days.
    """
    named = permits[_KEY].drop_duplicates()
    joined = defaults.merge(named, on=_KEY, how="left", indicator=True)
    spare = joined[joined["_merge"] == "left_only"].drop(columns="_merge")
    columns = list(LIMIT_COLUMNS)
    parts = [part.reindex(columns=columns) for part in (permits, spare) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else permits.reindex(columns=columns)
