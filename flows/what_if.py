"""What if: stored history judged again under other thresholds or expectations, without writing to the warehouse.

The warehouse is only read: what is asked is carried out on a copy that is thrown away, by the very functions of a
night. First the copy is brought up to date under what is in force, then the change is made; what differs is due to
the change alone.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select, text, update

from flows.alert.record import record_alerts
from flows.answers.records import as_records
from flows.evaluate import evaluate_district
from flows.flagging import flag_district
from flows.progress import record_indicators
from flows.revisions import revision_report
from flows.rulebook import last_judged
from flows.run import Run, Summary, chosen_districts
from flows.settings import Settings
from quality.flags import FlagRuleError, Rules, amended_rules, flag_rules
from quality.judge import judge
from quality.suites import SuiteError, amended, ranges, suite_for
from sources.catalogue import LAYOUTS
from vocabulary.clock import now_utc, today
from vocabulary.district import District
from warehouse import bulk
from warehouse.engine import Warehouse
from warehouse.flags import turned_flags
from warehouse.schema import RENAMED, deliveries, readings, series
from warehouse.stored_chains import mark_stale
from warehouse.transfer import transfer

#: kinds of records, in the order of the answer; the rest are those of `ecoplan revisions`
_KINDS = {
    "sections": "section",
    "days": "day",
    "outlets": "outlet",
    "indicators": "indicator",
    "episodes": "episode",
}
_KEY = ["site", "parameter", "period"]


class WhatIfError(Exception):
    """A file of thresholds or expectations cannot be taken, or none was given."""


@dataclass(frozen=True)
class Change:
    """What is asked: other thresholds of flags, and other expectations of rows (None: those in force)."""

    rules: Rules | None = None
    expectations: str | None = None


def read_change(thresholds: Path | None, expectations: Path | None) -> Change:
    """Read and check the files of a question.

    Parameters
    ----------
    thresholds
        TOML of the form of quality/data/flag_tests.toml; what it does not state stays in force.
    expectations
        TOML with `range`, `unit` (ranges.toml) or `expectation` (suites.toml).

    Raises
    ------
    WhatIfError
        Naming the file and what is wrong with it.
    """
    if thresholds is None and expectations is None:
        raise WhatIfError(
            "请给出 --thresholds 或 --expectations / expected --thresholds or --expectations with a file"
        )
    rules = None if thresholds is None else _read(thresholds, amended_rules)
    if expectations is None:
        return Change(rules)
    return Change(rules, _read(expectations, _checked))


def _checked(content: str) -> str:
    with amended(content):
        ranges()
        for source in LAYOUTS:
            suite_for(source)
    return content


def _read(path: Path, made: Callable[[str], Any]) -> Any:
    try:
        return made(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WhatIfError(f"{path}: 无法读取 / cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, FlagRuleError, SuiteError, KeyError, TypeError, ValueError) as error:
        raise WhatIfError(f"{path}: {error}") from error


def what_if(
    settings: Settings,
    change: Change,
    *,
    districts: list[str] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, Any]]:
    """Return what would turn, as flat records of the kinds reading, flag, section, day, outlet, indicator, episode.

    Raises
    ------
    WarehouseError
        When there is no warehouse, or it cannot be read.
    """
    chosen = chosen_districts(settings, districts)
    with thrown_away(settings) as warehouse:
        records: list[dict[str, Any]] = []
        for district in chosen.values():
            tell(f"{district.name_zh}：按现行规则更新副本 / bringing the copy up to date")
            with warehouse.begin() as connection:
                run = _run(settings, warehouse, connection, district)
                _judge_again(connection, run, district, flag_rules())
            since = now_utc()
            tell(f"{district.name_zh}：按所给规则重判 / judging again")
            with warehouse.begin() as connection:
                away = _turn_away(connection, district, change) if change.expectations else []
                _judge_again(connection, run, district, change.rules or flag_rules())
            with warehouse.read() as connection:
                records += away
                records += _flag_records(connection, district, since)
                records += _turned(connection, district, since)
        return records


@contextmanager
def thrown_away(settings: Settings) -> Iterator[Warehouse]:
    """Yield a copy of the warehouse that lives as long as the question."""
    source = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=True)
    source.must_exist()
    with tempfile.TemporaryDirectory(prefix="ecoplan-what-if-") as folder:
        copy = Path(folder) / "copy.duckdb"
        target = Warehouse(f"duckdb:///{copy}", lock_wait=settings.lock_wait)
        if source.file is None:
            transfer(source, target)
        else:
            _copy_file(source, copy)
        yield target


def _copy_file(source: Warehouse, copy: Path) -> None:
    """Copy the file that a reader is given; while the connection is open nobody writes to it."""
    with source.read() as connection:
        query = text("select path from duckdb_databases() where path is not null and not internal")
        file = Path(connection.execute(query).scalar_one())
        shutil.copyfile(file, copy)
        log = file.with_name(f"{file.name}.wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(f"{copy.name}.wal"))


def _run(settings: Settings, warehouse: Warehouse, connection: Connection, district: District) -> Run:
    """Return a run for the date that the rows on record were judged for."""
    judged = last_judged(connection, district.key)
    run_date = today() if judged is None else judged.run_date
    summary = Summary(id="what-if", kind="what-if", run_date=run_date.isoformat(), started_at="")
    return Run(settings, warehouse, {district.key: district}, run_date, summary)


def _judge_again(connection: Connection, run: Run, district: District, rules: Rules) -> None:
    flag_district(connection, district, rules=rules)
    done = evaluate_district(connection, run, district)
    # a rule may speak of indicators
    record_indicators(connection, run, district, done)
    record_alerts(connection, run, district, done, silent=True)


def _turn_away(connection: Connection, district: District, change: Change) -> list[dict[str, Any]]:
    """End the belief of readings that the other expectations turn away, and say which."""
    records: list[dict[str, Any]] = []
    with amended(change.expectations or ""):
        for source, first, last in _sources(connection, district):
            parts = [
                _turned_away(connection, district, source, month.start_time, (month + 1).start_time)
                for month in pd.period_range(first, last, freq="M")
            ]
            away = pd.concat(parts, ignore_index=True)
            if away.empty:
                continue
            keys = [*_KEY, "code"]
            counted = away.groupby(keys)["observed_at"].agg(["size", "min", "max"]).reset_index()
            counted = counted.rename(columns={"size": "readings", "min": "first", "max": "last"})
            shown = counted.assign(kind="reading", district=district.key, source=source)
            columns = ["kind", "district", "source", *_KEY, "code", "readings", "first", "last"]
            records += as_records(shown[columns])
    return records


def _sources(connection: Connection, district: District) -> list[tuple[str, datetime, datetime]]:
    query = (
        select(deliveries.c.source, func.min(deliveries.c.observed_from), func.max(deliveries.c.observed_to))
        .where(deliveries.c.district == district.key, deliveries.c.observed_from.is_not(None))
        .group_by(deliveries.c.source)
        .order_by(deliveries.c.source)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _turned_away(
    connection: Connection, district: District, source: str, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    names = [
        "value",
        "raw",
        "censor",
        "detection_limit",
        "provider_flag",
        "channel",
        "sheet",
        "row",
        "column",
    ]
    query = (
        select(
            series.c.district,
            *[series.c[name] for name in _KEY],
            readings.c.series_id,
            readings.c.observed_at,
            *[readings.c[name] for name in names],
        )
        .select_from(
            readings.join(series, readings.c.series_id == series.c.id).join(
                deliveries, readings.c.delivery_id == deliveries.c.id
            )
        )
        .where(
            deliveries.c.district == district.key,
            deliveries.c.source == source,
            readings.c.observed_at >= start.to_pydatetime(),
            readings.c.observed_at < end.to_pydatetime(),
            readings.c.known_until.is_(None),
            readings.c.kind != RENAMED,
        )
    )
    found = bulk.fetch(connection, query)
    found = found.astype({"observed_at": "datetime64[us]", "value": "float64", "detection_limit": "float64"})
    found = found.assign(place=range(len(found)))
    judged = judge(found, source=source)
    away = found[~found["place"].isin(judged.accepted["place"])].reset_index(drop=True)
    if away.empty:
        return away.assign(code="")
    # in the order of the batch, as the quarantine is
    away["code"] = judged.quarantined["code"].to_numpy()
    keys = away[["series_id", "observed_at"]]
    bulk.stage(connection, "staged_away", keys)
    gone = bulk.staged("staged_away", keys)
    connection.execute(
        update(readings)
        .values(known_until=now_utc())
        .where(
            readings.c.known_until.is_(None),
            readings.c.series_id == gone.c.series_id,
            readings.c.observed_at == gone.c.observed_at,
        )
    )
    bulk.unstage(connection, "staged_away")
    mark_stale(connection, away.assign(day=away["observed_at"].dt.normalize()))
    return away


def _flag_records(connection: Connection, district: District, since: datetime) -> list[dict[str, Any]]:
    """Return the verdicts that turned, counted by series and test."""
    turned = turned_flags(connection, district.key, since)
    if turned.empty:
        return []
    keys = [*_KEY, "test", "old_verdict", "new_verdict"]
    counted = turned.groupby(keys, dropna=False)["observed_at"].agg(["size", "min", "max"]).reset_index()
    counted = counted.rename(columns={"size": "readings", "min": "first", "max": "last"})
    shown = counted.assign(kind="flag", district=district.key)
    return as_records(shown[["kind", "district", *keys, "readings", "first", "last"]])


def _turned(connection: Connection, district: District, since: datetime) -> list[dict[str, Any]]:
    report = revision_report(connection, since, now_utc() + timedelta(seconds=1), district.key)
    return [
        {"kind": kind, **_without(record, ("known_at", "revised_readings"))}
        for name, kind in _KINDS.items()
        for record in report[name]
    ]


def _without(record: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in names}
