"""The chain of revisions of a reading, settled set by set.

A reading's chain is the run-length coding of all statements about it in rank order. Every row of
`readings` is one run. New statements may come in any order: they open a run, lengthen one, or split
one. The result depends on the set of statements only (tests/warehouse/test_chain.py proves it), and
what was believed when is kept beside it in `known_from` and `known_until`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
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


@dataclass(frozen=True)
class Settled:
    """What a set of statements does to the chains.

    inserts: rows for `readings`. updates: `series_id, observed_at, old_rank_first` and the new
    `rank_first, rank_last, known_until`. outcome: one of new, revised, unchanged per statement, in the
    statements' own order.
    """

    inserts: pd.DataFrame
    updates: pd.DataFrame
    outcome: np.ndarray[Any, Any]


def _new_group(frame: pd.DataFrame, columns: list[str]) -> np.ndarray[Any, Any]:
    """Mark the rows (of a sorted frame) where any of the columns differs from the row before."""
    changed = np.zeros(len(frame), dtype=bool)
    if len(frame):
        changed[0] = True
    for name in columns:
        values = frame[name].to_numpy()
        changed[1:] |= values[1:] != values[:-1]
    return changed


def settle(stored: pd.DataFrame, statements: pd.DataFrame, now: pd.Timestamp) -> Settled:
    """Settle new statements into the stored chains.

    Parameters
    ----------
    stored
        Every row of `readings` (all revisions) for the keys that `statements` speaks about.
    statements
        Columns `series_id, observed_at, rank` and the content columns of `readings`; no statement
        equals the one just before it in the same delivery (those are duplicates).
    now
        Time of the transaction, UTC without zone.
    """
    if stored.empty and not statements.duplicated(_KEY).any():
        inserts = statements[[*_KEY, *_CONTENT]].copy()
        inserts["kind"] = "new"
        inserts["rank_first"] = statements["rank"].to_numpy()
        inserts["rank_last"] = statements["rank"].to_numpy()
        inserts["known_from"] = now
        inserts["known_until"] = pd.NaT
        outcome = np.full(len(statements), "new", dtype=object)
        return Settled(inserts, _no_updates(), outcome)
    return _settle_points(stored, statements, now)


def _no_updates() -> pd.DataFrame:
    columns = {
        "series_id": "int64",
        "observed_at": "datetime64[us]",
        "old_rank_first": "int64",
        "rank_first": "int64",
        "rank_last": "int64",
        "known_until": "datetime64[us]",
    }
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in columns.items()})


def _points(stored: pd.DataFrame, statements: pd.DataFrame) -> pd.DataFrame:
    """Return all points in chain order: two per stored run (one if it was said once), one per statement."""
    columns = [*_KEY, *STATED]
    first = stored[columns].assign(
        point_rank=stored["rank_first"].to_numpy(), stored_at=np.arange(len(stored)), statement_at=-1
    )
    long = (stored["rank_last"] > stored["rank_first"]).to_numpy()
    last = first[long].assign(point_rank=stored["rank_last"].to_numpy()[long])
    said = statements[columns].assign(
        point_rank=statements["rank"].to_numpy(), stored_at=-1, statement_at=np.arange(len(statements))
    )
    points = pd.concat([first, last, said], ignore_index=True)
    order = np.lexsort(
        (
            points["statement_at"].to_numpy(),
            points["point_rank"].to_numpy(),
            points["observed_at"].to_numpy(),
            points["series_id"].to_numpy(),
        )
    )
    return points.iloc[order].reset_index(drop=True)


def _settle_points(stored: pd.DataFrame, statements: pd.DataFrame, now: pd.Timestamp) -> Settled:
    points = _points(stored, statements)
    opens_key = _new_group(points, _KEY)
    opens_run = opens_key | _new_group(points, list(STATED))
    run = np.cumsum(opens_run) - 1
    start = np.flatnonzero(opens_run)
    end = np.append(start[1:], len(points)) - 1
    rank = points["point_rank"].to_numpy()
    stored_at = points["stored_at"].to_numpy()
    statement_at = points["statement_at"].to_numpy()

    runs = pd.DataFrame({"rank_first": rank[start], "rank_last": rank[end]})
    runs["stored_at"] = np.maximum.reduceat(stored_at, start)
    runs["opens_key"] = opens_key[start]
    runs["top"] = np.append(runs["opens_key"].to_numpy()[1:], True)
    key_number = np.cumsum(runs["opens_key"].to_numpy()) - 1
    key_is_stored = np.zeros(key_number[-1] + 1, dtype=bool)
    key_is_stored[key_number[runs["stored_at"].to_numpy() >= 0]] = True
    runs["key_is_stored"] = key_is_stored[key_number]
    # a stored run cut in two owns the first part; the later part becomes a row of its own
    has_stored = runs["stored_at"] >= 0
    runs["split"] = has_stored & runs["stored_at"].where(has_stored).duplicated().to_numpy()
    runs["fresh"] = ~has_stored

    inserts = _inserts(runs, start, statement_at, stored, statements, now)
    updates = _updates(runs, stored, now)

    outcome = np.full(len(statements), "unchanged", dtype=object)
    opener = statement_at[start]
    is_fresh = runs["fresh"].to_numpy()
    first_of_new_key = is_fresh & runs["opens_key"].to_numpy() & ~runs["key_is_stored"].to_numpy()
    outcome[opener[is_fresh]] = "revised"
    outcome[opener[first_of_new_key]] = "new"
    # every point of a run but a fresh run's opener says what is already known
    del run
    return Settled(inserts, updates, outcome)


def _inserts(
    runs: pd.DataFrame,
    start: np.ndarray[Any, Any],
    statement_at: np.ndarray[Any, Any],
    stored: pd.DataFrame,
    statements: pd.DataFrame,
    now: pd.Timestamp,
) -> pd.DataFrame:
    fresh = runs["fresh"].to_numpy()
    split = runs["split"].to_numpy()
    said = statements.iloc[statement_at[start[fresh]]][[*_KEY, *_CONTENT]].reset_index(drop=True)
    said["kind"] = np.where(
        runs["opens_key"].to_numpy()[fresh] & ~runs["key_is_stored"].to_numpy()[fresh], "new", "revised"
    )
    cut = stored.iloc[runs["stored_at"].to_numpy()[split]][[*_KEY, *_CONTENT]].reset_index(drop=True)
    cut["kind"] = "split"
    parts = [part for part in (said, cut) if len(part)]
    if not parts:
        return said.assign(rank_first=0, rank_last=0, known_from=now, known_until=pd.NaT)
    rows = pd.concat(parts, ignore_index=True)
    which = np.concatenate([np.flatnonzero(fresh), np.flatnonzero(split)])
    rows["rank_first"] = runs["rank_first"].to_numpy()[which]
    rows["rank_last"] = runs["rank_last"].to_numpy()[which]
    rows["known_from"] = now
    top = runs["top"].to_numpy()[which]
    # a statement that others already outrank was never believed: its interval is empty
    rows["known_until"] = pd.Series(np.where(top, np.datetime64("NaT"), now.to_datetime64())).astype(
        "datetime64[us]"
    )
    return rows


def _updates(runs: pd.DataFrame, stored: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    kept = runs[(runs["stored_at"] >= 0) & ~runs["split"]]
    rows = stored.iloc[kept["stored_at"].to_numpy()]
    updates = pd.DataFrame(
        {
            "series_id": rows["series_id"].to_numpy(),
            "observed_at": rows["observed_at"].to_numpy(),
            "old_rank_first": rows["rank_first"].to_numpy(),
            "rank_first": kept["rank_first"].to_numpy(),
            "rank_last": kept["rank_last"].to_numpy(),
        }
    )
    believed = rows["known_until"].isna().to_numpy()
    ends = believed & ~kept["top"].to_numpy()
    updates["known_until"] = rows["known_until"].to_numpy()
    updates.loc[ends, "known_until"] = now
    changed = (
        ends
        | (updates["rank_first"].to_numpy() != updates["old_rank_first"].to_numpy())
        | (updates["rank_last"].to_numpy() != rows["rank_last"].to_numpy())
    )
    updates["known_until"] = updates["known_until"].astype("datetime64[us]")
    return updates[changed].reset_index(drop=True)
