"""Conditions of automatic monitoring itself: values that stand still, days with gaps, transmission below its share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Date, cast, distinct, func, select

from alerts.rules import Rule
from flows.alert.scene import (
    Conditions,
    Scene,
    days_until,
    evidence_frame,
    multiple_text,
    nothing,
    only_since,
    samples_frame,
)
from quality.flags import Verdict
from vocabulary.rounding import round_half_even
from warehouse import bulk
from warehouse.flags import recall_flags
from warehouse.recall import believed
from warehouse.schema import readings, series

#: period of automatic readings -> how many a whole day has
_A_DAY = {"1h": 24, "4h": 6}
#: what the share of a day's times is called in evidence; no parameter of that name exists
SHARE = "time_share"


def automatic_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the days of automatic sites that were over.

    Parameters
    ----------
    scene
        Where; the day before the run's is the last one judged.
    rule
        `data-flat`: a day is bad when a reading has one of the verdicts; `data-missing` and
        `transmission-rate`: when a smaller share than `raise_share` of its times is there.
    since
        Site -> the first day wanted.
    """
    known = set(scene.sites_of(rule.medium))
    since = {site: first for site, first in since.items() if site in known}
    if not since:
        return nothing()
    days = only_since(_days_with_times(scene, since), since)
    if days.empty:
        return nothing()
    return _flat(scene, rule, days) if rule.kind == "data-flat" else _shares(scene, rule, days, since)


def _days_with_times(scene: Scene, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return how many times of a day each automatic site gave something: site, observed_at (the day), period, times."""
    day = cast(readings.c.observed_at, Date)
    query = (
        select(
            series.c.site,
            series.c.period,
            day.label("observed_at"),
            func.count(distinct(readings.c.observed_at)).label("times"),
        )
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            series.c.district == scene.district.key,
            series.c.site.in_(sorted(since)),
            series.c.period.in_(list(_A_DAY)),
            readings.c.channel == "automatic",
            readings.c.observed_at >= min(since.values()),
            readings.c.observed_at < datetime.combine(scene.run_date, datetime.min.time()),
            believed(readings, scene.as_of),
        )
        .group_by(series.c.site, series.c.period, day)
    )
    found = bulk.fetch(scene.connection, query)
    found["observed_at"] = pd.to_datetime(found["observed_at"]).astype("datetime64[us]")
    found = found.astype({"site": "str", "period": "str", "times": "int64"})
    found["share"] = found["times"] / found["period"].map(_A_DAY).astype("float64")
    # a site that changes from one period to another counts by the fuller of both
    return found.sort_values("share").drop_duplicates(["site", "observed_at"], keep="last")


def _flat(scene: Scene, rule: Rule, days: pd.DataFrame) -> Conditions:
    flags = recall_flags(
        scene.connection,
        district=scene.district.key,
        start=days["observed_at"].min().to_pydatetime(),
        end=datetime.combine(scene.run_date, datetime.min.time()),
        sites=sorted(days["site"].unique()),
        least=dict.fromkeys(rule.tests, int(Verdict.SUSPECT)),
        as_of=scene.as_of,
    )
    flags["day"] = flags["observed_at"].dt.normalize()
    counted = flags.groupby(["site", "day", "parameter"], as_index=False).agg(
        hours=("observed_at", "size"), first=("observed_at", "min")
    )
    worst = counted.groupby(["site", "day"])["parameter"].agg(",".join).rename("worst").reset_index()
    samples = days.merge(worst.rename(columns={"day": "observed_at"}), on=["site", "observed_at"], how="left")
    samples["bad"] = samples["worst"].notna()
    samples = samples.assign(good=~samples["bad"], worst=samples["worst"].fillna(""))
    evidence = counted.rename(columns={"day": "observed_at"}).assign(
        # how many readings stood still that day; they have no limit of their own
        value=np.nan,
        limit="",
        flags=";".join(rule.tests),
        flags_zh=counted["hours"].map("{} 个读数不变".format),
        flags_en=counted["hours"].map("{} readings unchanged".format),
    )
    return Conditions(samples_frame(samples), evidence_frame(evidence))


def _shares(scene: Scene, rule: Rule, days: pd.DataFrame, since: Mapping[str, datetime]) -> Conditions:
    """Judge days by the share of their times; a day without any counts once a site has begun to give data."""
    begun = _first_days(scene, sorted(since))
    parts = [
        pd.DataFrame({"site": site, "observed_at": days_until(max(first, begun[site]), scene.run_date)})
        for site, first in since.items()
        if site in begun
    ]
    if not parts:
        return nothing()
    grid = pd.concat(parts, ignore_index=True).astype({"site": "str", "observed_at": "datetime64[us]"})
    rows = only_since(grid, since).merge(
        days[["site", "observed_at", "share"]], on=["site", "observed_at"], how="left"
    )
    rows["share"] = rows["share"].fillna(0.0)
    rows["bad"] = rows["share"] < rule.raise_share
    rows["good"] = rows["share"] >= rule.clear_share
    lack = (rule.raise_share - rows["share"]) / rule.raise_share
    rows["multiples"] = multiple_text(SHARE, lack).where(rows["bad"], "")
    bad = rows[rows["bad"]]
    evidence = bad[["site", "observed_at"]].assign(
        parameter=SHARE, value=round_half_even(100 * bad["share"], 1), limit=100 * rule.raise_share
    )
    return Conditions(samples_frame(rows), evidence_frame(evidence))


def _first_days(scene: Scene, sites: list[str]) -> dict[str, datetime]:
    """Return the day after the first automatic reading of each site: that day itself may have begun late."""
    query = (
        select(series.c.site, func.min(readings.c.observed_at))
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            series.c.district == scene.district.key,
            series.c.site.in_(sites),
            series.c.period.in_(list(_A_DAY)),
            readings.c.channel == "automatic",
            believed(readings, scene.as_of),
        )
        .group_by(series.c.site)
    )
    one_day = pd.Timedelta(days=1)
    return {
        row[0]: (pd.Timestamp(row[1]).normalize() + one_day).to_pydatetime()
        for row in scene.connection.execute(query)
    }
