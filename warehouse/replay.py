"""Replay: what is accepted now leaves the quarantine of its delivery, as if it had been accepted at once.

The statements of a replayed reading take the rank of their delivery and their place among its lines, so the
chain of revisions is the one that a load under the rules of now would have made. The ledger's counts of the
delivery change with it, in the same transaction; the database checks their balance. A row that was
replayed stays in the quarantine with its state, and `as_of` knows it as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select, update

from vocabulary.reading import DISTRICT_KEY
from warehouse import bulk
from warehouse.chain import settle
from warehouse.load import Unit, free_ranks, write_quarantine
from warehouse.rank import PLACES, delivery_rank
from warehouse.replay_cells import IDENTITY, Cells, compare
from warehouse.schema import deliveries, quarantine, quarantine_steps, readings
from warehouse.statements import KEY, keyed, placed
from warehouse.stored_chains import apply_updates, changed_days, mark_stale, stored_chains

_READING = list(DISTRICT_KEY)
#: counts of a replay: what became of the cells that left the quarantine, and of those that stay otherwise
OUTCOMES = ("new", "revised", "unchanged", "duplicate", "blank", "quarantined")

_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Anew:
    """A delivery read and judged again: `unit` as a load would take it, accepted and rejected cells."""

    unit: Unit
    accepted: pd.DataFrame
    away: pd.DataFrame


@dataclass(frozen=True)
class Replayed:
    """What a replay of one delivery did.

    `cells` left the quarantine, `counts` says to which outcome; `left` cells are still open. `moved` are the
    readings, with `outcome`. `changed` are the days whose belief changed. `reason` says, zh and en, why
    nothing could be moved.
    """

    cells: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    left: int = 0
    moved: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*_READING, "outcome"]))
    reason: tuple[str, str] | None = None

    @property
    def did(self) -> bool:
        """Tell whether anything changed."""
        return self.cells > 0


def replay_delivery(
    connection: Connection,
    identity: int,
    anew: Anew,
    chosen: Collection[int] | None = None,
    *,
    now: datetime,
    actor: str = "",
    note: str = "",
) -> Replayed:
    """Move what is accepted now out of the quarantine of one delivery, within the caller's transaction.

    Parameters
    ----------
    identity
        The delivery's id in the ledger.
    anew
        The same bytes, read and judged under the rules of now.
    chosen
        Ids of the quarantined rows that are asked for; None: all that are open.
    now
        Known-at time, UTC without zone.
    actor, note
        Who replays, and why.
    """
    bulk.lock_district(connection, anew.unit.district)
    found = connection.execute(select(deliveries).where(deliveries.c.id == identity))
    ledger: dict[str, Any] = dict(found.mappings().one())
    kept = _kept(connection, identity)
    waiting = int(kept.loc[kept["state"] == "open", "cells"].sum())
    unread = ledger["state"] == "refused" and ledger["cells_in"] == 0
    reason = _hindrance(ledger, anew.unit, unread=unread)
    if reason is not None:
        return Replayed(left=waiting, reason=reason)
    if unread:
        return _Replay(connection, ledger, anew, now, actor, note).read_at_last()
    asked = np.ones(len(kept), dtype=bool) if chosen is None else kept["id"].isin(list(chosen)).to_numpy()
    cells = compare(kept, anew.accepted, anew.away, _stored(connection, identity), asked)
    if cells.closed.empty:
        return Replayed(left=waiting)
    return _Replay(connection, ledger, anew, now, actor, note).replayed(cells, waiting)


def _hindrance(ledger: Mapping[str, Any], unit: Unit, *, unread: bool) -> tuple[str, str] | None:
    """Say why a delivery cannot be replayed; None: it can."""
    if unit.state == "refused" and (unit.cells_in == 0 or ledger["state"] == "loaded"):
        return (f"仍拒收（{unit.code}）{unit.detail_zh}", f"refused ({unit.code}): {unit.detail_en}")
    if not unread and unit.cells_in != ledger["cells_in"]:
        return (
            f"按现行版式有 {unit.cells_in} 格，台账记 {ledger['cells_in']} 格，不能逐格重放",
            f"holds {unit.cells_in} cells by the layout of now, not {ledger['cells_in']}: no cell of it is replayed",
        )
    return None


def _kept(connection: Connection, identity: int) -> pd.DataFrame:
    columns = [quarantine.c[name] for name in ("id", "state", *IDENTITY)]
    query = select(*columns).where(quarantine.c.delivery_id == identity, quarantine.c.state != "replayed")
    rows = bulk.fetch(connection, query).sort_values("id", ignore_index=True)
    texts = dict.fromkeys(("state", "site", "parameter", "period", "raw", "sheet", "column", "code"), "str")
    numbers = dict.fromkeys(("id", "row", "cells"), "int64")
    return rows.astype(texts | numbers | {"observed_at": "datetime64[us]"})


def _stored(connection: Connection, identity: int) -> pd.DataFrame:
    """Return where the readings stand that the warehouse has from a delivery."""
    places = [readings.c[name] for name in ("sheet", "row", "column")]
    rows = bulk.fetch(connection, select(*places).where(readings.c.delivery_id == identity))
    return rows.astype({"sheet": "str", "row": "int64", "column": "str"})


@dataclass(frozen=True)
class _Stated:
    """What the moved readings did: counts, outcome of each, and those that a rank has no room for."""

    counts: dict[str, int]
    outcome: pd.Series
    crowded: npt.NDArray[np.int64]


class _Replay:
    """One call of `replay_delivery` that has something to do."""

    def __init__(
        self,
        connection: Connection,
        ledger: Mapping[str, Any],
        anew: Anew,
        now: datetime,
        actor: str,
        note: str,
    ) -> None:
        self.connection, self.ledger, self.anew = connection, ledger, anew
        self.now, self.actor, self.note = now, actor, note
        self.identity, self.rank = int(ledger["id"]), int(ledger["rank"])
        self.accepted = anew.accepted.reset_index(drop=True)

    def read_at_last(self) -> Replayed:
        """Load a delivery that could not be read before; it takes the rank that it would have had."""
        unit = self.anew.unit
        if delivery_rank(unit.issued_at, unit.modified_at) != self.rank:
            (rank,) = free_ranks(self.connection, [unit])
            self.rank = int(rank)
        stated = self._state(
            np.ones(len(self.accepted), dtype=bool), np.zeros(len(self.accepted), dtype=bool)
        )
        again = self._with_crowded(self.anew.away, stated)
        turned_away = int(again["cells"].sum())
        counts = stated.counts | {"blank": unit.blank, "quarantined": turned_away}
        counts["unchanged"] += unit.cells_in - sum(counts.values())
        self._write_again(again)
        self._write_ledger(
            counts,
            cells_in=unit.cells_in,
            quarantined=turned_away,
            rank=self.rank,
            issued_at=unit.issued_at,
            encoding=unit.encoding,
        )
        return Replayed(unit.cells_in, counts, turned_away, self._moved(stated))

    def replayed(self, cells: Cells, waiting: int) -> Replayed:
        """Move what `cells` says; `waiting` cells were open before."""
        first_read = self.ledger["state"] == "refused"
        stated = self._state(cells.moved, cells.held)
        closed, counted, again = cells.closed, cells.counted, cells.again
        if first_read:
            again = self._with_crowded(again, stated)
            counted -= len(stated.crowded)
        elif len(stated.crowded):
            # a reading stated more often than a rank has room for stays where it is
            stays = closed["at"].isin(stated.crowded)
            closed, counted = closed[~stays], counted - int(stays.sum())
        if closed.empty:
            return Replayed(left=waiting)
        left_cells = int(closed["cells"].sum())
        turned_away = int(again["cells"].sum())
        counts = stated.counts | {"blank": left_cells - counted - turned_away, "quarantined": turned_away}
        counts["unchanged"] += left_cells - sum(counts.values())
        self._close(closed, stated, counts)
        self._write_again(again)
        self._write_ledger(counts, quarantined=int(self.ledger["quarantined"]) - left_cells + turned_away)
        return Replayed(left_cells, counts, waiting - left_cells + turned_away, self._moved(stated))

    def _state(self, moved: _Bools, held: _Bools) -> _Stated:
        """Settle the moved readings with the chains, each at its place among the lines of the delivery."""
        counts = dict.fromkeys(OUTCOMES, 0)
        nothing = np.array([], dtype="int64")
        cells = self.accepted.assign(delivery=0, cell=np.arange(len(self.accepted)), moved=moved)[~held]
        wanted = pd.MultiIndex.from_frame(cells.loc[cells["moved"], _READING])
        if wanted.empty:
            return _Stated(counts, pd.Series(dtype="str"), nothing)
        cells = cells[pd.MultiIndex.from_frame(cells[_READING]).isin(wanted)]
        ids, ranks = np.array([self.identity]), np.array([self.rank])
        frame = placed(keyed(self.connection, cells, ids, ranks))
        frame, crowded = self._with_room(frame)
        before = placed(frame[~frame["moved"]].drop(columns=["repeats", "place"]))
        old = before.set_index("cell")[["repeats", "place"]]
        self._shift(frame, old)
        stood_apart = frame["cell"].map(old["repeats"]).eq(other=False).to_numpy(dtype=bool)
        # a line that only repeated the one before it says something again when another comes between
        says = ~frame["repeats"].to_numpy() & ~stood_apart
        statements = frame[says].reset_index(drop=True)
        statements["rank"] = statements["rank"] + statements["place"]
        settled = settle(stored_chains(self.connection, statements), statements, pd.Timestamp(self.now))
        bulk.append(self.connection, readings, settled.inserts)
        apply_updates(self.connection, settled.updates)
        mark_stale(self.connection, changed_days(self.connection, settled.inserts))
        counts["new"] = int((settled.outcome == "new").sum())
        counts["revised"] = int((settled.outcome == "revised").sum())
        counts["duplicate"] = int(frame["repeats"].sum()) - int(before["repeats"].sum())
        came = frame.loc[frame["moved"], "cell"]
        outcome = pd.Series(settled.outcome, index=statements["cell"].to_numpy(), dtype="str")
        return _Stated(counts, outcome.reindex(came.sort_values()).fillna("duplicate"), crowded)

    def _with_room(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
        """Leave out what a rank has no room for; return it as places in `accepted`."""
        beyond = (frame["place"] >= PLACES).to_numpy()
        if not beyond.any():
            return frame, np.array([], dtype="int64")
        if not frame["moved"].all():
            # the places of what was loaded are taken, so the whole reading stays as it is
            key = pd.MultiIndex.from_frame(frame[list(KEY)])
            beyond = key.isin(key[beyond])
        crowded = frame.loc[beyond & frame["moved"].to_numpy(), "cell"].to_numpy(dtype="int64")
        return frame[~beyond].reset_index(drop=True), crowded

    def _shift(self, frame: pd.DataFrame, old: pd.DataFrame) -> None:
        """Make room among the stored statements of this delivery for those that now stand before them."""
        stood = frame[frame["cell"].isin(old.index[~old["repeats"].to_numpy(dtype=bool)])]
        shift = stood[[*KEY]].assign(
            was=self.rank + stood["cell"].map(old["place"]).to_numpy(dtype="int64"),
            now=self.rank + stood["place"].to_numpy(dtype="int64"),
        )
        # whole numbers throughout: a rank has more digits than a float keeps
        shift = shift[shift["was"] != shift["now"]].astype({"now": "Int64"})
        if shift.empty:
            return
        stored = stored_chains(self.connection, shift)
        stored["old_rank_first"] = stored["rank_first"]
        for name in ("rank_first", "rank_last"):
            found = stored.merge(
                shift.rename(columns={"was": name}), on=[*KEY, name], how="left", validate="many_to_one"
            )
            stored[name] = found["now"].fillna(stored[name]).to_numpy(dtype="int64")
        names = [*KEY, "old_rank_first", "rank_first", "rank_last", "known_until"]
        apply_updates(self.connection, stored[names])

    def _with_crowded(self, again: pd.DataFrame, stated: _Stated) -> pd.DataFrame:
        """Add the readings that a rank has no room for, as a load turns them away."""
        if not len(stated.crowded):
            return again
        rows = self.accepted.iloc[stated.crowded].assign(code="repeated-too-often", cells=1)
        return pd.concat([again, rows[IDENTITY]], ignore_index=True)

    def _moved(self, stated: _Stated) -> pd.DataFrame:
        rows = self.accepted.loc[stated.outcome.index, _READING]
        return rows.assign(outcome=stated.outcome).reset_index(drop=True)

    def _write_again(self, again: pd.DataFrame) -> None:
        rows = again.assign(delivery=0)
        write_quarantine(self.connection, rows, np.array([self.identity]), self.now)

    def _close(self, closed: pd.DataFrame, stated: _Stated, counts: dict[str, int]) -> None:
        """Keep each row of the quarantine that no longer stands, with what became of it."""
        single = np.where(closed["again"], "quarantined", "blank")
        outcome = pd.Series(single, index=closed.index, dtype="str")
        is_reading = closed["at"].isin(stated.outcome.index)
        outcome[is_reading] = stated.outcome.loc[closed.loc[is_reading, "at"]].to_numpy()
        together = ";".join(f"{name}={count}" for name, count in counts.items() if count)
        outcome = outcome.mask(closed["group"] >= 0, together)
        steps = closed[["id"]].rename(columns={"id": "quarantine_id"})
        steps = steps.assign(
            step="replayed", at=pd.Timestamp(self.now), actor=self.actor, note=self.note, outcome=outcome
        )
        close_rows(self.connection, steps, "replayed", self.now)

    def _write_ledger(self, counts: dict[str, int], **given: Any) -> None:
        unit, ledger = self.anew.unit, self.ledger
        added = {name: int(ledger[name]) + counts[name] for name in OUTCOMES if name != "quarantined"}
        seen = self.accepted["observed_at"]
        if len(seen):
            first, last = seen.min().to_pydatetime(), seen.max().to_pydatetime()
            given["observed_from"] = min(first, ledger["observed_from"] or first)
            given["observed_to"] = max(last, ledger["observed_to"] or last)
        if ledger["state"] == "refused":
            given |= {
                "state": unit.state,
                "code": unit.code,
                "detail_zh": unit.detail_zh,
                "detail_en": unit.detail_en,
            }
        change = update(deliveries).where(deliveries.c.id == self.identity)
        self.connection.execute(change.values({**added, **given}))


def close_rows(connection: Connection, steps: pd.DataFrame, state: str, until: datetime | None) -> None:
    """Write steps of quarantined cells and the state that they leave, within the caller's transaction.

    Parameters
    ----------
    steps
        Rows of `quarantine_steps`.
    state, until
        The state of the cells from now on, and since when they are no longer open (None: they are).
    """
    bulk.append(connection, quarantine_steps, steps)
    ids = steps[["quarantine_id"]].drop_duplicates()
    bulk.stage(connection, "staged_cells", ids)
    mine = bulk.staged("staged_cells", ids)
    connection.execute(
        update(quarantine)
        .where(quarantine.c.id.in_(select(mine.c.quarantine_id)))
        .values(state=state, known_until=until)
    )
    bulk.unstage(connection, "staged_cells")
