"""Which readings were revised in a span of known-at times, by whom, and what was believed before."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from vocabulary.clock import SHANGHAI
from vocabulary.parameters import parameters
from warehouse import bulk
from warehouse.schema import deliveries, quarantine, quarantine_steps, readings, series

_STATED = ("value", "censor", "provider_flag")


def within(column: ColumnElement[datetime], since: datetime, until: datetime) -> ColumnElement[bool]:
    """Return the condition for a known-at time of the span `since < known <= until`."""
    return and_(column > since, column <= until)


def with_known_at(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn `known_at` from UTC into text in Asia/Shanghai, exact enough to be given to `--as-of`."""
    local = rows["known_at"].dt.tz_localize("UTC").dt.tz_convert(SHANGHAI)
    return rows.assign(known_at=local.dt.strftime("%Y-%m-%dT%H:%M:%S.%f"))


def revising(since: datetime, until: datetime, district: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions for deliveries that were loaded or replayed in the span and revised anything."""
    replayed = (
        select(quarantine.c.delivery_id)
        .select_from(quarantine.join(quarantine_steps, quarantine_steps.c.quarantine_id == quarantine.c.id))
        .where(quarantine_steps.c.step == "replayed", within(quarantine_steps.c.at, since, until))
    )
    came = or_(within(deliveries.c.loaded_at, since, until), deliveries.c.id.in_(replayed))
    found: list[ColumnElement[bool]] = [came, deliveries.c.revised > 0]
    return found if district is None else [*found, deliveries.c.district == district]


def revised_readings(
    connection: Connection, since: datetime, until: datetime, district: str | None
) -> pd.DataFrame:
    """Return one row a reading whose belief changed, with what was believed (or said) before."""
    loaded = revising(since, until, district)
    low, high = connection.execute(
        select(func.min(deliveries.c.observed_from), func.max(deliveries.c.observed_to)).where(*loaded)
    ).one()
    if low is None:
        return _typed_readings(pd.DataFrame())
    new, old = readings.alias("fresh"), readings.alias("past")
    told_before, told_by = deliveries.alias("former"), deliveries
    joined = (
        new.join(told_by, told_by.c.id == new.c.delivery_id)
        .join(series, series.c.id == new.c.series_id)
        .outerjoin(
            old,
            and_(
                old.c.observed_at.between(low, high),
                old.c.series_id == new.c.series_id,
                old.c.observed_at == new.c.observed_at,
                old.c.known_until == new.c.known_from,
                old.c.known_from < old.c.known_until,
            ),
        )
        .outerjoin(told_before, told_before.c.id == old.c.delivery_id)
    )
    query = (
        select(
            series.c.district,
            series.c.site,
            series.c.parameter,
            series.c.period,
            new.c.series_id,
            new.c.observed_at,
            *[old.c[name].label(f"old_{name}") for name in _STATED],
            *[new.c[name].label(f"new_{name}") for name in _STATED],
            told_before.c.name.label("replaces"),
            told_by.c.source,
            told_by.c.name.label("delivery"),
            told_by.c.sha256,
            new.c.sheet,
            new.c.row,
            new.c.column,
            new.c.known_from.label("known_at"),
            new.c.rank_first,
        )
        .select_from(joined)
        .where(
            *loaded,
            new.c.kind == "revised",
            # the days of these deliveries let the engine skip the rest of the history
            new.c.observed_at.between(low, high),
            within(new.c.known_from, since, until),
            or_(new.c.known_until.is_(None), new.c.known_until > new.c.known_from),
        )
    )
    found = _typed_readings(bulk.fetch(connection, query))
    found["known_before"] = found["replaces"].notna()
    if not found["known_before"].all():
        found = _with_unbelieved(connection, found, low, high)
    return found.sort_values(
        ["district", "site", "observed_at", "parameter", "period", "known_at"]
    ).reset_index(drop=True)


def _with_unbelieved(
    connection: Connection, found: pd.DataFrame, low: datetime, high: datetime
) -> pd.DataFrame:
    """Fill in what was said before where original and correction came at once: never believed, yet said."""
    alone = found[~found["known_before"]]
    query = (
        select(
            readings.c.series_id,
            readings.c.observed_at,
            readings.c.known_from.label("known_at"),
            *[readings.c[name].label(f"old_{name}") for name in _STATED],
            deliveries.c.name.label("replaces"),
            readings.c.rank_last,
        )
        .select_from(readings.join(deliveries, deliveries.c.id == readings.c.delivery_id))
        .where(
            readings.c.observed_at.between(low, high),
            readings.c.known_from == readings.c.known_until,
            readings.c.known_from >= alone["known_at"].min().to_pydatetime(),
            readings.c.known_from <= alone["known_at"].max().to_pydatetime(),
        )
    )
    said = bulk.fetch(connection, query)
    for name in ("observed_at", "known_at"):
        said[name] = said[name].astype("datetime64[us]")
    key = ["series_id", "observed_at", "known_at"]
    both = alone[[*key, "rank_first"]].merge(said, on=key)
    both = both[both["rank_last"] < both["rank_first"]]
    before = both.sort_values("rank_last").drop_duplicates(key, keep="last")
    filled = alone.drop(columns=[*[f"old_{name}" for name in _STATED], "replaces"]).merge(
        before.drop(columns=["rank_first", "rank_last"]), on=key, how="left"
    )
    return _typed_readings(pd.concat([found[found["known_before"]], filled[found.columns]]))


def _typed_readings(found: pd.DataFrame) -> pd.DataFrame:
    """Give the columns one type on every engine, empty or not."""
    texts = [
        "district",
        "site",
        "parameter",
        "period",
        "replaces",
        "source",
        "delivery",
        "sha256",
        "sheet",
        "column",
    ]
    texts += [f"{side}_{name}" for side in ("old", "new") for name in ("censor", "provider_flag")]
    kinds = dict.fromkeys(texts, "str") | dict.fromkeys(("observed_at", "known_at"), "datetime64[us]")
    kinds |= {"old_value": "float64", "new_value": "float64", "known_before": "bool"}
    kinds |= dict.fromkeys(("row", "series_id", "rank_first"), "int64")
    if found.empty:
        return pd.DataFrame({name: [] for name in kinds}).astype(kinds)
    return found.astype({name: kind for name, kind in kinds.items() if name in found})


def shown_readings(revised: pd.DataFrame) -> pd.DataFrame:
    """Return revised readings as the report shows them, with the parameter's unit."""
    units = {key: item.unit for key, item in parameters().items()}
    shown = with_known_at(revised).assign(unit=revised["parameter"].map(units).fillna(""))
    keys = (
        "district site parameter period observed_at old_value new_value unit old_censor new_censor "
        "old_provider_flag new_provider_flag source delivery sha256 sheet row column replaces known_before known_at"
    )
    return shown[keys.split()]
