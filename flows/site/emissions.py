"""What the site says of a district's outlets: hours judged, exceedances, tonnes and capture rate by quarter."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.emissions import emissions
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
    connection: Connection, district: District, span: Span, parts: Parts, run_date: Any
) -> dict[str, Any]:
    """Return what the page of the outlets shows, as plain data.

    A quarter is kept as a part of its own: tonnes rest on hours of the quarter and of those before, which
    substitution looks back to, so a night computes the running quarter and no other.

    Returns
    -------
    dict
        `outlets` (facts of the registry), `quarters` (records of `ecoplan emissions`), `found` (exceedances),
        `months` (month, site, verdict -> hours or days), `limits`.
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
        known = readings_known(connection, district, keys, start - LOOK_BACK, end)
        key = [rules_of(district, run_date), known]
        rows, _ = parts.take(
            f"emissions-{district.key}-{name}",
            key,
            partial(emissions, connection, district, name),
        )
        quarters += [{k: v for k, v in row.items() if k != "known_at"} for row in rows]
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


def key_of_emissions(connection: Connection, district: District, span: Span, run_date: Any) -> str:
    """Return what all of a district's outlets' hours are known by."""
    keys = district.sites.loc[district.sites["kind"] == "outlet", "key"].tolist()
    known = readings_known(connection, district, keys, span.start - LOOK_BACK, span.end)
    return digest([rules_of(district, run_date), known])


def _is_of(media: tuple[str, ...]) -> bool:
    return bool({"flue_gas", "wastewater"} & set(media))
