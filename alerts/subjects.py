"""Who an episode is about, and what a message tells of a found one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from alerts.evidence import Factor, bound_class_of, conditions_of
from alerts.messages import Facts, Place
from alerts.rules import Rule


def places_of(sites: pd.DataFrame, district_name: str) -> dict[str, Place]:
    """Return by key who the subjects are, for messages; of equal keys the last counts."""
    rows = sites.drop_duplicates("key", keep="last")
    names = [name for name in ("key", "name", "river", "target_class", "enterprise") if name in rows]
    return {
        str(row["key"]): Place(
            name=str(row["name"]),
            river="" if pd.isna(row["river"]) else str(row["river"]),
            district=district_name,
            target_class=None if pd.isna(row["target_class"]) else int(row["target_class"]),
            enterprise="" if pd.isna(row.get("enterprise", "")) else str(row.get("enterprise", "")),
        )
        for row in rows[names].to_dict("records")
    }


def facts_of(
    rule: Rule, record: Mapping[Any, Any], factors: list[Factor], place: Place, *, known_at: dt.datetime
) -> Facts:
    """Return what a message tells of one found episode."""
    zh, en = conditions_of(rule)
    return Facts(
        since=record["since"],
        until=None if pd.isna(record["until"]) else record["until"],
        last_seen=record["last_seen"],
        peak_at=record["peak_at"],
        worst_class=None if pd.isna(record["worst_class"]) else int(record["worst_class"]),
        n_readings=int(record["n_readings"]),
        factors=factors,
        known_at=known_at,
        bound_class=bound_class_of(rule, place.target_class),
        condition_zh=zh,
        condition_en=en,
    )
