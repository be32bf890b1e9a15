"""Alert: conditions from evaluated rows become episodes; messages leave through the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection, and_, or_, select

from alerts.channels import build_channels
from alerts.episodes import calm_before, find_episodes
from alerts.evidence import EVIDENCE_COLUMNS, FLAG_COLUMNS
from alerts.outbox import deliver
from alerts.query import list_episodes
from alerts.record import record_episodes, untold_since
from alerts.rules import AlertSettings, Rule, load_alerts
from flows.evaluate import Evaluated, registry_of, sections_frame
from flows.run import Run
from flows.used_readings import flags_in_words
from indicators.registry import Registry
from indicators.water_bounds import class_bounds
from indicators.water_limits import CLASS_TOPIC
from vocabulary.clock import now_utc
from vocabulary.district import District
from vocabulary.reading import DISTRICT_KEY
from warehouse import bulk
from warehouse.recall import believed, recall_readings, recall_table
from warehouse.schema import section_results

_READING = list(DISTRICT_KEY)
#: water class that is worse than Ⅴ
WORSE_THAN_V = 6
#: how far a calm sampling is looked for at first; four times as far each time that there is none
LOOK_BACK = timedelta(days=32)


def settings_of(district: District) -> AlertSettings:
    """Return the district's alert rules, channels and routes."""
    return load_alerts(Path(district.folder) / "alerts.toml")


def record_alerts(
    connection: Connection, run: Run, district: District, done: Evaluated, *, silent: bool
) -> None:
    """Find and record the episodes of every rule, within the caller's transaction.

    Examined are the sections whose samplings were recomputed, and those of which a silent run (a backfill)
    left something untold, from where what stands on record can no longer be taken for granted; every
    section over its whole history when the rules changed.
    """
    registry = registry_of(district)
    sections = sorted(sections_frame(district)["site"])
    for rule in settings_of(district).rules:
        if done.anew:
            examined = dict.fromkeys(sections, _beginning(rule))
        else:
            doubtful = dict(done.sections)
            if not silent:
                untold = untold_since(connection, district.key, rule, run_date=run.run_date)
                for site in untold.keys() & set(sections):
                    doubtful[site] = min(untold[site], doubtful.get(site, untold[site]))
            examined = _stepped_back(connection, district, rule, doubtful)
        if not examined:
            continue
        samples, evidence = samples_and_evidence(
            connection, district, registry, rule, sorted(examined), since=examined
        )
        recorded = record_episodes(
            connection,
            district.key,
            rule,
            find_episodes(samples, rule),
            run_date=run.run_date,
            known_at=now_utc(),
            evidence=evidence,
            sites=district.sites,
            silent=silent,
            examined_from=examined,
            district_name=district.name_zh,
        )
        for name in ("opened", "resolved", "annulled", "queued"):
            count = getattr(recorded, name)
            run.summary.messages[name] = run.summary.messages.get(name, 0) + count


def _beginning(rule: Rule) -> datetime:
    """Return a time before every sampling that the rule judges."""
    return datetime.combine(rule.valid_from, time())


def _stepped_back(
    connection: Connection, district: District, rule: Rule, doubtful: Mapping[str, datetime]
) -> dict[str, datetime]:
    """Return by site the last calm sampling before what is in doubt: the examination begins there."""
    left = pd.Series(dict(doubtful), dtype="datetime64[us]")
    begun: dict[str, datetime] = {}
    look_back = LOOK_BACK
    while len(left):
        first = left.min().to_pydatetime() - look_back
        query = select(
            section_results.c.site, section_results.c.start.label("observed_at"), section_results.c["class"]
        ).where(
            section_results.c.district == district.key,
            section_results.c.period_kind == "sample",
            section_results.c.site.in_(list(left.index)),
            section_results.c.start >= first,
            section_results.c.start < left.max().to_pydatetime(),
            believed(section_results),
        )
        calm = calm_before(_typed(bulk.fetch(connection, query)), rule, left)
        begun |= {str(site): at.to_pydatetime() for site, at in calm.items()}
        left = left[~left.index.isin(calm.index)]
        if first <= _beginning(rule):
            begun |= dict.fromkeys(map(str, left.index), _beginning(rule))
            break
        look_back *= 4
    return begun


def samples_and_evidence(
    connection: Connection,
    district: District,
    registry: Registry,
    rule: Rule,
    sites: Collection[str],
    as_of: datetime | None = None,
    since: Mapping[str, datetime] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the samplings of sections as `find_episodes` takes them, and the items beyond their limit.

    `since` bounds them by site; without it the whole history is returned.
    """
    conditions = [
        section_results.c.district == district.key,
        section_results.c.period_kind == "sample",
        section_results.c.site.in_(list(sites)),
    ]
    if since:
        each = [
            and_(section_results.c.site == site, section_results.c.start >= first)
            for site, first in since.items()
        ]
        # the earliest of them lets the engine skip the history before
        conditions += [section_results.c.start >= min(since.values()), or_(*each)]
    found = recall_table(connection, section_results, *conditions, as_of=as_of)
    samples = _typed(found.rename(columns={"start": "observed_at"}))
    bad = samples[samples["class"] >= rule.raise_class]
    evidence = _evidence(connection, district, registry, bad, as_of)
    beyond = evidence[evidence["value"] > rule.raise_multiple * evidence["limit_number"]]
    far = pd.MultiIndex.from_frame(beyond[["site", "observed_at"]])
    samples = _with_exact_multiples(samples, evidence)
    samples["beyond"] = pd.MultiIndex.from_frame(samples[["site", "observed_at"]]).isin(far)
    return samples, evidence


def _typed(samples: pd.DataFrame) -> pd.DataFrame:
    """Give site, time and class one type on every engine, empty or not."""
    return samples.astype({"site": "str", "observed_at": "datetime64[us]", "class": "Int8"})


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
    judged = [
        readings[mask].merge(class_bounds(standard, WORSE_THAN_V - 1), on=["parameter", "waterbody"])
        for standard, mask in registry.spans(CLASS_TOPIC, readings["observed_at"])
    ]
    if not judged:
        return empty
    rows = pd.concat(judged, ignore_index=True)
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
    flags = flags_in_words(connection, district, rows, as_of=as_of)
    return rows.merge(flags, on=_READING, how="left")[[*EVIDENCE_COLUMNS, "limit_number", *FLAG_COLUMNS]]


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
