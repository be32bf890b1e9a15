"""What moved an indicator: parts that add up to the difference of two years' means, and counts that add up to days.

A mean is a sum of groups (months, stations), each with its share of the weight and its own mean. The difference of two
such means is split group by group into what the group's own mean did, at the average of its two weights, and what its
weight did, at the distance of its mean from the average of the two wholes. Nothing is left over.
Source: HJ 663 (mean of the year over its valid days, of a day over its points); the split is the symmetric one
(Shapley value of two factors), a choice of this project.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def parts_of_mean(weights: pd.Series, values: pd.Series, groups: pd.Series) -> pd.DataFrame:
    """Return the weight and the mean of each group of a weighted mean.

    Parameters
    ----------
    weights : Series of float64, n
        Not negative; need not add up to 1.
    values, groups : Series, n

    Returns
    -------
    DataFrame, index group
        weight (adding up to 1) and mean; sum of weight x mean is the mean of all.
    """
    whole = float(weights.sum())
    frame = pd.DataFrame({"group": groups, "weight": weights / whole, "part": weights * values / whole})
    sums = frame.groupby("group", sort=True)[["weight", "part"]].sum()
    return pd.DataFrame({"weight": sums["weight"], "mean": sums["part"] / sums["weight"]})


def split_difference(now: pd.DataFrame, before: pd.DataFrame) -> pd.Series:
    """Split the difference of two means (now - before) by group; the parts add up to it.

    Parameters
    ----------
    now, before : DataFrame
        As `parts_of_mean` gives them. A group of one of them only counts with its weight alone.

    Returns
    -------
    Series of float64, index group, sorted
    """
    groups = now.index.union(before.index)
    weight_now, weight_before = (part["weight"].reindex(groups).fillna(0.0) for part in (now, before))
    mean_now, mean_before = (part["mean"].reindex(groups) for part in (now, before))
    mean_now, mean_before = mean_now.fillna(mean_before), mean_before.fillna(mean_now)
    middle = (
        float((now["weight"] * now["mean"]).sum()) + float((before["weight"] * before["mean"]).sum())
    ) / 2.0
    own = (weight_now + weight_before) / 2.0 * (mean_now - mean_before)
    shift = (weight_now - weight_before) * ((mean_now + mean_before) / 2.0 - middle)
    return (own + shift).rename("amount")


def against_figure(now: pd.DataFrame, figure: float) -> pd.Series:
    """Split the distance of a mean from one figure (a baseline) by group; the parts add up to it."""
    return (now["weight"] * (now["mean"] - figure)).rename("amount")


def points_counted(days: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Keep the valid daily values of points that belong to the evaluation on their day (HJ 663 table A.2).

    Parameters
    ----------
    days : DataFrame
        Columns site, day, value, valid.
    stations : DataFrame
        Columns site, evaluation, valid_from, valid_to (NaT: open).
    """
    joined = days[days["valid"].astype(bool) & days["value"].notna()].merge(
        stations.loc[stations["evaluation"].astype(bool), ["site", "valid_from", "valid_to"]], on="site"
    )
    begun = joined["valid_from"].isna() | (joined["day"] >= joined["valid_from"])
    still = joined["valid_to"].isna() | (joined["day"] <= joined["valid_to"])
    return joined[begun & still].reset_index(drop=True)


def point_weights(points: pd.DataFrame) -> pd.Series:
    """Return the weight of each point's daily value in the district's year: a day weighs 1, its points alike.

    Parameters
    ----------
    points : DataFrame
        Column day: one row a point that counted on the day.
    """
    return (1.0 / points.groupby("day")["day"].transform("size")).astype("float64")


def counts_by_pollutant(primary: pd.Series) -> pd.Series:
    """Count days by primary pollutant (首要污染物); a day with several counts for each an equal part.

    Parameters
    ----------
    primary : Series of str
        Of the days counted: keys joined by comma.

    Returns
    -------
    Series of float64, index pollutant, most first
        Adds up to the number of days; a day that names none counts under ''.
    """
    names = primary.astype("str").str.split(",")
    part = 1.0 / names.str.len()
    long = pd.DataFrame({"name": names, "part": part}).explode("name")
    counts = long.groupby("name", sort=True)["part"].sum()
    return counts.sort_values(ascending=False, kind="stable").rename("days")


def shares_of(amounts: pd.Series) -> pd.Series:
    """Return each amount in % of their sum; NaN where the sum is 0."""
    whole = float(amounts.sum())
    return amounts / (whole if whole != 0 else np.nan) * 100.0
