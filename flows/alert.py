"""Alert: conditions from evaluated rows become episodes; messages leave through the outbox."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from alerts.channels import build_channels
from alerts.episodes import find_episodes
from alerts.evidence import EVIDENCE_COLUMNS
from alerts.outbox import deliver
from alerts.query import list_episodes
from alerts.record import record_episodes
from alerts.rules import AlertSettings, Rule, load_alerts
from flows.evaluate import registry_of, sections_frame
from flows.run import Run
from indicators.registry import Registry
from indicators.water_bounds import class_bounds
from vocabulary.clock import now_utc
from vocabulary.district import District
from warehouse.recall import recall_readings, recall_table
from warehouse.schema import section_results

#: water class that is worse than Ⅴ
WORSE_THAN_V = 6


def settings_of(district: District) -> AlertSettings:
    """Return the district's alert rules, channels and routes."""
    return load_alerts(Path(district.folder) / "alerts.toml")


def record_alerts(
    connection: Connection, run: Run, district: District, touched: Collection[str], *, silent: bool
) -> None:
    """Find and record the episodes of every rule, within the caller's transaction.

    Sites whose samplings changed are examined over their whole history; on record, open episodes of
    others stay, but a night tells of what a silent backfill left untold, so every section is covered
    when the run is not silent.
    """
    registry = registry_of(district)
    sections = sections_frame(district)
    covered = sorted(set(touched)) if silent else sorted(sections["site"])
    if not covered:
        return
    for rule in settings_of(district).rules:
        samples, evidence = samples_and_evidence(connection, district, registry, rule, covered)
        found = find_episodes(samples, rule)
        recorded = record_episodes(
            connection,
            district.key,
            rule,
            found,
            run_date=run.run_date,
            known_at=now_utc(),
            evidence=evidence,
            sites=district.sites,
            silent=silent,
            covered=covered,
            district_name=district.name_zh,
        )
        for name in ("opened", "resolved", "annulled", "queued"):
            count = getattr(recorded, name)
            run.summary.messages[name] = run.summary.messages.get(name, 0) + count


def samples_and_evidence(
    connection: Connection,
    district: District,
    registry: Registry,
    rule: Rule,
    sites: Collection[str],
    as_of: datetime | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the samplings of sections as `find_episodes` takes them, and the items beyond their limit."""
    samples = recall_table(
        connection,
        section_results,
        section_results.c.district == district.key,
        section_results.c.period_kind == "sample",
        section_results.c.site.in_(list(sites)),
        as_of=as_of,
    ).rename(columns={"start": "observed_at"})
    samples["class"] = samples["class"].astype("Int8")
    samples["observed_at"] = samples["observed_at"].astype("datetime64[us]")
    bad = samples[samples["class"] >= rule.raise_class]
    evidence = _evidence(connection, district, registry, bad, as_of)
    beyond = evidence[evidence["value"] > rule.raise_multiple * evidence["limit_number"]]
    far = pd.MultiIndex.from_frame(beyond[["site", "observed_at"]])
    samples = _with_exact_multiples(samples, evidence)
    samples["beyond"] = pd.MultiIndex.from_frame(samples[["site", "observed_at"]]).isin(far)
    return samples, evidence


def _with_exact_multiples(samples: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """Put the unrounded multiples over the Ⅴ limit on bad samplings, so that the worst one is really the worst."""
    exact = evidence[evidence["multiple"].notna()]
    if exact.empty:
        return samples
    text = exact["parameter"] + "=" + exact["multiple"].map("{:.6f}".format)
    joined = text.groupby([exact["site"], exact["observed_at"]]).agg(";".join).rename("exact").reset_index()
    merged = samples.merge(joined, on=["site", "observed_at"], how="left")
    merged["multiples"] = merged["exact"].where(merged["exact"].notna(), merged["multiples"])
    return merged.drop(columns=["exact"])


def _evidence(
    connection: Connection,
    district: District,
    registry: Registry,
    bad: pd.DataFrame,
    as_of: datetime | None,
) -> pd.DataFrame:
    """Return the readings beyond the class Ⅴ limit in the bad samplings, with where they stand."""
    empty = pd.DataFrame({name: [] for name in (*EVIDENCE_COLUMNS, "limit_number")})
    if bad.empty:
        return empty
    readings = recall_readings(
        connection,
        district=district.key,
        start=bad["observed_at"].min().to_pydatetime(),
        end=bad["observed_at"].max().to_pydatetime() + pd.Timedelta(hours=1),
        sites=sorted(bad["site"].unique()),
        as_of=as_of,
        provenance=True,
    )
    readings = readings.merge(bad[["site", "observed_at"]], on=["site", "observed_at"])
    readings = readings.merge(sections_frame(district)[["site", "waterbody"]], on="site")
    standard = registry.in_force("surface-water-class", bad["observed_at"].max().date())
    limits = class_bounds(standard, WORSE_THAN_V - 1)
    rows = readings.merge(limits, on=["parameter", "waterbody"])
    worse = (
        ((rows["kind"] == "upper") & (rows["value"] > rows["high"]))
        | ((rows["kind"] == "lower") & (rows["value"] < rows["low"]))
        | ((rows["kind"] == "range") & ~rows["value"].between(rows["low"], rows["high"]))
    )
    rows = rows[worse].copy()
    upper = rows["kind"] == "upper"
    rows["limit_number"] = rows["high"].where(upper)
    rows["multiple"] = ((rows["value"] - rows["high"]) / rows["high"]).where(upper).round(3)
    span = rows["low"].map("{:g}".format) + "~" + rows["high"].map("{:g}".format)
    single = np.where(upper, rows["high"], rows["low"]).astype(object)
    rows["limit"] = np.where(rows["kind"] == "range", span.to_numpy(dtype=object), single)
    return rows[[*EVIDENCE_COLUMNS, "limit_number"]]


def send_messages(run: Run) -> None:
    """Send what waits in the outbox; a channel that fails keeps its messages and is reported."""
    for district in run.districts.values():
        channels = build_channels(settings_of(district), run.settings.home)
        # two commands at once must not both take the same message
        with run.warehouse.alone("send"):
            report = deliver(run.warehouse.engine(), channels, now=now_utc(), district=district.key)
        sent = sum(report.sent.values())
        run.summary.messages["sent"] = run.summary.messages.get("sent", 0) + sent
        run.summary.failures += [
            f"{district.name_zh} 通道 {key}: {error} / channel failed" for key, error in report.failed.items()
        ]
    with run.warehouse.read() as connection:
        for key in run.districts:
            run.summary.episodes += list_episodes(connection, key)
