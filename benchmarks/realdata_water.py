"""The class that the national release publishes, from its own values (GB 3838-2002, real-time mode).

Two countings. By line of the exports as delivered, as the published rates are counted: the landed bytes
through the project's readers. And by what the warehouse believes: one sampling a section and time, the
latest correction, repeats once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from benchmarks.realdata_district import FIRST, KEY, LAST
from benchmarks.release_air import rate
from indicators.registry import load_standards
from indicators.water_class import classify_samples
from sources.catalogue import read_delivery
from sources.delivery import Delivery
from sources.landing import LandingZone
from sources.sites import register
from warehouse.recall import recall_readings
from warehouse.schema import deliveries

#: what takes part in the release's class; water_class is what it published
ITEMS = ("ph", "do", "cod_mn", "nh3_n", "tp")
CLASS = "water_class"
API, CSV = "water-cnemc-api", "water-cnemc-section"
NAMES = {API: "water_class_api", CSV: "water_class_csv"}
#: more lines than an export of a section or an answer has
_LINES = 100_000


def water_rates(
    connection: Connection, landing: Path, sites: pd.DataFrame
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Rates by layout in both countings, and how many lines of CSV carry the class of the line before."""
    rates: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    for source, name in NAMES.items():
        lines = compared(delivered(connection, landing, source, sites), sites)
        rates[name] = rate(len(lines), lines["same"].sum())
        sampled = compared(believed(connection, source), sites)
        rates[f"{name}_believed"] = rate(len(sampled), sampled["same"].sum())
        if source == CSV:
            # the release's own defect: it shows the class of the section's reading before
            stale = ~lines["same"] & (lines["before"] == lines["published"]).fillna(value=False)
            counts["stale_class"] = int(stale.sum())
    return rates, counts


def delivered(connection: Connection, landing: Path, source: str, sites: pd.DataFrame) -> pd.DataFrame:
    """Every line of a source's landed exports as a sampling of its own, told apart by its line.

    The line is added to the time in microseconds: repeats and corrections of a sampling stay apart and in
    order, and the day of every rule stays the same.
    """
    query = select(deliveries).where(deliveries.c.source == source, deliveries.c.state == "loaded")
    zone = LandingZone(landing)
    parts = []
    for number, row in enumerate(connection.execute(query.order_by(deliveries.c.name)).mappings()):
        delivery = Delivery(
            row["district"], row["source"], row["name"], row["sha256"], row["size"], row["modified_at"]
        )
        readings = read_delivery(zone.read(delivery.sha256), delivery).readings
        parts.append(readings.assign(delivery=number))
    if not parts:
        return pd.DataFrame()
    found = register(pd.concat(parts, ignore_index=True), sites)
    # several answers repeat a time of a section: the delivery keeps them apart too
    line = found["delivery"] * _LINES + found["row"]
    return found.assign(observed_at=found["observed_at"] + pd.to_timedelta(line, unit="us"))


def believed(connection: Connection, source: str) -> pd.DataFrame:
    """What the warehouse believes now, of samplings whose published class came from this source."""
    found = recall_readings(
        connection,
        district=KEY,
        start=FIRST,
        end=LAST,
        parameters=[*ITEMS, CLASS],
        periods=["4h"],
        provenance=True,
    )
    query = select(deliveries.c.sha256).where(deliveries.c.source == source)
    return found[found["sha256"].isin(set(connection.execute(query).scalars()))]


def compared(readings: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Samplings with a published class and one of ours: published, class, before (ours, earlier), same.

    A class that the release published is compared whatever the station's state; where it published none
    (stations in maintenance, 维护) there is nothing to compare.
    """
    if readings.empty:
        return pd.DataFrame({"published": [], "class": [], "before": [], "same": pd.Series([], dtype="bool")})
    shown = readings.loc[readings["parameter"] == CLASS, ["site", "observed_at", "value"]]
    items = readings[readings["parameter"].isin(ITEMS)]
    judged = classify_samples(items, waterbodies(items["site"], sites), registry=load_standards())
    joined = judged.merge(shown.rename(columns={"value": "published"}), on=["site", "observed_at"])
    joined = joined.dropna(subset="class").sort_values(["site", "observed_at"], ignore_index=True)
    joined["before"] = joined.groupby("site")["class"].shift(1)
    joined["same"] = (joined["class"] == joined["published"]).astype("bool")
    return joined


def waterbodies(names: pd.Series, sites: pd.DataFrame) -> pd.DataFrame:
    """Lake limits where the registry says lake, river limits for all others: the release's way."""
    lakes = sites.loc[sites["waterbody"] == "lake", "key"]
    found = pd.DataFrame({"site": names.drop_duplicates().to_numpy()})
    found["waterbody"] = found["site"].isin(lakes).map({True: "lake", False: "river"})
    return found.assign(target_class=pd.array([None] * len(found), dtype="Int64"))
