"""What the site says of a district's outlets: hours judged, exceedances, tonnes, capture rate, permitted tonnes."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.emissions import outlet_items
from flows.answers.permit_totals import permit_totals
from flows.answers.records import as_records, bounds
from flows.site.parts import Parts, Span, digest, readings_known, rules_of
from indicators.emission_summary import LOOK_BACK
from vocabulary.district import District
from vocabulary.parameters import parameters
from warehouse.recall import recall_table
from warehouse.schema import outlet_results

_FOUND = ["site", "parameter", "period_kind", "start", "value", "limit", "verdict", "multiple", "clause"]
#: exceedances that are listed one by one, the latest first; the months count all of them
LISTED = 300


def gather_emissions(
    connection: Connection, district: District, span: Span, parts: Parts, run_date: date
) -> dict[str, Any]:
    """Return what the page of the outlets shows, as plain data.

    A quarter is kept as a part of its own: tonnes rest on hours of the quarter and of those before, which
    substitution looks back to, so a night computes the running quarter and no other. So is a year beside its permits.

    Returns
    -------
    dict
        `outlets` (facts of the registry), `quarters` (records of `ecoplan emissions`), `totals` (tonnes of each year
        beside the permitted ones), `found` (exceedances), `months` (month, site, verdict -> hours or days), `limits`.
    """
    outlets = district.sites[district.sites["kind"] == "outlet"].drop_duplicates("key", keep="last")
    keys = outlets["key"].tolist()
    quarters: list[dict[str, Any]] = []
    for quarter in pd.period_range(span.start, span.last, freq="Q"):
        name = str(quarter).replace("Q", "-Q")
        start, end = bounds(name)
        if readings_known(connection, district, keys, start, end)[0] == "0":
            # without an hour in the quarter itself there is nothing to compute
            continue
        rests_on = _rests_on(connection, district, keys, start, end, run_date)
        rows, _ = parts.take(
            f"emissions-{district.key}-{name}",
            rests_on,
            partial(_quarter, connection, district, name, run_date),
        )
        quarters += rows
    totals: list[dict[str, Any]] = []
    for year in span.years:
        start, end = bounds(str(year))
        rests_on = _rests_on(connection, district, keys, start, end, run_date)
        rows, _ = parts.take(
            f"emissions-{district.key}-{year}-permit",
            rests_on,
            partial(_year, connection, district, end, run_date),
        )
        totals += rows
    rows = recall_table(
        connection,
        outlet_results,
        outlet_results.c.district == district.key,
        outlet_results.c.start >= span.start,
        outlet_results.c.start < span.end,
        outlet_results.c.verdict != "excluded",
    ).sort_values("start", ascending=False)
    rows["start"] = rows["start"].astype("datetime64[us]")
    counted = rows.assign(month=rows["start"].dt.strftime("%Y-%m"))
    counted = counted.groupby(["month", "verdict"]).size().rename("n").reset_index()
    limits = district.permit_limits
    return {
        "outlets": as_records(outlets[["key", "name", "enterprise", "medium", "lon", "lat"]]),
        "quarters": quarters,
        "totals": totals,
        "months": as_records(counted),
        "found": as_records(rows.head(LISTED)[_FOUND]),
        "n_found": len(rows),
        "limits": as_records(
            limits[["site", "parameter", "basis", "limit", "limit_lower", "unit", "clause", "document"]]
        ),
        "names": {
            key: [item.zh, item.en, item.unit] for key, item in parameters().items() if _is_of(item.media)
        },
    }


def key_of_emissions(connection: Connection, district: District, span: Span, run_date: date) -> str:
    """Return what all of a district's outlets' hours are known by, and which quarter runs."""
    keys = district.sites.loc[district.sites["kind"] == "outlet", "key"].tolist()
    known = readings_known(connection, district, keys, span.start - LOOK_BACK, span.end)
    return digest([rules_of(district, run_date), known, str(pd.Timestamp(run_date).to_period("Q"))])


def _rests_on(
    connection: Connection,
    district: District,
    keys: list[str],
    start: datetime,
    end: datetime,
    run_date: date,
) -> list[Any]:
    """Return what tonnes of a span rest on: rules, hours with those before, and whether the span is over."""
    known = readings_known(connection, district, keys, start - LOOK_BACK, end)
    return [rules_of(district, run_date), known, end.date() <= run_date]


def _quarter(connection: Connection, district: District, name: str, run_date: date) -> list[dict[str, Any]]:
    return as_records(outlet_items(connection, district, name, day=run_date).drop(columns="known_at"))


def _year(connection: Connection, district: District, end: datetime, run_date: date) -> list[dict[str, Any]]:
    return as_records(permit_totals(connection, district, end, day=run_date).drop(columns="district"))


def _is_of(media: tuple[str, ...]) -> bool:
    return bool({"flue_gas", "wastewater"} & set(media))
