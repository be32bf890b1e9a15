"""Which quarantined cells of a delivery are judged otherwise now: told by their place, never by their number.

A delivery was read and judged again. Its rejected cells of now are compared with those in quarantine; one
that is the same in every word is left alone. Of the others it is found what became of them. Some rows stand
for several cells (a frame, a delivery refused whole): these are balanced as a group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

#: what makes a rejected cell the same as one in quarantine
IDENTITY = ["site", "parameter", "period", "observed_at", "raw", "sheet", "row", "column", "code", "cells"]
#: what finds the cell of a row again, whatever it was taken for
PLACE = ["sheet", "row", "column", "raw"]

_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """What became of the cells of one delivery.

    Attributes
    ----------
    closed
        Rows of the quarantine that no longer stand: `id, cells, group` (-1: a single cell), `at` (the place
        of its reading in `accepted`, -1 without), `again` (a single cell that is turned away otherwise).
    moved
        For each accepted reading whether it comes out of the quarantine.
    held
        For each accepted reading whether its cell stays in quarantine: nobody asked for it.
    again
        Rejected cells that take the place of closed rows; columns of the rejected cells of now.
    counted
        How many of the closed cells became readings; what is neither that nor in `again` is blank now.
    """

    closed: pd.DataFrame
    moved: _Bools
    held: _Bools
    again: pd.DataFrame
    counted: int

    @property
    def blank(self) -> int:
        """How many of the closed cells hold a missing mark by the layout of now."""
        return int(self.closed["cells"].sum()) - self.counted - int(self.again["cells"].sum())


def compare(
    kept: pd.DataFrame,
    accepted: pd.DataFrame,
    away: pd.DataFrame,
    stored: pd.DataFrame,
    chosen: _Bools,
) -> Cells:
    """Find what became of the cells in quarantine.

    Parameters
    ----------
    kept
        The delivery's quarantine as it stands: `id, state` and the columns of `IDENTITY`.
    accepted, away
        Readings and rejected cells of the delivery as it is judged now; index 0..n-1.
    stored
        Places (`sheet, row, column`) of the readings that the delivery has in the warehouse.
    chosen
        For each row of `kept` whether it is asked for; rows that are dismissed are left alone. Where rows
        are balanced as a group, asking for one of them asks for all.
    """
    kept_left, away_left = _unmatched(kept, away, IDENTITY)
    is_open = (kept["state"] == "open").to_numpy()
    changed = kept[kept_left].assign(chosen=(chosen & is_open)[kept_left], open=is_open[kept_left])
    changed = changed.reset_index(drop=True)
    fresh = away[away_left].reset_index(drop=True)
    if (changed["open"] & (changed["row"] == 0)).any() or (fresh["row"] == 0).any():
        group, fresh_group = np.zeros(len(changed), dtype="int64"), np.zeros(len(fresh), dtype="int64")
        cell_group = np.zeros(len(accepted), dtype="int64")
    else:
        group, fresh_group, cell_group = _groups(changed, fresh, accepted)
    groups = _Groups(changed, fresh, group, fresh_group)
    alone = changed[(group < 0) & changed["chosen"]]
    at, again_at = _places(alone, accepted, fresh, fresh_group < 0)
    unasked = changed[(group < 0) & ~changed["chosen"].to_numpy()]
    held = np.zeros(len(accepted), dtype=bool)
    held_at, _ = _places(unasked, accepted, fresh, fresh_group < 0)
    held[held_at[held_at >= 0]] = True
    moved = np.zeros(len(accepted), dtype=bool)
    moved[at[at >= 0]] = True
    known = pd.MultiIndex.from_frame(accepted[PLACE[:3]]).isin(pd.MultiIndex.from_frame(stored[PLACE[:3]]))
    candidates = groups.taken(cell_group) & ~known & ~held
    counted = int((at >= 0).sum()) + groups.counted(cell_group[candidates])
    moved |= candidates
    held |= groups.refused(cell_group) & ~known
    single = alone[["id", "cells"]].assign(group=-1, at=at, again=again_at >= 0)
    several = groups.closed().assign(at=-1, again=False)
    closed = pd.concat([single, several[single.columns]], ignore_index=True)
    places = np.zeros(len(fresh), dtype=bool)
    places[again_at[again_at >= 0]] = True
    again = fresh[places | groups.taken(fresh_group)].reset_index(drop=True)
    return Cells(closed, moved, held, again, counted)


def _unmatched(one: pd.DataFrame, other: pd.DataFrame, names: list[str]) -> tuple[_Bools, _Bools]:
    """Tell of two frames which rows have no equal in the other; equals are told apart by their turn."""
    left, right = _numbered(one, other, names)
    return ~np.isin(left, right), ~np.isin(right, left)


def _numbered(one: pd.DataFrame, other: pd.DataFrame, names: list[str]) -> tuple[_Ints, _Ints]:
    """Give rows of two frames one number where they agree in `names` and in their turn among equals."""
    kinds = {name: "str" for name in names if name not in ("observed_at", "row", "cells")}
    both = pd.concat([one[names].astype(kinds), other[names].astype(kinds)], ignore_index=True)
    side = np.repeat([0, 1], [len(one), len(other)])
    number = both.groupby(names, sort=False, dropna=False).ngroup()
    turn = number.groupby([side, number]).cumcount()
    joint = pd.DataFrame({"number": number, "turn": turn}).groupby(["number", "turn"], sort=False).ngroup()
    found = joint.to_numpy(dtype="int64")
    return found[: len(one)], found[len(one) :]


def _places(
    rows: pd.DataFrame, accepted: pd.DataFrame, fresh: pd.DataFrame, usable: _Bools
) -> tuple[_Ints, _Ints]:
    """Return for each row the accepted reading at its place and the rejected cell there; -1 without."""
    at = _at(rows, accepted)
    of_fresh = np.flatnonzero(usable)
    again = _at(rows, fresh.iloc[of_fresh])
    again = np.where(again >= 0, of_fresh[again] if len(of_fresh) else -1, -1)
    return at, np.where(at >= 0, -1, again)


def _at(rows: pd.DataFrame, among: pd.DataFrame) -> _Ints:
    left, right = _numbered(rows, among, PLACE)
    place = pd.Series(np.arange(len(right)), index=right, dtype="int64")
    found: _Ints = place.reindex(left).fillna(-1).to_numpy(dtype="int64")
    return found


def _groups(changed: pd.DataFrame, fresh: pd.DataFrame, accepted: pd.DataFrame) -> tuple[_Ints, _Ints, _Ints]:
    """Give each row the number of its line (sheet, row) where a rejected row stands for several cells, else -1."""
    parts = [frame[["sheet", "row"]].astype({"sheet": "str"}) for frame in (changed, fresh, accepted)]
    several = pd.concat(
        [part[(frame["cells"] > 1).to_numpy()] for part, frame in zip(parts, (changed, fresh), strict=False)]
    )
    lines = pd.MultiIndex.from_frame(several.drop_duplicates())
    found = [lines.get_indexer(pd.MultiIndex.from_frame(part)).astype("int64") for part in parts]
    return found[0], found[1], found[2]


class _Groups:
    """Rows that are balanced together: what leaves the quarantine comes out as readings, rejects and blanks."""

    def __init__(
        self, changed: pd.DataFrame, fresh: pd.DataFrame, of_changed: _Ints, of_fresh: _Ints
    ) -> None:
        self._rows = changed.assign(group=of_changed)
        size = int(max(of_changed.max(initial=-1), of_fresh.max(initial=-1))) + 1
        mine = of_changed >= 0
        out = np.bincount(of_changed[mine], changed["cells"].to_numpy()[mine], size)
        back = np.bincount(of_fresh[of_fresh >= 0], fresh["cells"].to_numpy()[of_fresh >= 0], size)
        self._room = (out - back).astype("int64")
        asked = np.zeros(size, dtype=bool)
        asked[of_changed[mine & changed["chosen"].to_numpy()]] = True
        dismissed = np.zeros(size, dtype=bool)
        dismissed[of_changed[mine & ~changed["open"].to_numpy()]] = True
        # more is turned away now than was: accepted cells are, and these are not touched
        self._taken = asked & ~dismissed & (self._room >= 0)

    def taken(self, group: _Ints) -> _Bools:
        """Tell which rows lie in a group that is replayed."""
        return self._among(group, self._taken)

    def refused(self, group: _Ints) -> _Bools:
        """Tell which rows lie in a group that is not replayed."""
        return self._among(group, ~self._taken)

    def counted(self, candidates: _Ints) -> int:
        """Return how many cells became readings; `candidates` are the groups of those that may have."""
        found = np.bincount(candidates, minlength=len(self._room))
        return int(np.minimum(found, self._room)[self._taken].sum())

    def closed(self) -> pd.DataFrame:
        """Return the rows of the quarantine that the groups replayed close."""
        rows = self._rows[self.taken(self._rows["group"].to_numpy(dtype="int64"))]
        return rows[["id", "cells", "group"]]

    @staticmethod
    def _among(group: _Ints, flags: _Bools) -> _Bools:
        # -1, no group, is told by the last
        found: _Bools = np.append(flags, False)[group]
        return found
