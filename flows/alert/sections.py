"""Conditions of sections: class of a sampling, a day or a month, own target, nearing a limit, incoming water.

Standards: GB 3838-2002 table 1 (limits), 环办〔2011〕22号 (class of a section, month), 环办监测函〔2020〕82号 (means).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from alerts.rules import Rule
from flows.alert.scene import (
    Conditions,
    Scene,
    evidence_frame,
    multiple_text,
    nothing,
    only_since,
    samples_frame,
    since_each,
)
from flows.evaluate import sections_frame
from flows.used_readings import flags_in_words, section_readings, single_samplings
from indicators.water_bounds import class_bounds
from indicators.water_class import classify_samples
from indicators.water_evaluation import section_means
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC
from indicators.water_means import from_averaged, rounded_means, to_averaged
from vocabulary.reading import DISTRICT_KEY
from vocabulary.rounding import round_half_even
from warehouse.recall import recall_readings, recall_table
from warehouse.schema import section_results

_READING = list(DISTRICT_KEY)
#: places of an exceedance multiple
_MULTIPLE = 3


def section_conditions(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Return the conditions of a rule about sections.

    Parameters
    ----------
    scene
        Where.
    rule
        Of a kind that begins with `section-`.
    since
        Section -> the first time wanted; no other section is looked at.
    """
    known = set(scene.sites_of("surface_water"))
    since = {site: first for site, first in since.items() if site in known}
    if not since:
        return nothing()
    if rule.kind == "section-nearing":
        return _nearing(scene, rule, since)
    if rule.kind == "section-incoming":
        return _incoming(scene, rule, since)
    if rule.basis == "sample":
        return _samplings(scene, rule, since)
    results = _days(scene, since) if rule.basis == "day" else _results(scene, "month", since)
    return (_target if rule.kind == "section-target" else _by_class)(scene, rule, results)


