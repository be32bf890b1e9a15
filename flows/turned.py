"""What revised readings turned: derived rows whose belief ended, beside the rows that took over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Table, and_, or_, select

from flows.evaluate import AIR, SECTION_KEY
from flows.revised import revising, with_known_at, within
from indicators.registry import load_standards
from vocabulary.water_class import SIGNS
from warehouse import bulk
from warehouse.schema import (
    aqi_days,
    deliveries,
    episode_steps,
    episodes,
    indicator_results,
    outlet_results,
    section_results,
)

_SIGNS = dict(enumerate(SIGNS, start=1))


@dataclass(frozen=True)
class Span:
    """The span at hand, and the readings revised in it."""

    since: datetime
    until: datetime
    district: str | None
    revised: pd.DataFrame

    def turned(
        self, connection: Connection, table: Table, key: Sequence[str], content: Sequence[str]
    ) -> pd.DataFrame:
        """Return rows whose belief ended in the span, beside the row that took over at that moment.

        Columns: `key`, `known_at`, `old_…` and `new_…` of `content`; `new_…` is missing where no row
        took over. Rows that say the same in `content` are left out.
        """
        old, new = table.alias("past"), table.alias("fresh")
        follows = and_(
            *[new.c[name] == old.c[name] for name in key],
            new.c.known_from == old.c.known_until,
            or_(new.c.known_until.is_(None), new.c.known_until > new.c.known_from),
        )
        query = (
            select(
                *[old.c[name] for name in key],
                *[old.c[name].label(f"old_{name}") for name in content],
                *[new.c[name].label(f"new_{name}") for name in content],
                old.c.known_until.label("known_at"),
            )
            .select_from(old.outerjoin(new, follows))
            .where(
                within(old.c.known_until, self.since, self.until),
                old.c.known_from < old.c.known_until,
                or_(*[old.c[name].is_distinct_from(new.c[name]) for name in content]),
            )
        )
        if self.district is not None:
            query = query.where(old.c.district == self.district)
        found = bulk.fetch(connection, query)
        return found.assign(known_at=found["known_at"].astype("datetime64[us]"))

    def counted(
        self, rows: pd.DataFrame, counts: Sequence[pd.DataFrame], keys: Sequence[str], order: Sequence[str]
    ) -> pd.DataFrame:
        """Add `revised_readings` by merging counts over `keys`; what revisions turned stands first."""
        together = pd.concat([part[[*keys, "revised_readings"]] for part in counts], ignore_index=True)
        together = together.astype(dict.fromkeys(keys, "str"))
        merged = rows.astype(dict.fromkeys(keys, "str")).merge(together, on=list(keys), how="left")
        merged["revised_readings"] = merged["revised_readings"].fillna(0).astype("int64")
        merged["by_revision"] = merged["revised_readings"] > 0
        merged = merged.sort_values(
            ["by_revision", *order, "known_at"], ascending=[False, *[True] * len(order), True]
        )
        return with_known_at(merged.drop(columns="by_revision"))

    def count(self, rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
        """Count revised readings by some columns."""
        return rows.groupby([*by], observed=True).size().rename("revised_readings").reset_index()


def _text_of(times: pd.Series, form: str) -> pd.Series:
    return times.astype("datetime64[us]").dt.strftime(form)


def turned_sections(connection: Connection, span: Span) -> pd.DataFrame:
    """Return samplings, months and years of sections whose class or attainment turned."""
    turned = span.turned(
        connection, section_results, (*SECTION_KEY,), ("class", "attained", "worst", "standard")
    )
    same = turned["old_class"].astype("Int64").eq(turned["new_class"].astype("Int64")).fillna(value=False)
    both_missing = turned["old_class"].isna() & turned["new_class"].isna()
    turned = turned[~(same | both_missing).to_numpy(dtype=bool)]
    for side in ("old", "new"):
        turned[f"{side}_class"] = turned[f"{side}_class"].astype("Int64")
        turned[f"{side}_attained"] = turned[f"{side}_attained"].astype("boolean")
        turned[f"{side}_label"] = turned[f"{side}_class"].map(_SIGNS).fillna("").astype("str")
    forms = {"sample": "%Y-%m-%dT%H:%M", "month": "%Y-%m", "year": "%Y"}
    counts = [
        span.count(
            span.revised.assign(period_kind=kind, period=_text_of(span.revised["observed_at"], form)),
            SECTION_KEY,
        )
        for kind, form in forms.items()
    ]
    keys = (
        "district site period_kind period old_class new_class old_label new_label old_worst new_worst "
        "old_attained new_attained old_standard new_standard revised_readings known_at"
    )
    return span.counted(turned, counts, SECTION_KEY, ("district", "site", "period"))[keys.split()]


def turned_days(connection: Connection, span: Span) -> pd.DataFrame:
    """Return days whose AQI turned, of stations and (site '') of the district."""
    key = ("district", "site", "day", "edition")
    turned = span.turned(connection, aqi_days, key, ("aqi", "primary", "valid"))
    times = turned["day"].astype("datetime64[us]")
    for side in ("old", "new"):
        turned[f"{side}_aqi"] = turned[f"{side}_aqi"].astype("Int64")
        usable = turned[f"{side}_aqi"].where(turned[f"{side}_valid"].astype("boolean").fillna(value=False))
        turned[f"{side}_good"] = _good(usable, times)
    turned["day"] = _text_of(times, "%Y-%m-%d")
    # the AQI of a day is made of hours; figures that the platform published are not asked
    air = span.revised[span.revised["parameter"].isin(AIR) & (span.revised["period"] == "1h")]
    air = air.assign(day=_text_of(air["observed_at"], "%Y-%m-%d"))
    of_station = span.count(air, ("district", "site", "day"))
    of_district = span.count(air, ("district", "day")).assign(site="")
    keys = (
        "district site day edition old_aqi new_aqi old_primary new_primary old_good new_good "
        "revised_readings known_at"
    )
    by = ("district", "site", "day")
    return span.counted(turned, [of_station, of_district], by, (*by, "edition"))[keys.split()]


def _good(aqi: pd.Series, days: pd.Series) -> pd.Series:
    """Tell good days (优良) by the rule in force on the day; NA where the day has no valid AQI."""
    good = pd.Series(pd.NA, index=aqi.index, dtype="boolean")
    for standard, mask in load_standards().spans("air-evaluation", days):
        good[mask] = aqi[mask] <= int(standard.rule("good_days")["good_at_most"])
    return good


def turned_outlets(connection: Connection, span: Span) -> pd.DataFrame:
    """Return outlet verdicts that a revised reading made, changed or took away (empty: within the limit)."""
    key = ("district", "site", "parameter", "period_kind", "start")
    turned = span.turned(connection, outlet_results, key, ("value", "verdict"))
    turned = pd.concat([turned, _begun_outlets(connection, span, key, turned)], ignore_index=True)
    for side in ("old", "new"):
        turned[f"{side}_value"] = turned[f"{side}_value"].astype("float64")
        turned[f"{side}_verdict"] = turned[f"{side}_verdict"].astype("str").fillna("")
    turned = turned[turned["old_verdict"] != turned["new_verdict"]]
    turned["start"] = _text_of(turned["start"], "%Y-%m-%dT%H:%M")
    counts = [
        span.count(
            span.revised.assign(period_kind=kind, start=_text_of(span.revised["observed_at"], form)),
            ("district", "site", "period_kind", "start"),
        )
        for kind, form in (("hour", "%Y-%m-%dT%H:%M"), ("day", "%Y-%m-%dT00:00"))
    ]
    by = ("district", "site", "period_kind", "start")
    counted = span.counted(turned, counts, by, (*by, "parameter"))
    keys = (
        "district site parameter period_kind start old_value new_value old_verdict new_verdict "
        "revised_readings known_at"
    )
    # a verdict that only appears is the ordinary way of new hours: those of revised ones are told
    return counted[counted["revised_readings"] > 0][keys.split()]


def _begun_outlets(
    connection: Connection, span: Span, key: Sequence[str], turned: pd.DataFrame
) -> pd.DataFrame:
    """Return verdicts that appeared in the span on days with revised readings: none stood there before."""
    if span.revised.empty:
        return turned.iloc[0:0]
    table = outlet_results
    first, last = span.revised["observed_at"].min(), span.revised["observed_at"].max()
    query = select(
        *[table.c[name] for name in key],
        table.c.value.label("new_value"),
        table.c.verdict.label("new_verdict"),
        table.c.known_from.label("known_at"),
    ).where(
        within(table.c.known_from, span.since, span.until),
        or_(table.c.known_until.is_(None), table.c.known_until > table.c.known_from),
        table.c.start.between(first.normalize().to_pydatetime(), last.to_pydatetime()),
        table.c.site.in_(sorted(span.revised["site"].unique())),
    )
    begun = bulk.fetch(connection, query)
    begun["known_at"] = begun["known_at"].astype("datetime64[us]")
    took_over = begun.merge(turned[[*key, "known_at"]], on=[*key, "known_at"], how="left", indicator="side")
    return begun[(took_over["side"] == "left_only").to_numpy()].assign(old_value=np.nan, old_verdict="")


def turned_indicators(connection: Connection, span: Span) -> pd.DataFrame:
    """Return indicators whose value or status turned."""
    key = ("district", "plan", "indicator", "period")
    turned = span.turned(connection, indicator_results, key, ("name", "unit", "value", "status"))
    for side in ("old", "new"):
        turned[f"{side}_value"] = turned[f"{side}_value"].astype("float64")
        turned[f"{side}_status"] = turned[f"{side}_status"].astype("str").fillna("")
    same = turned["old_value"].eq(turned["new_value"]) | (
        turned["old_value"].isna() & turned["new_value"].isna()
    )
    turned = turned[~(same & turned["old_status"].eq(turned["new_status"]))]
    years = span.revised.assign(period=_text_of(span.revised["observed_at"], "%Y"))
    counts = [span.count(years, ("district", "period"))]
    turned = turned.rename(columns={"old_name": "name", "old_unit": "unit"})
    keys = (
        "district plan indicator name period unit old_value new_value old_status new_status "
        "revised_readings known_at"
    )
    return span.counted(turned, counts, ("district", "period"), key)[keys.split()]


def annulled_episodes(connection: Connection, span: Span) -> pd.DataFrame:
    """Return episodes that the corrected readings no longer bear out."""
    query = (
        select(
            *[
                episodes.c[name]
                for name in ("id", "rule", "district", "subject", "since", "until", "class", "message_zh")
            ],
            episode_steps.c.at.label("known_at"),
        )
        .select_from(episode_steps.join(episodes, episodes.c.id == episode_steps.c.episode_id))
        .where(
            episode_steps.c.step.startswith("annulled"),
            within(episode_steps.c.at, span.since, span.until),
        )
    )
    if span.district is not None:
        query = query.where(episodes.c.district == span.district)
    found = bulk.fetch(connection, query)
    times = dict.fromkeys(("since", "until", "known_at"), "datetime64[us]")
    found = found.astype(times).astype({"class": "Int64"}).sort_values(["district", "subject", "since"])
    return with_known_at(found.rename(columns={"message_zh": "message"}))


def revising_deliveries(connection: Connection, span: Span) -> pd.DataFrame:
    """Return the deliveries that revised anything: how many cells, and how many are believed for it."""
    query = select(
        *[
            deliveries.c[name]
            for name in ("district", "source", "name", "sha256", "issued_at", "revised", "loaded_at", "id")
        ]
    ).where(*revising(span.since, span.until, span.district))
    found = bulk.fetch(connection, query)
    if found.empty:
        return found
    taken = span.count(span.revised, ("district", "source", "sha256")).rename(
        columns={"revised_readings": "believed"}
    )
    key = ["district", "source", "sha256"]
    found = found.astype(dict.fromkeys(key, "str")).merge(taken, on=key, how="left")
    found["believed"] = found["believed"].fillna(0).astype("int64")
    # an older statement that arrives late is kept, and nobody ever believed it
    found["outranked"] = found["revised"].astype("int64") - found["believed"]
    found["known_at"] = found["loaded_at"].astype("datetime64[us]")
    found["issued_at"] = found["issued_at"].astype("datetime64[us]")
    found = found.sort_values(["district", "source", "issued_at", "name"])
    keys = "district source name sha256 issued_at revised believed outranked known_at"
    return with_known_at(found)[keys.split()]
