"""Alert: conditions from evaluated rows become episodes; messages leave through the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from alerts.channels import build_channels
from alerts.episodes import calm_before, find_episodes, find_pending
from alerts.inhibition import in_order, mutes_of
from alerts.links import usable_links
from alerts.outbox import deliver
from alerts.query import list_episodes
from alerts.record import record_episodes
from alerts.rules import AlertSettings, Rule, load_alerts
from alerts.spans import span
from alerts.tending import Tended, tend_episodes
from alerts.untold import untold_since
from flows.alert.automatic import automatic_conditions
from flows.alert.pipeline import (
    indicator_conditions,
    indicator_subjects,
    ledger_beginning,
    pipeline_conditions,
)
from flows.alert.places import air_conditions, outlet_conditions
from flows.alert.scene import Conditions, Scene, beginning, only_since
from flows.alert.sections import section_conditions
from flows.block_secrets import MachineSecrets, links_into_environment
from flows.evaluate import Evaluated, registry_of
from flows.run import Run
from vocabulary.clock import now_utc, wall_time
from vocabulary.district import District
from warehouse.schema import deliveries

Loader = Callable[[Scene, Rule, Mapping[str, datetime]], Conditions]

_LOADERS: Mapping[str, Loader] = {
    "section-class": section_conditions,
    "section-target": section_conditions,
    "section-nearing": section_conditions,
    "section-incoming": section_conditions,
    "aqi-level": air_conditions,
    "outlet-exceedance": outlet_conditions,
    "data-flat": automatic_conditions,
    "data-missing": automatic_conditions,
    "transmission-rate": automatic_conditions,
    "indicator-off-track": indicator_conditions,
    "source-silent": pipeline_conditions,
    "coverage-down": pipeline_conditions,
    "quarantine-share": pipeline_conditions,
    "flag-drift": pipeline_conditions,
}
#: bases of which a sample counts only when its time is over: the run's date decides as well as the readings
_AGED = frozenset({"day", "month"})


def settings_of(district: District) -> AlertSettings:
    """Return the district's alert rules, channels and routes."""
    return load_alerts(Path(district.folder) / "alerts.toml")


def record_alerts(
    connection: Connection, run: Run, district: District, done: Evaluated, *, silent: bool
) -> None:
    """Find and record the episodes of every rule, within the caller's transaction.

    Examined are the subjects whose results were recomputed, and those of which a silent run (a backfill)
    left something untold, from where what stands on record can no longer be taken for granted; every
    subject over its whole history when the rules changed. What rests on the ledger or on the indicators is
    small and is examined whole. Rules that inhibit others come before them.
    """
    links_into_environment()
    scene = Scene(connection, district, registry_of(district), run.run_date)
    settings = settings_of(district)
    earliest = _first_month(scene)
    now = now_utc()
    for rule in in_order(settings.rules):
        whole, doubtful = _in_doubt(scene, rule, done, silent=silent)
        if not doubtful:
            continue
        if whole:
            examined, found = doubtful, conditions_of_rule(scene, rule, doubtful)
        else:
            examined, found = _from_calm(scene, rule, doubtful, earliest)
        episodes_found = find_episodes(found.samples, rule)
        recorded = record_episodes(
            connection,
            district.key,
            rule,
            episodes_found,
            settings=settings,
            run_date=run.run_date,
            known_at=now,
            evidence=found.evidence,
            sites=subjects_frame(scene, rule),
            silent=silent,
            examined_from=examined,
            district_name=district.name_zh,
            pending=find_pending(found.samples, rule, episodes_found),
            mutes=mutes_of(connection, district.key, settings, rule, now),
        )
        for name in ("opened", "resolved", "annulled", "queued"):
            count = getattr(recorded, name)
            run.summary.messages[name] = run.summary.messages.get(name, 0) + count
    if not silent:
        tended = tend(connection, district, settings, now)
        run.summary.messages["queued"] = run.summary.messages.get("queued", 0) + tended.queued


def tend(connection: Connection, district: District, settings: AlertSettings, now: datetime) -> Tended:
    """Advance what time alone decides: reminders, escalations, ends of silences, acts of people to be told.

    Called at the end of every night and by the hourly sweep; the same moment again changes nothing.

    Parameters
    ----------
    connection
        In the caller's transaction.
    district, settings
        The district and its `alerts.toml` (`settings_of`).
    now
        UTC.
    """
    links_into_environment()
    scene = Scene(connection, district, registry_of(district), today_of(now))
    subjects = {rule.id: subjects_frame(scene, rule) for rule in settings.rules}
    return tend_episodes(
        connection, district.key, settings, now, subjects=subjects, district_name=district.name_zh
    )


def today_of(now: datetime) -> date:
    """Return the calendar's date in Asia/Shanghai of a moment (UTC)."""
    return wall_time(now).date()


def conditions_of_rule(scene: Scene, rule: Rule, since: Mapping[str, datetime]) -> Conditions:
    """Return the conditions of a rule's subjects, each from its own time on."""
    return _LOADERS[rule.kind](scene, rule, since)


def subjects_of(scene: Scene, rule: Rule) -> list[str]:
    """Return every subject that a rule may speak of, sorted."""
    if rule.kind.startswith("section-"):
        return scene.sites_of("surface_water")
    if rule.kind == "aqi-level":
        return [scene.district.key]
    if rule.medium == "pipeline":
        return sorted({source.key for source in scene.district.sources} & set(rule.sources))
    if rule.medium == "plan":
        return sorted(indicator_subjects(scene))
    return scene.sites_of(rule.medium)


