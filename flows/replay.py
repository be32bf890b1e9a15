"""Replay: after a rule, an alias or a registry was put right, what was turned away is judged again.

The landed bytes of the deliveries concerned are read and judged anew. What is accepted now moves out of the
quarantine, one transaction a delivery; then the touched days are evaluated as a night would. Killed at any
moment and run again, it goes on where it was: the quarantine says what is left, `stale_days` what waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from alerts.query import list_episodes
from flows.alert.record import send_messages
from flows.gather import Gathered, Pending
from flows.ingest import batches, examine
from flows.publish import publish
from flows.run import FAILED, Do, Run, SourceReport, close_run, open_run
from flows.settings import Settings
from flows.way import evaluate_and_alert, plainly
from sources.delivery import Delivery
from sources.landing import LandingError, LandingZone
from sources.sites import names_of
from vocabulary.clock import now_utc
from vocabulary.district import District
from vocabulary.parameters import normalise_name
from warehouse import bulk
from warehouse.appeal import AppealError
from warehouse.engine import Warehouse
from warehouse.rename import delivered_names, rename_sites
from warehouse.replay import OUTCOMES, Anew, Replayed, replay_delivery
from warehouse.schema import deliveries, quarantine
from warehouse.snapshot import publish_snapshot

#: characters of a content hash from which on it names a delivery
_HASH = 8


@dataclass(frozen=True)
class Choice:
    """What is to be replayed: single cells by id, or all that a source, code or delivery bounds.

    `delivery` is a name or the beginning of a content hash.
    """

    ids: frozenset[int] = frozenset()
    source: str | None = None
    code: str | None = None
    delivery: str | None = None

    @property
    def everything(self) -> bool:
        """Tell whether nothing bounds it; only then names of sites are looked at."""
        return not (self.ids or self.source or self.code or self.delivery)


def replay(
    settings: Settings,
    choice: Choice,
    *,
    districts: list[str] | None = None,
    notify: bool = False,
    dry_run: bool = False,
    by: str = "",
    why: str = "",
    tell: Callable[[str], None] = lambda _line: None,
    do: Do = plainly,
) -> tuple[Run, int, list[dict[str, Any]]]:
    """Replay what is chosen, then evaluate; nobody is woken unless `notify`.

    Returns
    -------
    tuple
        The run with its summary, the exit status, and one record a delivery or site of which something
        moved, would move, or cannot move (docs/reference/records.md, "quarantine replay").

    Raises
    ------
    AppealError
        When a chosen cell is not there or not open, or no delivery is of the name.
    """
    Warehouse(settings.warehouse_url()).must_exist()
    run = open_run(settings, "replay", districts=districts, source=choice.source, dry_run=dry_run, tell=tell)
    records: list[dict[str, Any]] = []
    try:
        chosen = _chosen(run, choice)
        for district in run.districts.values():
            if choice.everything:
                records += do(f"改名 {district.key}", _rename, run, district)
            of_district = chosen[chosen["district"] == district.key]
            for source, rows in of_district.groupby("source"):
                records += do(
                    f"重放 {district.key}/{source}", _replay_source, run, district, str(source), rows, by, why
                )
        if not dry_run:
            _evaluate(run, do, notify=notify)
    except BaseException as error:
        run.summary.failures.append(f"{type(error).__name__}: {error}")
        run.summary.exit_status = FAILED
        close_run(run)
        raise
    status = close_run(run)
    if not dry_run:
        publish_snapshot(run.warehouse)
    return run, status, records


def _evaluate(run: Run, do: Do, *, notify: bool) -> None:
    """Recompute what moved, and what a killed run left; messages leave only when they are asked for."""
    for district in run.districts.values():
        do(f"重算与预警 {district.key}", evaluate_and_alert, run, district, not notify)
    if notify:
        do("发送消息", send_messages, run)
    else:
        with run.warehouse.read() as connection:
            for key in run.districts:
                run.summary.episodes += list_episodes(connection, key)
    do("发布报告", publish, run)


def _chosen(run: Run, choice: Choice) -> pd.DataFrame:
    """Return the deliveries concerned with the ids of their cells; `cells` None: all that are open."""
    with run.warehouse.read() as connection:
        _stand(connection, choice)
        found = _with_cells(connection, choice)
        if not choice.ids:
            found = pd.concat([found, _refused(connection, choice)], ignore_index=True)
    found = found[found["district"].isin(list(run.districts))]
    if choice.delivery is not None and found.empty:
        raise AppealError(
            f"没有名为 {choice.delivery} 且有待处理单元格的交付 / no delivery {choice.delivery} with anything to replay"
        )
    return found.drop_duplicates("id").sort_values(["district", "source", "partition", "rank"])


def _stand(connection: Connection, choice: Choice) -> None:
    """Raise unless every chosen cell is there and open."""
    if not choice.ids:
        return
    query = select(quarantine.c.id, quarantine.c.state).where(quarantine.c.id.in_(choice.ids))
    states = {int(identity): str(state) for identity, state in connection.execute(query)}
    others = [
        f"{identity} ({states.get(identity, '不存在 not there')})"
        for identity in sorted(choice.ids)
        if states.get(identity) != "open"
    ]
    if others:
        raise AppealError(
            f"只能重放 open 状态的单元格，实为 {', '.join(others)} / only open cells are replayed"
        )


_LEDGER = ("id", "district", "source", "partition", "sha256", "name", "size", "modified_at", "rank", "code")


def _with_cells(connection: Connection, choice: Choice) -> pd.DataFrame:
    query = (
        select(*[deliveries.c[name] for name in _LEDGER], quarantine.c.id.label("cell"))
        .select_from(quarantine.join(deliveries, deliveries.c.id == quarantine.c.delivery_id))
        .where(quarantine.c.state == "open", *_bounds(choice))
    )
    if choice.ids:
        query = query.where(quarantine.c.id.in_(choice.ids))
    if choice.code is not None:
        query = query.where(quarantine.c.code == choice.code)
    rows = bulk.fetch(connection, query)
    cells = rows.groupby("id")["cell"].agg(frozenset)
    bounded = bool(choice.ids) or choice.code is not None
    return rows.drop(columns="cell").assign(cells=rows["id"].map(cells) if bounded else None)


def _refused(connection: Connection, choice: Choice) -> pd.DataFrame:
    """Return the deliveries that were refused before any cell of them could be read."""
    query = select(*[deliveries.c[name] for name in _LEDGER]).where(
        deliveries.c.state == "refused", deliveries.c.cells_in == 0, *_bounds(choice)
    )
    if choice.code is not None:
        query = query.where(deliveries.c.code == choice.code)
    return bulk.fetch(connection, query).assign(cells=None)


def _bounds(choice: Choice) -> list[Any]:
    found = [] if choice.source is None else [deliveries.c.source == choice.source]
    if choice.delivery is not None:
        named = deliveries.c.name == choice.delivery
        if len(choice.delivery) >= _HASH:
            named |= func.substr(deliveries.c.sha256, 1, len(choice.delivery)) == choice.delivery.lower()
        found.append(named)
    return found


@contextmanager
def _work(run: Run) -> Iterator[Callable[[], Any]]:
    """Yield how to begin a unit of work; in a dry run all of them are one, and undone at the end."""
    if not run.dry_run:
        yield run.warehouse.begin
        return
    # what would happen is told by doing it: only a warehouse that may be written can, and undoes it
    writable = Warehouse(run.settings.warehouse_url(), lock_wait=run.settings.lock_wait)
    with writable.begin() as connection:
        transaction = connection.get_transaction()

        @contextmanager
        def within() -> Iterator[Connection]:
            yield connection

        try:
            yield within
        finally:
            if transaction is not None:
                transaction.rollback()


def _rename(run: Run, district: District) -> list[dict[str, Any]]:
    """Move readings of names that the registry knows by now under their key."""
    names = names_of(district.sites)
    registered = district.sites["key"].tolist()
    with _work(run) as begin, begin() as connection:
        found = delivered_names(connection, district.key, registered)
        keys = {name: names[normalise_name(name)] for name in found if normalise_name(name) in names}
        moved = rename_sites(connection, district.key, keys, now=now_utc()) if keys else pd.DataFrame()
    records = []
    for name, rows in moved.groupby("name") if len(moved) else ():
        count = int(rows["readings"].sum())
        run.say(
            f"{district.name_zh} {name} → {keys[str(name)]}：{count} 个监测值归入点位",
            f"{district.name_en} {name} → {keys[str(name)]}: {count} readings now under their site",
        )
        records.append(
            _record("site", district.key, cells=count)
            | {"renamed": str(name), "sites": keys[str(name)], "parameters": _joined(rows["parameter"])}
            | _days(rows["first"].min(), rows["last"].max())
        )
    return records


def _replay_source(
    run: Run, district: District, source: str, rows: pd.DataFrame, by: str, why: str
) -> list[dict[str, Any]]:
    """Read and judge the deliveries of a source anew, and replay each in its transaction."""
    known = district.source(source)
    report = SourceReport(district.key, source, known.title_zh, found=len(rows))
    run.summary.sources.append(report)
    cells = dict(zip(rows["sha256"], rows["cells"], strict=True))
    ids = dict(zip(rows["sha256"], rows["id"], strict=True))
    records = []
    for batch in batches(Gathered(len(rows), 0, _landed(run, district, source, rows, report))):
        # read before the transaction begins: judging asks the ledger what it expects
        found = examine(run, district, known, batch)
        with _work(run) as begin:
            for place, unit in enumerate(found.units):
                anew = Anew(unit, _own(found.judged.accepted, place), _own(found.away, place))
                with begin() as connection:
                    replayed = replay_delivery(
                        connection,
                        int(ids[unit.sha256]),
                        anew,
                        cells[unit.sha256],
                        now=now_utc(),
                        actor=by,
                        note=why,
                    )
                records += _told(report, replayed, anew)
        run.say(
            f"{district.name_zh} {known.title_zh}：{len(batch)} 份已重判",
            f"{district.name_en} {known.title_en}: {len(batch)} judged again",
        )
    return records


def _landed(
    run: Run, district: District, source: str, rows: pd.DataFrame, report: SourceReport
) -> list[Pending]:
    """Return the deliveries whose bytes are still in the landing zone; the others are reported."""
    zone = LandingZone(run.landing)
    pending = []
    for sha256, name, size, modified_at, partition in zip(
        *[rows[column] for column in ("sha256", "name", "size", "modified_at", "partition")], strict=True
    ):
        try:
            zone.open(sha256).close()
        except (LandingError, OSError) as error:
            report.failure = "; ".join(filter(None, [report.failure, f"{name}: {error}"]))
            continue
        when = pd.Timestamp(modified_at).to_pydatetime()
        delivery = Delivery(district.key, source, str(name), str(sha256), int(size), when)
        pending.append(Pending(delivery, zone.path(sha256), str(partition)))
    return pending


def _own(frame: pd.DataFrame, place: int) -> pd.DataFrame:
    own = frame[(frame["delivery"] == place).to_numpy()].reset_index(drop=True)
    return own.drop(columns="delivery").assign(delivery=0)


def _told(report: SourceReport, replayed: Replayed, anew: Anew) -> list[dict[str, Any]]:
    """Count a replayed delivery in the run's summary, and return its record where there is anything to say."""
    unit = anew.unit
    if replayed.reason is not None:
        zh, en = replayed.reason
        report.findings.append(f"{unit.name}: {zh} / {en}")
    if replayed.did:
        report.loaded += 1
        report.add(
            {"name": unit.name, "sha256": unit.sha256, "state": unit.state, "code": unit.code}
            | {"cells_in": replayed.cells}
            | replayed.counts
        )
    if not replayed.did and replayed.reason is None:
        return []
    moved = replayed.moved
    zh, en = replayed.reason or ("", "")
    record = _record("delivery", unit.district, cells=replayed.cells)
    record |= {"source": unit.source, "delivery": unit.name, "sha256": unit.sha256} | replayed.counts
    record |= {"left": replayed.left, "reason_zh": zh, "reason_en": en}
    record |= {"sites": _joined(moved["site"]), "parameters": _joined(moved["parameter"])}
    return [record | (_days(moved["observed_at"].min(), moved["observed_at"].max()) if len(moved) else {})]


def _record(kind: str, district: str, *, cells: int) -> dict[str, Any]:
    texts = dict.fromkeys(("source", "delivery", "sha256", "renamed"), "")
    counts = dict.fromkeys(OUTCOMES, 0)
    facts = {"left": 0, "sites": "", "parameters": "", "first_day": None, "last_day": None}
    reason = {"reason_zh": "", "reason_en": ""}
    return {"kind": kind, "district": district, **texts, "cells": cells, **counts, **facts, **reason}


def _joined(words: pd.Series) -> str:
    return ";".join(sorted(words.astype("str").unique()))


def _days(first: datetime, last: datetime) -> dict[str, str]:
    return {"first_day": f"{pd.Timestamp(first):%Y-%m-%d}", "last_day": f"{pd.Timestamp(last):%Y-%m-%d}"}
