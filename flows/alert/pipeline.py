"""Conditions of the pipeline, from the ledger, and of the plan's indicators.

The ledger says of each delivery which day or month it speaks of, which times its readings have and what became
of its cells. It is small, so that these conditions are found over its whole length. What comes late counts for
the day it speaks of: an alert that a source was silent does not hold once its files are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, and_, func, select

from alerts.evidence import least_before
from alerts.rules import Rule
from flows.alert.scene import (
    Conditions,
    Scene,
    beginning,
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
from warehouse.recall import believed, recall_table
from warehouse.schema import deliveries, flags, indicator_results, readings

#: what shares and days are called in evidence; no parameters of these names exist
SILENT_DAYS, USUAL_SHARE = "silent_days", "usual_share"
QUARANTINE_SHARE, FLAGGED_SHARE = "quarantine_share", "flagged_share"
#: letters of a partition's text -> what it is
_FREQUENCY = {4: "Y", 7: "M", 10: "D"}


def pipeline_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the sources of a district by the ledger.

    Parameters
    ----------
    scene
        Where; what speaks of the run's own day is not judged, since it may still grow.
    rule
        `source-silent`, `coverage-down`, `quarantine-share` or `flag-drift`; `sources` says of which.
    since
        Source -> the first day wanted.
    """
    known = {source.key for source in scene.district.sources} & set(rule.sources)
    since = {source: first for source, first in since.items() if source in known}
    if not since:
        return nothing()
    return (_silent if rule.kind == "source-silent" else _by_delivery)(scene, rule, since)


