"""Appeal: a quarantined cell is dismissed with a reason, and a dismissal can be undone. Nothing is deleted.

`quarantine.state` says how a cell stands now, `quarantine_steps` how it came to that: who, when and why.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, Date, Select, case, cast, func, select

from warehouse import bulk
from warehouse.replay import close_rows
from warehouse.schema import deliveries, quarantine, quarantine_steps

#: states of a quarantined cell
STATES = ("open", "dismissed", "replayed")
#: step -> the state that it leaves
_LEAVES = {"dismissed": "dismissed", "reopened": "open", "replayed": "replayed"}


class AppealError(Exception):
    """Cells are not there, or do not stand as the command needs them to."""


def dismiss(connection: Connection, ids: Collection[int], *, why: str, by: str, now: datetime) -> None:
    """Dismiss open cells, within the caller's transaction.

    Raises
    ------
    AppealError
        When there is no reason, or a cell is not there or not open; nothing is dismissed then.
    """
    if not why.strip():
        raise AppealError("驳回须写明理由 / a dismissal needs its reason: --why")
    _step(connection, ids, "dismissed", needs="open", why=why, by=by, now=now)


def reopen(connection: Connection, ids: Collection[int], *, why: str, by: str, now: datetime) -> None:
    """Undo the dismissal of cells, within the caller's transaction.

    Raises
    ------
    AppealError
        When a cell is not there or not dismissed; nothing is reopened then.
    """
    _step(connection, ids, "reopened", needs="dismissed", why=why, by=by, now=now)


def _step(
    connection: Connection,
    ids: Collection[int],
    step: str,
    *,
    needs: str,
    why: str,
    by: str,
    now: datetime,
) -> None:
    wanted = sorted(set(ids))
    stated = standing(connection, wanted)
    strange = [identity for identity in wanted if identity not in stated]
    if strange:
        shown = ", ".join(map(str, strange))
        raise AppealError(f"没有编号 {shown} / no such id: {shown}")
    others = {identity: state for identity, state in stated.items() if state != needs}
    if others:
        shown = ", ".join(f"{identity} ({state})" for identity, state in sorted(others.items()))
        raise AppealError(f"须为 {needs} 状态，实为 {shown} / expected {needs}, found {shown}")
    steps = pd.DataFrame({"quarantine_id": wanted}).assign(
        step=step, at=pd.Timestamp(now), actor=by, note=why.strip(), outcome=""
    )
    state = _LEAVES[step]
    close_rows(connection, steps, state, None if state == "open" else now)


def standing(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Return how cells stand now; one that is not there is left out. Other writers wait until the end."""
    mine = quarantine.join(deliveries, deliveries.c.id == quarantine.c.delivery_id)
    of_cells = select(deliveries.c.district).select_from(mine).where(quarantine.c.id.in_(ids)).distinct()
    for district in sorted(connection.execute(of_cells).scalars()):
        bulk.lock_district(connection, district)
    query = select(quarantine.c.id, quarantine.c.state).where(quarantine.c.id.in_(ids))
    return {int(identity): str(state) for identity, state in connection.execute(query)}


def state_at(as_of: datetime | None) -> ColumnElement[str]:
    """Return the state of a quarantined cell at a time (UTC without zone; None: now)."""
    if as_of is None:
        return quarantine.c.state
    last = (
        select(quarantine_steps.c.step)
        .where(quarantine_steps.c.quarantine_id == quarantine.c.id, quarantine_steps.c.at <= as_of)
        .order_by(quarantine_steps.c.at.desc())
        .limit(1)
        .correlate(quarantine)
        .scalar_subquery()
    )
    return case(
        (last == "dismissed", "dismissed"),
        (last == "replayed", "replayed"),
        else_="open",
    )


def steps_of(connection: Connection, identity: int, as_of: datetime | None = None) -> list[dict[str, Any]]:
    """Return what became of one cell, step by step: `step, at` (UTC)`, actor, note, outcome`."""
    names = ("step", "at", "actor", "note", "outcome")
    query = select(*[quarantine_steps.c[name] for name in names]).where(
        quarantine_steps.c.quarantine_id == identity
    )
    if as_of is not None:
        query = query.where(quarantine_steps.c.at <= as_of)
    rows = connection.execute(query.order_by(quarantine_steps.c.at)).mappings()
    return [{**row, "at": row["at"].isoformat()} for row in rows]


def counted_by_day(as_of: datetime | None = None) -> Select[Any]:
    """Return the query of reasons by district, source, day and state and delivery: `cells`.

    The day is that of the observation, or of the delivery's issue where the observation's is not known.
    Replayed rows are left out: their cells are counted where they stand now.
    """
    rows = select(
        deliveries.c.district,
        deliveries.c.source,
        cast(func.coalesce(quarantine.c.observed_at, deliveries.c.issued_at), Date).label("day"),
        quarantine.c.code,
        state_at(as_of).label("state"),
        quarantine.c.cells,
        quarantine.c.delivery_id,
    ).select_from(quarantine.join(deliveries, deliveries.c.id == quarantine.c.delivery_id))
    cells = (rows if as_of is None else rows.where(quarantine.c.known_from <= as_of)).subquery()
    by = [cells.c[name] for name in ("district", "source", "day", "code", "state")]
    return (
        select(
            *by,
            cast(func.sum(cells.c.cells), BigInteger).label("cells"),
            cells.c.delivery_id,
        )
        .where(cells.c.state != "replayed")
        .group_by(*by, cells.c.delivery_id)
    )