def subjects_frame(scene: Scene, rule: Rule) -> pd.DataFrame:
    """Return who the subjects of a rule are, as `record_episodes` takes them."""
    names: dict[str, str] = {}
    if rule.kind == "aqi-level":
        names = {scene.district.key: scene.district.name_zh}
    elif rule.medium == "pipeline":
        names = {source.key: source.title_zh for source in scene.district.sources}
    elif rule.medium == "plan":
        names = {key: name for key, (name, _) in indicator_subjects(scene).items()}
    else:
        return scene.district.sites
    rows = pd.DataFrame({"key": list(names), "name": list(names.values()), "river": "", "enterprise": ""})
    return rows.assign(target_class=pd.array([pd.NA] * len(rows), dtype="Int64"))


def _in_doubt(scene: Scene, rule: Rule, done: Evaluated, *, silent: bool) -> tuple[bool, dict[str, datetime]]:
    """Return whether a rule is examined whole in this run, and by subject from when on it is in doubt."""
    subjects = subjects_of(scene, rule)
    if rule.medium in {"pipeline", "plan"}:
        return True, dict.fromkeys(subjects, ledger_beginning(scene, rule))
    if done.anew or done.before is None:
        return True, dict.fromkeys(subjects, beginning(rule))
    doubtful = _touched(scene, rule, done, subjects)
    if rule.basis in _AGED and done.before.run_date != scene.run_date:
        # a day or month that was not over for the last run may be over for this one, or the other way round
        day = datetime.combine(min(done.before.run_date, scene.run_date), time()) - timedelta(days=1)
        aged = day.replace(day=1) if rule.basis == "month" else day
        doubtful = {site: min(aged, doubtful.get(site, aged)) for site in subjects}
    if not silent:
        untold = untold_since(scene.connection, scene.district.key, rule, run_date=scene.run_date)
        for site in untold.keys() & set(subjects):
            doubtful[site] = min(untold[site], doubtful.get(site, untold[site]))
    return False, doubtful


def _touched(scene: Scene, rule: Rule, done: Evaluated, subjects: list[str]) -> dict[str, datetime]:
    """Return the subjects whose results were recomputed, with the first moment of it."""
    if rule.kind != "aqi-level":
        return {site: first for site, first in done.sites.items() if site in set(subjects)}
    stations = [first for site, first in done.sites.items() if site in set(scene.sites_of("air"))]
    return dict.fromkeys(subjects, min(stations)) if stations else {}


def _from_calm(
    scene: Scene, rule: Rule, doubtful: Mapping[str, datetime], earliest: datetime
) -> tuple[dict[str, datetime], Conditions]:
    """Return by subject the last calm sample before what is in doubt, and the conditions from it on.

    What is read to find it is what is examined: nothing is asked twice, unless no calm was found so near.
    Nothing was measured before `earliest`, so that nobody looks for calm further back.
    """
    left = pd.Series(dict(doubtful), dtype="datetime64[us]")
    begun: dict[str, datetime] = {}
    parts: list[Conditions] = []
    look_back = span("calm")
    while len(left):
        # days are judged whole
        since = (left - look_back).dt.floor("D")
        found = conditions_of_rule(scene, rule, _moments(since))
        calm = calm_before(found.samples, rule, left)
        unknown = left[~left.index.isin(calm.index)]
        whole = unknown[since[unknown.index] <= max(earliest, beginning(rule))]
        settled = _moments(calm) | dict.fromkeys(map(str, whole.index), beginning(rule))
        if settled:
            parts.append(Conditions(only_since(found.samples, settled), only_since(found.evidence, settled)))
        begun |= settled
        left = unknown.drop(whole.index)
        look_back *= 4
    if len(parts) == 1:
        return begun, parts[0]
    samples = pd.concat([part.samples for part in parts], ignore_index=True)
    return begun, Conditions(samples, pd.concat([part.evidence for part in parts], ignore_index=True))


def _moments(times: pd.Series) -> dict[str, datetime]:
    return {str(site): at.to_pydatetime() for site, at in times.items()}


def _first_month(scene: Scene) -> datetime:
    """Return a beginning of a month before which the ledger knows of no reading of the district."""
    query = select(func.min(deliveries.c.observed_from)).where(deliveries.c.district == scene.district.key)
    first = scene.connection.execute(query).scalar_one_or_none()
    if first is None:
        return datetime.combine(scene.run_date, time())
    # a month's result stands at its beginning, and a reading's day may begin before it
    return datetime.combine((first - timedelta(days=1)).date().replace(day=1), time())


def send_messages(run: Run) -> None:
    """Send what waits in the outbox; a channel that fails keeps its messages and is reported."""
    for district in run.districts.values():
        secrets = MachineSecrets()
        channels = build_channels(settings_of(district), run.settings.home, environ=secrets)
        # two commands at once must not both take the same message
        with run.warehouse.alone("send"):
            report = deliver(
                run.warehouse.engine(),
                channels,
                now=now_utc(),
                district=district.key,
                district_name=district.name_zh,
                links=usable_links(secrets),
            )
        sent = sum(report.sent.values())
        run.summary.messages["sent"] = run.summary.messages.get("sent", 0) + sent
        run.summary.failures += [
            f"{district.name_zh} 通道 {key}: {error} / channel failed" for key, error in report.failed.items()
        ]
    with run.warehouse.read() as connection:
        for key in run.districts:
            run.summary.episodes += [
                item for item in list_episodes(connection, key) if _is_news(item, run.run_date)
            ]


def _is_news(item: Mapping[str, Any], run_date: date) -> bool:
    """Whether a run's summary names an episode: it is open, or was within the last month; the rest is in lists."""
    if item["state"] in {"firing", "acknowledged"}:
        return True
    ended = item["until"] is not None and date.fromisoformat(item["until"][:10])
    return bool(ended and item["state"] == "resolved" and ended >= run_date - span("news"))
