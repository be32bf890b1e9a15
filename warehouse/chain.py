"""Revisions of a reading, settled set by set, so that the order of arrival does not matter.

All statements about one reading that say the same (value, censor, provider flag) are one revision; it
carries the rank of its first and of its last statement. The revision whose last statement ranks highest
is believed. Both are minima and maxima, so statements may arrive in any order and grouping
(tests/warehouse/test_chain.py proves it).

A row of `readings` is a revision for as long as it was believed: when a reading returns to an earlier
value, the revision gets another row. What was believed when is in `known_from` and `known_until`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

#: what makes two statements about a reading differ
STATED = ("value", "censor", "provider_flag")
_KEY = ["series_id", "observed_at"]
_CONTENT = [
    "value",
    "raw",
    "censor",
    "detection_limit",
    "provider_flag",
    "channel",
    "delivery_id",
    "sheet",
    "row",
    "column",
]
_UPDATES = {
    "series_id": "int64",
    "observed_at": "datetime64[us]",
    "old_rank_first": "int64",
    "rank_first": "int64",
    "rank_last": "int64",
    "known_until": "datetime64[us]",
}

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Settled:
    """What a set of statements does.

    inserts: rows for `readings`. updates: `series_id, observed_at, old_rank_first` of a stored row and its
    new `rank_first, rank_last, known_until`. outcome: one of new, revised, unchanged per statement, in
    the statements' own order; as many are new or revised as there are inserts.
    """

    inserts: pd.DataFrame
    updates: pd.DataFrame
    outcome: npt.NDArray[np.object_]


def settle(stored: pd.DataFrame, statements: pd.DataFrame, now: pd.Timestamp) -> Settled:
    """Settle new statements with the stored revisions.

    Parameters
    ----------
    stored
        Every row of `readings` for the keys that `statements` speaks about.
    statements
        Columns `series_id, observed_at, rank` and the content columns of `readings`; ranks are unique
        for one key.
    now
        Time of the transaction, UTC without zone.
    """
    if stored.empty and not statements.duplicated(_KEY).any():
        outcome = np.full(len(statements), "new", dtype=object)
        believed = np.ones(len(statements), dtype=bool)
        rank = statements["rank"].to_numpy()
        rows = _rows(statements, outcome, rank, rank, believed, now)
        return Settled(rows, pd.DataFrame({name: [] for name in _UPDATES}).astype(_UPDATES), outcome)
    return _Settling(stored, statements, now).settled()


def _rows(
    statements: pd.DataFrame,
    kind: npt.NDArray[np.object_],
    first: _Ints,
    last: _Ints,
    believed: _Bools,
    now: pd.Timestamp,
) -> pd.DataFrame:
    rows = statements[[*_KEY, *_CONTENT]].reset_index(drop=True)
    rows["kind"] = pd.Series(kind, dtype="str")
    rows["rank_first"] = first
    rows["rank_last"] = last
    rows["known_from"] = now
    # a statement that others already outrank was never believed: its interval is empty
    rows["known_until"] = pd.Series(now, index=rows.index).astype("datetime64[us]").mask(believed)
    return rows


class _Settling:
    """One call of `settle`: stored rows and statements as points of numbered keys and revisions."""

    def __init__(self, stored: pd.DataFrame, statements: pd.DataFrame, now: pd.Timestamp) -> None:
        self.stored = stored.reset_index(drop=True)
        self.statements = statements.reset_index(drop=True)
        self.now = now
        size = len(stored)
        columns = [*_KEY, *STATED]
        both = pd.concat([self.stored[columns], self.statements[columns]], ignore_index=True)
        key = both.groupby(_KEY, sort=False).ngroup().to_numpy()
        revision = both.groupby(columns, sort=False, dropna=False).ngroup().to_numpy()
        self.key_of_row, self.key_of_statement = key[:size], key[size:]
        self.revision_of_row, self.revision_of_statement = revision[:size], revision[size:]
        self.keys = int(key.max()) + 1
        self.revisions = int(revision.max()) + 1
        self.rank = self.statements["rank"].to_numpy(dtype="int64")
        self.is_believed = self.stored["known_until"].isna().to_numpy()

    def settled(self) -> Settled:
        """Return rows to insert, rows to change and the outcome of each statement."""
        first_row = self.stored["rank_first"].to_numpy(dtype="int64")
        last_row = self.stored["rank_last"].to_numpy(dtype="int64")
        first = self._extreme(np.minimum, first_row, self.rank, np.iinfo(np.int64).max)
        last = self._extreme(np.maximum, last_row, self.rank, -1)
        is_stored = np.zeros(self.revisions, dtype=bool)
        is_stored[self.revision_of_row] = True
        key_of_revision = np.zeros(self.revisions, dtype="int64")
        key_of_revision[self.revision_of_row] = self.key_of_row
        key_of_revision[self.revision_of_statement] = self.key_of_statement
        # the revision whose last statement ranks highest; revisions of a key never share a rank
        highest = np.full(self.keys, -1, dtype="int64")
        np.maximum.at(highest, key_of_revision, last)
        is_top = last == highest[key_of_revision]
        believed_before = np.zeros(self.revisions, dtype=bool)
        believed_before[self.revision_of_row[self.is_believed]] = True

        opener = self._opener(first)
        fresh = np.flatnonzero(~is_stored)
        back = np.flatnonzero(is_stored & is_top & ~believed_before)
        inserts, outcome = self._insert(fresh, back, opener, first, last, is_top, key_of_revision)
        updates = self._update(first_row, last_row, first, last, is_top)
        return Settled(inserts, updates, outcome)

    def _extreme(self, pick: Any, of_rows: _Ints, of_statements: _Ints, start: int) -> _Ints:
        found = np.full(self.revisions, start, dtype="int64")
        pick.at(found, self.revision_of_row, of_rows)
        pick.at(found, self.revision_of_statement, of_statements)
        return found

    def _opener(self, first: _Ints) -> _Ints:
        """Return the statement that is the first of its revision (-1: a stored row is)."""
        opener = np.full(self.revisions, -1, dtype="int64")
        opens = self.rank == first[self.revision_of_statement]
        opener[self.revision_of_statement[opens]] = np.flatnonzero(opens)
        return opener

    def _insert(
        self,
        fresh: _Ints,
        back: _Ints,
        opener: _Ints,
        first: _Ints,
        last: _Ints,
        is_top: _Bools,
        key_of_revision: _Ints,
    ) -> tuple[pd.DataFrame, npt.NDArray[np.object_]]:
        """Return rows for revisions never said before, and for those believed again."""
        key_is_stored = np.zeros(self.keys, dtype=bool)
        key_is_stored[self.key_of_row] = True
        earliest = np.full(self.keys, np.iinfo(np.int64).max, dtype="int64")
        np.minimum.at(earliest, key_of_revision, first)
        is_new = ~key_is_stored[key_of_revision[fresh]] & (first[fresh] == earliest[key_of_revision[fresh]])
        closing = np.full(self.revisions, -1, dtype="int64")
        closes = self.rank == last[self.revision_of_statement]
        closing[self.revision_of_statement[closes]] = np.flatnonzero(closes)

        said = np.concatenate([opener[fresh], closing[back]])
        kind = np.concatenate([np.where(is_new, "new", "revised"), np.full(len(back), "revised")]).astype(
            object
        )
        begins = np.concatenate([first[fresh], last[back]])
        ends = np.concatenate([last[fresh], last[back]])
        believed = np.concatenate([is_top[fresh], np.ones(len(back), dtype=bool)])
        inserts = _rows(self.statements.iloc[said], kind, begins, ends, believed, self.now)
        outcome = np.full(len(self.statements), "unchanged", dtype=object)
        outcome[said] = kind
        return inserts, outcome

    def _update(
        self, first_row: _Ints, last_row: _Ints, first: _Ints, last: _Ints, is_top: _Bools
    ) -> pd.DataFrame:
        """Return stored rows whose ranks widen or whose belief ends."""
        rows = self.stored
        # a revision that was believed more than once has several rows: its first rank belongs to the row that
        # begins it, its last to the one that is believed, else the latest; so no two rows share a first rank
        begins = self._carrier(np.lexsort((-first_row,)))
        carries = self._carrier(np.lexsort((last_row, self.is_believed)))
        ends = self.is_believed & ~is_top[self.revision_of_row]
        updates = pd.DataFrame(
            {
                "series_id": rows["series_id"].to_numpy(),
                "observed_at": rows["observed_at"].to_numpy(),
                "old_rank_first": first_row,
                "rank_first": np.where(begins, first[self.revision_of_row], first_row),
                "rank_last": np.where(carries, last[self.revision_of_row], last_row),
                "known_until": rows["known_until"].mask(ends, self.now).to_numpy(),
            }
        ).astype(_UPDATES)
        changed = (
            ends
            | (updates["rank_first"].to_numpy() != first_row)
            | (updates["rank_last"].to_numpy() != last_row)
        )
        return updates[changed].reset_index(drop=True)

    def _carrier(self, order: _Ints) -> _Bools:
        """Tell for every stored row whether it is the last of its revision in this order."""
        place = np.arange(len(self.stored))
        carrier = np.zeros(self.revisions, dtype="int64")
        carrier[self.revision_of_row[order]] = place[order]
        carries: _Bools = carrier[self.revision_of_row] == place
        return carries
