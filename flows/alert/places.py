"""Conditions of the air of a district and of outlets: AQI beyond a level, hours and days beyond a limit.

Standards: HJ 633 (AQI of a day), permit limits with their clauses (districts/*/permit_limits.csv).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import select

from alerts.rules import Rule
from flows.alert.scene import (
    Conditions,
    Scene,
    evidence_frame,
    multiple_text,
    nothing,
    samples_frame,
    since_each,
)
from indicators.air_editions import in_force_on_its_day
from vocabulary.reading import DISTRICT_KEY
from warehouse import bulk
from warehouse.recall import believed, recall_readings, recall_table
from warehouse.schema import aqi_days, outlet_results, readings, series

#: AQI levels (HJ 633 table 2) go from 1 to 6, as water classes do
_HOURLY = "1h"


def air_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the days of the whole district by their AQI, under the edition in force on the day.

    Parameters
    ----------
    scene, rule
        Where, and by what.
    since
        The district's key -> the first day wanted.
    """
    if scene.district.key not in since:
        return nothing()
    found = recall_table(
        scene.connection,
        aqi_days,
        aqi_days.c.district == scene.district.key,
        aqi_days.c.site == "",
        aqi_days.c.day >= since[scene.district.key],
        as_of=scene.as_of,
    )
    found["day"] = found["day"].astype("datetime64[us]")
    days = in_force_on_its_day(found, scene.registry)
    days = days[days["aqi"].notna() & days["valid"].astype(bool)]
    if days.empty:
        return nothing()
    aqi = days["aqi"].astype("float64")
    rows = days.assign(
        site=scene.district.key,
        observed_at=days["day"],
        bad=aqi > rule.raise_above,
        good=aqi <= rule.clear_at,
        worst=days["primary"].fillna("").astype("str"),
        # how far above, so that the worst day of an episode is known
        multiples=multiple_text("aqi", (aqi - rule.raise_above) / rule.raise_above),
        **{"class": days["level"]},
    )
    bad = rows[rows["bad"]]
    evidence = evidence_frame(
        pd.DataFrame(
            {
                "site": bad["site"],
                "observed_at": bad["observed_at"],
                "parameter": "aqi",
                "value": bad["aqi"].astype("float64"),
                "limit": rule.raise_above,
                "column": bad["worst"],
            }
        )
    )
    return Conditions(
        samples_frame(rows.assign(multiples=rows["multiples"].where(rows["bad"], ""))), evidence
    )


def outlet_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the hours or days of outlets: bad where an item has one of the rule's verdicts.

    Good are those with readings and nothing on record against them; where readings were excluded or have another
    verdict, nothing is known.

    Parameters
    ----------
    scene, rule
        Where, and by what.
    since
        Outlet -> the first time wanted.
    """
    known = set(scene.sites_of("emission"))
    since = {site: first for site, first in since.items() if site in known}
    if not since:
        return nothing()
    results = recall_table(
        scene.connection,
        outlet_results,
        outlet_results.c.district == scene.district.key,
        outlet_results.c.period_kind == rule.basis,
        since_each(outlet_results, since),
        as_of=scene.as_of,
    ).rename(columns={"start": "observed_at"})
    results = results.astype({"site": "str", "observed_at": "datetime64[us]"})
    results["bad"] = results["verdict"].isin(rule.verdicts)
    bad = results[results["bad"]]
    # whatever is on record is not plainly within its limit
    on_record = results.groupby(["site", "observed_at"], as_index=False)["bad"].any()
    times = _times(scene, rule, since)
    if times.empty and on_record.empty:
        # nothing was measured yet; pandas cannot merge two columns of text that are both empty
        return nothing()
    samples = times.merge(on_record, on=["site", "observed_at"], how="outer")
    plain = samples["bad"].isna()
    samples["bad"] = samples["bad"].astype("boolean").fillna(value=False)
    samples["good"] = plain
    text = multiple_text(bad["parameter"], bad["multiple"])
    keys = [bad["site"], bad["observed_at"]]
    multiples = text.groupby(keys).agg(";".join).rename("multiples")
    worst = bad["parameter"].groupby(keys).agg(",".join).rename("worst")
    samples = samples.merge(
        pd.concat([multiples, worst], axis=1).reset_index(), on=["site", "observed_at"], how="left"
    )
    samples[["multiples", "worst"]] = samples[["multiples", "worst"]].astype("str").fillna("")
    return Conditions(samples_frame(samples), _with_places(scene, rule, bad))


def _times(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return the hours, or days, in which an outlet gave a limited item; a day only when it was over."""
    limited = scene.district.permit_limits["parameter"].unique().tolist()
    query = (
        select(series.c.site, readings.c.observed_at)
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            series.c.district == scene.district.key,
            series.c.site.in_(sorted(since)),
            series.c.parameter.in_(limited),
            series.c.period == _HOURLY,
            readings.c.observed_at >= min(since.values()),
            believed(readings, scene.as_of),
        )
        .distinct()
    )
    found = bulk.fetch(scene.connection, query).astype({"site": "str", "observed_at": "datetime64[us]"})
    if rule.basis == "day":
        found = found[found["observed_at"] < pd.Timestamp(scene.run_date)]
        found = found.assign(observed_at=found["observed_at"].dt.normalize()).drop_duplicates()
    first = found["site"].map(pd.Series(dict(since), dtype="datetime64[us]"))
    return found[found["observed_at"] >= first]


def _with_places(scene: Scene, rule: Rule, bad: pd.DataFrame) -> pd.DataFrame:
    """Return bad results as evidence; of hours also the file and row that their value came from."""
    names = ["site", "observed_at", "parameter", "value", "limit", "multiple"]
    rows = bad[names].astype({"value": "float64", "limit": "float64", "multiple": "float64"})
    if bad.empty or rule.basis != "hour":
        return evidence_frame(rows)
    stand = recall_readings(
        scene.connection,
        district=scene.district.key,
        start=bad["observed_at"].min().to_pydatetime(),
        end=bad["observed_at"].max().to_pydatetime() + timedelta(hours=1),
        sites=sorted(bad["site"].unique()),
        parameters=sorted(bad["parameter"].unique()),
        periods=[_HOURLY],
        as_of=scene.as_of,
        provenance=True,
    )
    keys = [name for name in DISTRICT_KEY if name != "period"]
    wanted = [*keys, "delivery", "sheet", "row", "column"]
    return evidence_frame(rows.merge(stand[wanted], on=keys, how="left"))
