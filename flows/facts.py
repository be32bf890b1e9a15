"""What the judge is told of a delivery beside its readings: its cells, its issue, and what the ledger expects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from quality.batch import DeliveryFacts, Expected
from quality.suites import suite_for
from sources.result import ReadResult
from warehouse.load import Unit
from warehouse.schema import deliveries


def facts_of(result: ReadResult, partition: str = "", expected: Expected | None = None) -> DeliveryFacts:
    """Return what is known of a delivery as it was read; a time of issue only where it states one.

    Whoever judges a delivery again (an appeal, a preview) hands in the same, so that the verdict is the same.
    """
    rejected = (
        result.rejects.groupby("code")["cells"].sum() if len(result.rejects) else pd.Series(dtype="int64")
    )
    return DeliveryFacts(
        cells_in=result.cells_in,
        blank=result.blank,
        rejected={str(code): int(cells) for code, cells in rejected.items()},
        issued_at=result.issued_at if result.issued_stated else None,
        until=pd.Period(partition).end_time.ceil("s").to_pydatetime() if partition else None,
        expected=expected,
    )


def over(unit: Unit, run_date: date) -> bool:
    """Tell whether the day or month that a delivery speaks of was over, when it was issued and when it is loaded.

    A month's file that grows from day to day holds little on the third, and nothing is wrong with it.
    """
    if not unit.partition:
        return True
    end = pd.Period(unit.partition).end_time
    return bool(pd.Timestamp(unit.issued_at) > end.floor("s") and run_date > end.date())


def expected_of(connection: Connection, units: Iterable[Unit], run_date: date) -> dict[int, Expected]:
    """Return what the ledger expects of each delivery of a batch, by its place.

    Parameters
    ----------
    connection
        The warehouse before the batch is loaded.
    units
        Deliveries of one district and source.
    run_date
        The day of the run.

    Returns
    -------
    dict
        Place -> median and lower decile of the cells with content of the last loaded deliveries of the same
        kind of partition (day, month, none), up to the batch's newest. Nothing for a delivery whose own time is not over,
        nor where the ledger holds none.
    """
    found: dict[int, Expected] = {}
    kinds: dict[int, list[int]] = {}
    batch = list(units)
    checks = suite_for(batch[0].source).checks if batch else ()
    terms = next((check.terms for check in checks if check.kind == "volume"), None)
    if terms is None:
        return found
    for place, unit in enumerate(batch):
        if over(unit, run_date):
            kinds.setdefault(len(unit.partition), []).append(place)
    # a source has one or two kinds of partition
    for kind, places in kinds.items():
        first = batch[places[0]]
        query = (
            select(deliveries.c.cells_in - deliveries.c.blank)
            .where(
                deliveries.c.district == first.district,
                deliveries.c.source == first.source,
                deliveries.c.state == "loaded",
                func.length(deliveries.c.partition) == kind,
                deliveries.c.partition <= max(batch[place].partition for place in places),
            )
            .order_by(deliveries.c.partition.desc(), deliveries.c.id.desc())
            .limit(terms["last"])
        )
        held = np.array(list(connection.execute(query).scalars()), dtype=np.float64)
        if len(held):
            usual = Expected(float(np.median(held)), float(np.quantile(held, terms["low"])), len(held))
            found |= dict.fromkeys(places, usual)
    return found