def _results(scene: Scene, kind: str, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return results of a kind of period; a month counts when it has enough readings, and when it is over."""
    conditions = [
        section_results.c.district == scene.district.key,
        section_results.c.period_kind == kind,
        since_each(section_results, since),
    ]
    found = recall_table(scene.connection, section_results, *conditions, as_of=scene.as_of)
    found = _typed(found.rename(columns={"start": "observed_at"}))
    if kind != "month":
        return found
    over = found["observed_at"] + pd.offsets.MonthBegin() <= pd.Timestamp(scene.run_date)
    return found[found["valid"].astype(bool) & over].reset_index(drop=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Give site, time and class one type on every engine, empty or not."""
    return rows.astype({"site": "str", "observed_at": "datetime64[us]", "class": "Int8"})


def _samplings(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    samples = _results(scene, "sample", since)
    bad = samples[samples["class"] >= rule.raise_class]
    evidence = _readings_beyond(scene, bad, rule.raise_class - 1)
    far = evidence[evidence["value"] > rule.raise_multiple * evidence["limit_number"]]
    far_keys = pd.MultiIndex.from_frame(far[["site", "observed_at"]])
    samples = _with_exact_multiples(samples, evidence)
    beyond = pd.MultiIndex.from_frame(samples[["site", "observed_at"]]).isin(far_keys)
    return Conditions(samples.assign(beyond=beyond), evidence)


def _by_class(scene: Scene, rule: Rule, results: pd.DataFrame) -> Conditions:
    """Judge means by one class for every section: those of months, or of days."""
    bad = results[results["class"] >= rule.raise_class]
    evidence = _means_beyond(scene, rule, bad.assign(bound=rule.raise_class - 1))
    return Conditions(_with_exact_multiples(results, evidence).assign(beyond=False), evidence)


def _target(scene: Scene, rule: Rule, results: pd.DataFrame) -> Conditions:
    """Judge months by the section's own target of then."""
    results = results[results["class"].notna() & results["target_class"].notna()]
    steps = results["class"].astype("int64") - results["target_class"].astype("int64")
    results = results.assign(bad=steps >= rule.raise_steps, good=steps <= 0)
    bad = results[results["bad"]].assign(bound=lambda rows: rows["target_class"].astype("int64"))
    evidence = _means_beyond(scene, rule, bad)
    return Conditions(samples_frame(_with_exact_multiples(results, evidence)), evidence)


def _nearing(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge samplings by the item closest to its limit: within reach of it, not beyond, and rising."""
    reach = timedelta(days=max(2, rule.rising))
    early = {site: first - reach for site, first in since.items()}
    rows = _measured(scene, early)
    rows = _bounded(scene, rows, rule.raise_class - 1)
    rows = rows[rows["kind"] != "range"]
    if rows.empty:
        return nothing()
    rows["share"] = np.where(
        rows["kind"] == "upper", rows["value"] / rows["high"], rows["low"] / rows["value"].clip(lower=1e-9)
    )
    rows = rows.sort_values(["site", "parameter", "observed_at"], kind="stable")
    before = rows.groupby(["site", "parameter"])["share"]
    usual = before.transform(
        lambda shares: shares.shift().rolling(rule.rising, min_periods=rule.rising).median()
    )
    rows["near"] = (rows["share"] >= rule.raise_share) & (rows["share"] <= 1.0)
    rows["rises"] = rows["near"] & (rows["share"] > usual) & (rows["share"] > before.shift())
    rows["multiple"] = round_half_even(rows["share"] - 1.0, _MULTIPLE)
    rows["limit"] = rows["high"].where(rows["kind"] == "upper", rows["low"])
    keys = ["site", "observed_at"]
    grouped = rows.groupby(keys, as_index=False).agg(bad=("rises", "any"), share=("share", "max"))
    samples = only_since(grouped.assign(good=grouped["share"] < rule.clear_share), since)
    # an item beyond its limit is another rule's: nothing is known of nearing then
    samples["bad"] &= samples["share"] <= 1.0
    evidence = rows[rows["near"]].merge(samples.loc[samples["bad"], keys], on=keys)
    return Conditions(samples_frame(samples), _with_flags(scene, evidence_frame(evidence)))


def _incoming(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Judge days of the sections where water comes in: against the middle of the days before."""
    since = {site: first for site, first in since.items() if site in rule.sections}
    if not since:
        return nothing()
    early = {site: first - timedelta(days=rule.compare_days) for site, first in since.items()}
    days = _days(scene, early).sort_values(["site", "observed_at"])
    days = days[days["class"].notna()]
    number = days["class"].astype("float64")
    window = f"{rule.compare_days}D"
    rolled = (
        pd.DataFrame({"site": days["site"].to_numpy(), "class": number.to_numpy()}, index=days["observed_at"])
        .groupby("site")["class"]
        .rolling(window, closed="left", min_periods=max(1, rule.compare_days // 2))
        .median()
    )
    # groups come in the order of the sites, days within them as they are: that is the order of `days`
    usual = np.floor(rolled.to_numpy(dtype=np.float64))
    days["bad"] = number.to_numpy() >= usual + rule.raise_steps
    days["good"] = number.to_numpy() <= usual
    days["bound"] = np.nan_to_num(usual, nan=1.0).clip(1, 5).astype(np.int64)
    days = only_since(days, since)
    evidence = _means_beyond(scene, rule, days[days["bad"]])
    return Conditions(samples_frame(_with_exact_multiples(days, evidence)), evidence)


def _days(scene: Scene, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return the class of each section's days that were over, by their means of automatic readings.

    A day counts with the share of its scheduled readings that the evaluation asks of a month.
    """
    means = _day_means(scene, since)
    if means.empty:
        return _typed(pd.DataFrame({"site": [], "observed_at": [], "class": []})).assign(
            worst="", multiples=""
        )
    return _typed(classify_samples(means, sections_frame(scene.district), registry=scene.registry))


def _day_means(scene: Scene, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return the rounded means of days as readings: site, observed_at (the day), parameter, value."""
    rows = _measured(scene, since)
    rows = rows[(rows["channel"] == "automatic") & (rows["observed_at"] < pd.Timestamp(scene.run_date))]
    parts = []
    for evaluation, mask in scene.registry.spans(EVALUATION_TOPIC, rows["observed_at"]):
        part = rows[mask]
        value = part["value"].to_numpy(dtype=np.float64)
        part = part.assign(
            x=to_averaged(part["parameter"], value, evaluation), day=part["observed_at"].dt.normalize()
        )
        keys = ["site", "day", "parameter"]
        means = part.groupby(keys, as_index=False).agg(x=("x", "mean"), times=("observed_at", "nunique"))
        complete = evaluation.rule("completeness.automatic")
        means = means[means["times"] >= complete["share"] * complete["scheduled_per_day"]]
        plain = from_averaged(means["parameter"], means["x"].to_numpy(dtype=np.float64), evaluation)
        parts.append(means.assign(value=rounded_means(means["parameter"], plain, evaluation)))
    if not parts:
        return pd.DataFrame()
    found = pd.concat(parts, ignore_index=True).rename(columns={"day": "observed_at"})
    return found.assign(censor="", detection_limit=np.nan, channel="automatic", period="1d")


def _measured(scene: Scene, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Return the single samplings of sections that an evaluation may use, each section from its own time on."""
    end = datetime.combine(scene.run_date, datetime.min.time()) + timedelta(days=1)
    used = section_readings(
        scene.connection,
        scene.district,
        sorted(since),
        min(since.values()),
        end,
        use="evaluation",
        as_of=scene.as_of,
    )
    return only_since(single_samplings(used.kept), since)


def _bounded(scene: Scene, rows: pd.DataFrame, water_class: int) -> pd.DataFrame:
    """Join the limits of a class to readings or means of the items that decide it, by the standard of their day."""
    evaluation = scene.registry.in_force(EVALUATION_TOPIC, scene.run_date)
    rows = rows[rows["parameter"].isin(evaluation.rule("items.section")["parameters"])]
    rows = rows.merge(sections_frame(scene.district)[["site", "waterbody"]], on="site")
    parts = [
        rows[mask].merge(class_bounds(standard, water_class), on=["parameter", "waterbody"])
        for standard, mask in scene.registry.spans(CLASS_TOPIC, rows["observed_at"])
    ]
    empty = rows.iloc[:0].assign(kind="", low=0.0, high=0.0)
    return pd.concat(parts, ignore_index=True) if parts else empty


def _beyond(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep what is beyond its bound, with the limit as it is shown and the multiple where one is defined."""
    worse = (
        ((rows["kind"] == "upper") & (rows["value"] > rows["high"]))
        | ((rows["kind"] == "lower") & (rows["value"] < rows["low"]))
        | ((rows["kind"] == "range") & ~rows["value"].between(rows["low"], rows["high"]))
    )
    rows = rows[worse].copy()
    upper = rows["kind"] == "upper"
    rows["limit_number"] = rows["high"].where(upper)
    rows["multiple"] = round_half_even(
        ((rows["value"] - rows["high"]) / rows["high"]).where(upper), _MULTIPLE
    )
    span = rows["low"].map("{:g}".format) + "~" + rows["high"].map("{:g}".format)
    single = np.where(upper, rows["high"], rows["low"]).astype(object)
    rows["limit"] = np.where(rows["kind"] == "range", span.to_numpy(dtype=object), single)
    return rows


def _readings_beyond(scene: Scene, bad: pd.DataFrame, water_class: int) -> pd.DataFrame:
    """Return the readings beyond the limits of a class in bad samplings, with where they stand."""
    if bad.empty:
        return evidence_frame(pd.DataFrame(columns=["limit_number"])).astype({"limit_number": "float64"})
    readings = recall_readings(
        scene.connection,
        district=scene.district.key,
        start=bad["observed_at"].min().to_pydatetime(),
        end=bad["observed_at"].max().to_pydatetime() + timedelta(hours=1),
        sites=sorted(bad["site"].unique()),
        as_of=scene.as_of,
        provenance=True,
    )
    readings = readings.merge(bad[["site", "observed_at"]], on=["site", "observed_at"])
    rows = _beyond(_bounded(scene, readings, water_class))
    return _with_flags(scene, evidence_frame(rows))


def _means_beyond(scene: Scene, rule: Rule, bad: pd.DataFrame) -> pd.DataFrame:
    """Return the means beyond the limits of the class `bound` in bad days or months."""
    if bad.empty:
        return evidence_frame(pd.DataFrame())
    begun = bad.groupby("site")["observed_at"].min()
    since = {str(site): first.to_pydatetime() for site, first in begun.items()}
    if rule.basis == "day":
        means = _day_means(scene, since)
    else:
        rows = _measured(scene, since)
        sections = sections_frame(scene.district)
        months = bad["observed_at"].drop_duplicates()
        parts = [
            section_means(rows, sections, f"{month:%Y-%m}", registry=scene.registry).assign(observed_at=month)
            for month in months
        ]
        means = pd.concat(parts, ignore_index=True).assign(value=lambda frame: frame["rounded"])
    means = means.merge(bad[["site", "observed_at", "bound"]], on=["site", "observed_at"])
    # a handful of classes
    parts = [_beyond(_bounded(scene, part, int(bound))) for bound, part in means.groupby("bound")]
    names = ["site", "observed_at", "parameter", "value", "limit", "multiple"]
    return evidence_frame(pd.concat(parts, ignore_index=True)[names])


def _with_exact_multiples(samples: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """Put the unrounded multiples over the broken limit on bad samples, so that the worst one is really the worst."""
    exact = evidence[evidence["multiple"].notna()]
    if exact.empty:
        return samples
    text = multiple_text(exact["parameter"], exact["multiple"])
    joined = text.groupby([exact["site"], exact["observed_at"]]).agg(";".join).rename("exact").reset_index()
    merged = samples.merge(joined, on=["site", "observed_at"], how="left")
    merged["multiples"] = merged["exact"].where(merged["exact"].notna(), merged["multiples"])
    return merged.drop(columns=["exact"])


def _with_flags(scene: Scene, evidence: pd.DataFrame) -> pd.DataFrame:
    """Add the quality flags of readings in words."""
    if "period" not in evidence or evidence.empty:
        return evidence.assign(flags="", flags_zh="", flags_en="")
    flags = flags_in_words(scene.connection, scene.district, evidence, as_of=scene.as_of)
    return evidence.merge(flags, on=_READING, how="left")
