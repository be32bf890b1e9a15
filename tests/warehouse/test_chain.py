"""Revisions depend on the set of statements, not on their order or grouping."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.chain import settle

_CONTENT = {
    "raw": "x",
    "detection_limit": float("nan"),
    "channel": "automatic",
    "delivery_id": 1,
    "sheet": "",
    "row": 1,
    "column": "c",
}
_AT = pd.Timestamp("2025-01-01").as_unit("us")

Said = list[tuple[int, int, float]]


def _statements(rows: Said) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series_id": [series for series, _, _ in rows],
            "observed_at": pd.Series([_AT] * len(rows), dtype="datetime64[us]"),
            "rank": [rank for _, rank, _ in rows],
            "value": [value for _, _, value in rows],
            "censor": "",
            "provider_flag": "",
            **_CONTENT,
        }
    )


def _empty() -> pd.DataFrame:
    nothing = pd.DataFrame({"known_until": pd.Series([], dtype="datetime64[us]")})
    return settle(nothing, _statements([(1, 1, 1.0)]), _AT).inserts.iloc[0:0]


def _apply(stored: pd.DataFrame, statements: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Carry out what `settle` says, as the warehouse does."""
    settled = settle(stored, statements, now)
    assert (settled.outcome != "unchanged").sum() == len(settled.inserts)
    rows = stored.copy()
    for change in settled.updates.to_dict("records"):
        hit = (rows["series_id"] == change["series_id"]) & (rows["rank_first"] == change["old_rank_first"])
        assert hit.sum() == 1
        for name in ("rank_first", "rank_last", "known_until"):
            rows.loc[hit, name] = change[name]
    parts = [part for part in (rows, settled.inserts) if len(part)]
    return pd.concat(parts, ignore_index=True)


def _revisions(rows: pd.DataFrame) -> list[tuple[int, float, int, int]]:
    grouped = rows.groupby(["series_id", "value"]).agg(first=("rank_first", "min"), last=("rank_last", "max"))
    return sorted((series, value, first, last) for (series, value), first, last in grouped.itertuples())


def _plain(said: Said) -> list[tuple[int, float, int, int]]:
    """Revisions by the plain definition: first and last rank of every value of a series."""
    ranks: dict[tuple[int, float], list[int]] = {}
    for series, rank, value in said:
        ranks.setdefault((series, value), []).append(rank)
    return sorted((series, value, min(found), max(found)) for (series, value), found in ranks.items())


_said = st.lists(
    st.tuples(st.integers(1, 2), st.integers(1, 12), st.sampled_from([1.0, 2.0, 3.0])),
    min_size=1,
    max_size=8,
    unique_by=lambda item: (item[0], item[1]),
)


@given(said=_said, data=st.data())
@settings(deadline=None, max_examples=80)
def test_any_order_and_grouping_gives_the_revisions_of_the_plain_definition(
    said: Said, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(said))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(said)), max_size=4)) | {0, len(said)})
    stored = _empty()
    for step, (begin, end) in enumerate(pairwise(cuts)):
        stored = _apply(stored, _statements(order[begin:end]), _AT + timedelta(days=step))
    assert _revisions(stored) == _plain(said)


@given(said=_said, data=st.data())
@settings(deadline=None, max_examples=60)
def test_at_any_time_exactly_the_highest_ranked_statement_known_is_believed(
    said: Said, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(said))
    stored = _empty()
    for step, statement in enumerate(order):
        stored = _apply(stored, _statements([statement]), _AT + timedelta(days=step))
    for step in range(len(order)):
        moment = _AT + timedelta(days=step)
        until = stored["known_until"].fillna(pd.Timestamp(datetime(2100, 1, 1)))
        believed = stored[(stored["known_from"] <= moment) & (until > moment)]
        known = order[: step + 1]
        expected = {
            series: max((rank, value) for s, rank, value in known if s == series)[1]
            for series in {s for s, _, _ in known}
        }
        assert dict(zip(believed["series_id"], believed["value"], strict=True)) == expected
        assert not believed["series_id"].duplicated().any()


def test_a_return_to_an_earlier_value_is_believed_again_from_then_on() -> None:
    stored = _empty()
    for step, value in enumerate((1.0, 2.0, 1.0)):
        stored = _apply(stored, _statements([(1, 10 * (step + 1), value)]), _AT + timedelta(days=step))
    assert list(stored["value"]) == [1.0, 2.0, 1.0]
    assert list(stored["kind"]) == ["new", "revised", "revised"]
    assert list(stored["known_until"].isna()) == [False, False, True]


def test_a_late_statement_that_is_already_outranked_is_kept_and_never_believed() -> None:
    stored = _apply(_empty(), _statements([(1, 10, 1.0), (1, 30, 1.0)]), _AT)
    assert len(stored) == 1
    stored = _apply(stored, _statements([(1, 20, 2.0)]), _AT + timedelta(days=2))
    late = stored[stored["value"] == 2.0].iloc[0]
    assert late["known_from"] == late["known_until"]
    assert stored["known_until"].isna().sum() == 1


def test_outcomes_name_each_statement() -> None:
    stored = _apply(_empty(), _statements([(1, 10, 1.0)]), _AT)
    settled = settle(stored, _statements([(1, 20, 1.0), (1, 30, 2.0), (2, 5, 7.0)]), _AT)
    assert list(settled.outcome) == ["unchanged", "revised", "new"]
