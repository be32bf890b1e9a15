"""How many of the national air release's own figures the rules reproduce, with its defects told apart.

A figure is left out of a rate only on evidence that is not the figure itself, and the rate with
everything in it is given beside (`…_with_defects`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from indicators.air_aqi import hourly_aqi
from indicators.air_days import station_days
from indicators.air_sliding import sliding_8h, sliding_24h
from indicators.registry import Registry
from vocabulary.rounding import round_half_even

ITEMS = ("pm2_5", "pm10", "so2", "no2", "o3", "co")
#: published 24-h mean -> item
MEANS = {"PM2.5_24h": "pm2_5", "PM10_24h": "pm10", "SO2_24h": "so2", "NO2_24h": "no2"}
_IAQI = (0, 50, 100, 150, 200, 300, 400, 500)
#: HJ 633-2012 table 1, typed here again: it must not come from what it checks
_POINTS = {
    "pm2_5": (0, 35, 75, 115, 150, 250, 350, 500),
    "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "so2": (0, 150, 500, 650, 800),
    "no2": (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    "o3": (0, 160, 200, 300, 400, 800, 1000, 1200),
    "co": (0, 5, 10, 35, 60, 90, 120, 150),
}
_WORDS = {
    "细颗粒物(PM2.5)": "pm2_5",
    "颗粒物(PM10)": "pm10",
    "二氧化硫": "so2",
    "二氧化氮": "no2",
    "一氧化碳": "co",
    "臭氧1小时": "o3",
    "臭氧8小时": "o3",
}

Rate = dict[str, Any]


def rate(rows: int, agree: int) -> Rate:
    return {"rows": int(rows), "agree": int(agree), "rate": agree / rows if rows else None}


def measure(release: pd.DataFrame, registry: Registry, cities: pd.Series) -> dict[str, Rate]:
    """Rates of a release, measured by stretches of days.

    No window reaches over a whole day without hours, and the dense arrays of the rules would mostly hold
    the days between.

    Parameters
    ----------
    release : DataFrame
        Wide, one row per site and hour: site, observed_at (START of the hour), AQI, the items, and the
        published PM2.5_24h, PM10_24h, SO2_24h, NO2_24h, O3_8h, O3_8h_24h.
    registry : Registry
    cities : Series
        Site -> city, of the sites whose city is known.

    Returns
    -------
    dict
        Name -> rows, agree, rate.
    """
    day = release["observed_at"].dt.floor("D")
    days = np.sort(day.unique())
    stretch = np.cumsum(np.diff(days, prepend=days[:1]) > np.timedelta64(1, "D"))
    found = []
    for _, part in release.groupby(stretch[np.searchsorted(days, day.to_numpy())]):
        means = means_24h(part)
        found.append(
            hourly_rates(part, registry, cities) | mean_rates(means) | ozone_rates(part, means, registry)
        )
    return {
        name: rate(sum(one[name]["rows"] for one in found), sum(one[name]["agree"] for one in found))
        for name in found[0]
    }


def rounded_to_nearest(rows: pd.DataFrame) -> np.ndarray:
    """AQI as it would be with IAQI rounded to the nearest instead of up; NaN where no item is there."""
    lines = [
        np.floor(np.interp(rows[name], points, _IAQI[: len(points)]) + 0.5 + 1e-9)
        for name, points in _POINTS.items()
    ]
    return np.fmax.reduce(lines)


def hourly_rates(release: pd.DataFrame, registry: Registry, cities: pd.Series) -> dict[str, Rate]:
    """Hourly AQI: 1-h means, PM on the daily breakpoints, IAQI rounded up.

    The release has a defect: on some days it rounded a city's AQI to the nearest (Beijing, 2019-10-01).
    `air_hourly_aqi_complete` leaves a station's day out when the OTHER stations of its city show that on
    that day (`rounded_elsewhere`); the station's own published AQI takes no part in it. Where a station's
    city is unknown, or no other station of it tells, nothing is left out.
    `air_hourly_aqi_complete_with_defects` is the same rate with nothing left out at all.
    """
    rows = release[release["AQI"].notna()].reset_index(drop=True)
    ours = hourly_aqi(rows, registry=registry, inputs="feed")["aqi"]
    same = (ours == rows["AQI"].astype("Int16")).fillna(value=False).to_numpy(dtype=bool)
    complete = rows[list(ITEMS)].notna().all(axis=1).to_numpy()
    nearest = rounded_to_nearest(rows)
    telling = complete & (ours != nearest).fillna(value=False).to_numpy(dtype=bool)
    lower = telling & (rows["AQI"] == nearest).to_numpy()
    kept = complete & ~rounded_elsewhere(rows, telling, lower, cities)
    return {
        "air_hourly_aqi": rate(len(rows), same.sum()),
        "air_hourly_aqi_complete_with_defects": rate(complete.sum(), same[complete].sum()),
        "air_hourly_aqi_complete": rate(kept.sum(), same[kept].sum()),
    }


def rounded_elsewhere(
    rows: pd.DataFrame, telling: np.ndarray, lower: np.ndarray, cities: pd.Series
) -> np.ndarray:
    """Rows of station days on which every telling hour of the city's OTHER stations is rounded to the nearest.

    An hour tells when rounding up and rounding to the nearest differ (`telling`); `lower` of them were
    published as the latter. False where the city is unknown or its other stations have no telling hour.
    """
    keys = pd.DataFrame({"site": rows["site"], "day": rows["observed_at"].dt.floor("D")})
    hours = keys.assign(city=rows["site"].map(cities), telling=telling, lower=lower)
    own = hours.groupby(["city", "day", "site"])[["telling", "lower"]].sum()
    others = own.groupby(["city", "day"]).transform("sum") - own
    found = others[(others["lower"] > 0) & (others["lower"] == others["telling"])].reset_index()
    return pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(found[["site", "day"]]))


def long_of(release: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return release.melt(["site", "observed_at"], names, var_name="parameter").dropna(subset="value")


def published(release: pd.DataFrame, column: str, parameter: str) -> pd.DataFrame:
    rows = release.loc[release[column].notna(), ["site", "observed_at", column]]
    return rows.rename(columns={column: "published"}).assign(parameter=parameter)


def means_24h(release: pd.DataFrame) -> pd.DataFrame:
    """Published and computed 24-h means on full windows: same, day, and the keys."""
    means = sliding_24h(long_of(release, list(MEANS.values())))
    full = means[means["hours"] == 24]
    wanted = pd.concat([published(release, column, parameter) for column, parameter in MEANS.items()])
    joined = wanted.merge(full, on=["site", "observed_at", "parameter"])
    return joined.assign(
        same=round_half_even(joined["value"], 0) == joined["published"],
        day=joined["observed_at"].dt.floor("D"),
    )


def whole_days(means: pd.DataFrame, leave_out: str = "") -> pd.DataFrame:
    """Station days on which the release had its hours in time.

    The release loses hours of whole cities for a night and delivers them later: its own windows are then
    short although the stored hours are complete (Shandong, February and March 2019; 24-h figures equal to
    the 1-h ones). Such a day is told by the OTHER items: one of their 24-h means is off too.
    """
    others = means[means["parameter"] != leave_out]
    days = others.groupby(["site", "day"], as_index=False)["same"].all()
    return days.loc[days["same"], ["site", "day"]]


def mean_rates(means: pd.DataFrame) -> dict[str, Rate]:
    """24-h means: of the last 24 hours, half to even, on full windows."""
    kept = [
        part.merge(whole_days(means, str(parameter)), on=["site", "day"])
        for parameter, part in means.groupby("parameter")
    ]
    return {
        "air_24h_means_with_defects": rate(len(means), means["same"].sum()),
        "air_24h_means": rate(sum(map(len, kept)), sum(part["same"].sum() for part in kept)),
    }


def ozone_rates(release: pd.DataFrame, means: pd.DataFrame, registry: Registry) -> dict[str, Rate]:
    """O3_8h (restarts at 01:00) and MDA8 (hour 24 of the day), on full windows and whole days."""
    whole = whole_days(means)
    sliding = sliding_8h(long_of(release, ["o3"]))
    full = sliding[sliding["hours"] == np.minimum(sliding["observed_at"].dt.hour + 1, 8)]
    eight = published(release, "O3_8h", "o3").merge(full, on=["site", "observed_at", "parameter"])
    eight = eight.assign(
        same=round_half_even(eight["value"], 0) == eight["published"], day=eight["observed_at"].dt.floor("D")
    )
    days = station_days(long_of(release, ["o3"]), registry=registry)
    days = days[(days["parameter"] == "o3_mda8") & (days["hours"] == 24)]
    last = release[release["observed_at"].dt.hour == 23]
    last = last.assign(day=last["observed_at"].dt.floor("D")).dropna(subset="O3_8h_24h")
    mda8 = last[["site", "day", "O3_8h_24h"]].merge(days, on=["site", "day"])
    mda8 = mda8.assign(same=round_half_even(mda8["value"], 0) == mda8["O3_8h_24h"])
    found = {}
    for name, frame in (("air_o3_8h", eight), ("air_mda8", mda8)):
        kept = frame.merge(whole, on=["site", "day"])
        found[f"{name}_with_defects"] = rate(len(frame), frame["same"].sum())
        found[name] = rate(len(kept), kept["same"].sum())
    return found


def feed_rates(rows: list[dict[str, str]], registry: Registry) -> dict[str, Rate]:
    """AQI and primary pollutant of the national feed's hours, as it delivers them (texts; "-;" is missing).

    `o3` and `o3_24h` are swapped at the source: the 1-h ozone stands in o3_24h.
    """
    frame = pd.DataFrame(rows)
    names = ["aqi", "so2", "no2", "co", "pm10", "pm2_5", "o3_24h"]
    frame[names] = frame[names].apply(pd.to_numeric, errors="coerce")
    hours = pd.DataFrame(
        {
            "site": frame["stationcode"],
            "observed_at": pd.to_datetime(frame["timepoint"]).astype("datetime64[us]")
            - pd.Timedelta(hours=1),
            **{name: frame[name] for name in ("so2", "no2", "co", "pm10", "pm2_5")},
            "o3": frame["o3_24h"],
        }
    )
    found = hourly_aqi(hours, registry=registry, inputs="feed")
    shown = frame["aqi"].notna() & (frame["aqi"] > 0)
    same = (found["aqi"] == frame["aqi"]).fillna(value=False)[shown]
    named = shown & (frame["aqi"] > 50)
    words = frame.loc[named, "primarypollutant"].str.strip(";-— ").str.split(",")
    theirs = words.map(lambda parts: ",".join(sorted({_WORDS.get(part.strip(), part) for part in parts})))
    ours = found.loc[named, "primary"].str.split(",").map(lambda parts: ",".join(sorted(parts)))
    return {
        "air_feed_aqi": rate(shown.sum(), same.sum()),
        "air_feed_primary": rate(named.sum(), (ours == theirs).sum()),
    }