def _silent(scene: Scene, _: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge each day of a source by the time since the last day that a delivery speaks of."""
    late = {source.key: source.late_days for source in scene.district.sources}
    query = select(deliveries.c.source, deliveries.c.observed_from, deliveries.c.observed_to).where(
        deliveries.c.district == scene.district.key,
        deliveries.c.source.in_(sorted(since)),
        deliveries.c.observed_to.is_not(None),
        *_known(scene),
    )
    covered = bulk.fetch(scene.connection, query)
    parts = []
    for source, rows in covered.groupby("source"):
        first = pd.Timestamp(rows["observed_from"].min()).normalize().to_pydatetime()
        days = days_until(first, scene.run_date)
        last = _last_covered(rows, days)
        parts.append(pd.DataFrame({"site": source, "observed_at": days, "silent": (days - last).days}))
    if not parts:
        return nothing()
    rows = only_since(pd.concat(parts, ignore_index=True).astype({"observed_at": "datetime64[us]"}), since)
    # of no row at all the map has no numbers
    allowed = rows["site"].map(late).astype("float64")
    rows["bad"], rows["good"] = rows["silent"] > allowed, rows["silent"] <= allowed
    beyond = rows["silent"] / allowed.clip(lower=1) - 1
    rows["multiples"] = multiple_text(SILENT_DAYS, beyond).where(rows["bad"], "")
    bad = rows[rows["bad"]]
    evidence = bad[["site", "observed_at"]].assign(
        parameter=SILENT_DAYS,
        value=bad["silent"].astype("float64"),
        limit=bad["site"].map(late).astype("float64"),
    )
    return Conditions(samples_frame(rows), evidence_frame(evidence))


def _last_covered(rows: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return for each day the last day up to it that a delivery's readings reach."""
    begins = pd.to_datetime(rows["observed_from"]).dt.normalize().to_numpy(dtype="datetime64[D]")
    ends = pd.to_datetime(rows["observed_to"]).dt.normalize().to_numpy(dtype="datetime64[D]")
    order = np.argsort(begins, kind="stable")
    begins, reach = begins[order], np.maximum.accumulate(ends[order])
    wanted = days.to_numpy(dtype="datetime64[D]")
    # of the deliveries begun by then the farthest end, but no later than the day itself
    place = np.searchsorted(begins, wanted, side="right") - 1
    return pd.DatetimeIndex(np.minimum(reach[place], wanted))


def _by_delivery(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the days, or months, that deliveries are named after, by what became of their cells."""
    rows = _partitions(scene, rule, since)
    if rows.empty:
        return nothing()
    name = {"quarantine-share": QUARANTINE_SHARE, "flag-drift": FLAGGED_SHARE}.get(rule.kind, USUAL_SHARE)
    if rule.kind == "coverage-down":
        least = min(least_before(rule.kind), rule.compare_days)
        usual = rows.groupby("site")["held"].transform(
            lambda held: held.shift().rolling(rule.compare_days, min_periods=least).median()
        )
        rows["share"] = rows["held"] / usual.where(usual > 0)
        rows["bad"], rows["good"] = rows["share"] < rule.raise_share, rows["share"] >= rule.clear_share
        size = (rule.raise_share - rows["share"]) / rule.raise_share
    else:
        part = rows["flagged"] if rule.kind == "flag-drift" else rows["quarantined"]
        whole = rows["held"] if rule.kind == "flag-drift" else rows["held"] + rows["quarantined"]
        rows["share"] = part / whole.where(whole > 0)
        rows["bad"], rows["good"] = rows["share"] > rule.raise_share, rows["share"] <= rule.clear_share
        size = (rows["share"] - rule.raise_share) / rule.raise_share
    rows["multiples"] = multiple_text(name, size).where(rows["bad"], "")
    rows = only_since(rows, since)
    bad = rows[rows["bad"]]
    evidence = bad[["site", "observed_at"]].assign(
        parameter=name, value=round_half_even(100 * bad["share"], 1), limit=100 * rule.raise_share
    )
    return Conditions(samples_frame(rows), evidence_frame(evidence))


def _partitions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return by source and day (or month) what its deliveries held: site, observed_at, held, quarantined, flagged."""
    mine = and_(
        deliveries.c.district == scene.district.key,
        deliveries.c.source.in_(sorted(since)),
        deliveries.c.partition != "",
        deliveries.c.state == "loaded",
        *_known(scene),
    )
    keys = (deliveries.c.source, deliveries.c.partition)
    cells = func.sum(deliveries.c.cells_in - deliveries.c.blank - deliveries.c.quarantined)
    query = select(*keys, cells.label("held"), func.sum(deliveries.c.quarantined).label("quarantined")).where(
        mine
    )
    rows = bulk.fetch(scene.connection, query.group_by(*keys))
    if rows.empty:
        return rows
    rows = rows.astype({"held": "float64", "quarantined": "float64"}).assign(flagged=0.0)
    if rule.kind == "flag-drift":
        told = (
            select(*keys, func.count().label("flagged"))
            .select_from(
                flags.join(
                    readings,
                    and_(
                        readings.c.series_id == flags.c.series_id,
                        readings.c.observed_at == flags.c.observed_at,
                        believed(readings, scene.as_of),
                    ),
                ).join(deliveries, readings.c.delivery_id == deliveries.c.id)
            )
            .where(
                mine,
                believed(flags, scene.as_of),
                flags.c.verdict >= int(Verdict.SUSPECT),
                flags.c.test != "gap",
            )
            .group_by(*keys)
        )
        counted = bulk.fetch(scene.connection, told)
        rows = rows.drop(columns="flagged").merge(counted, on=["source", "partition"], how="left")
        rows["flagged"] = rows["flagged"].astype("float64").fillna(0.0)
    starts, ends = _spans_of(rows["partition"])
    rows["observed_at"] = starts
    rows = rows[ends < pd.Timestamp(scene.run_date)].astype({"observed_at": "datetime64[us]"})
    rows = rows.rename(columns={"source": "site"}).astype({"site": "str"})
    return rows.sort_values(["site", "observed_at"], kind="stable").reset_index(drop=True)


def _spans_of(partitions: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the first and the last moment of each partition: a day (`2026-03-25`), month (`2026-03`) or year."""
    parts = [
        pd.PeriodIndex(texts, freq=_FREQUENCY[length]).to_series(index=texts.index)
        for length, texts in partitions.groupby(partitions.str.len())
    ]
    starts = pd.concat([part.dt.start_time for part in parts])
    ends = pd.concat([part.dt.end_time for part in parts])
    return starts.reindex(partitions.index), ends.reindex(partitions.index)


def _known(scene: Scene) -> list[ColumnElement[bool]]:
    return [] if scene.as_of is None else [deliveries.c.loaded_at <= scene.as_of]


def indicator_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge the years of indicators by their status; subjects are `<plan>-<number>`.

    Parameters
    ----------
    scene, rule
        Where, and by what.
    since
        Indicator -> the first year's beginning wanted.
    """
    found = recall_table(
        scene.connection,
        indicator_results,
        indicator_results.c.district == scene.district.key,
        as_of=scene.as_of,
    )
    if found.empty:
        return nothing()
    found["site"] = found["plan"].astype("str") + "-" + found["indicator"].astype("str")
    found["observed_at"] = pd.to_datetime(found["period"].astype("str") + "-01-01")
    found = only_since(found[found["site"].isin(list(since))], {**since})
    rows = found.assign(
        bad=found["status"].isin(rule.raise_status),
        good=found["status"].isin(rule.clear_status),
        worst=found["name"],
    )
    bad = rows[rows["bad"]]
    evidence = bad[["site", "observed_at"]].assign(
        parameter=bad["name"],
        value=bad["value"].astype("float64"),
        limit=bad["target"].astype("str"),
        column=bad["status"],
    )
    return Conditions(samples_frame(rows), evidence_frame(evidence))


def indicator_subjects(scene: Scene) -> dict[str, tuple[str, str]]:
    """Return the indicators of a district's plans: subject -> name and unit."""
    return {
        f"{plan.id}-{item.number}": (item.name_zh, item.unit)
        for plan in scene.district.plans
        for item in plan.indicator
    }


def ledger_beginning(scene: Scene, rule: Rule) -> datetime:
    """Return the first day that the ledger may speak of under a rule."""
    return max(beginning(rule), datetime.combine(scene.district.ledger_start, datetime.min.time()))
