"""Feeders: what ledgers, returns, registers, groundwater points and documents tell a district's plans.

Subjects of these are projects, the district itself, water bodies or target years, not monitored sites; few rows,
read once a run. Whether an indicator is fed at all is told by these frames being empty or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, select

from indicators.plan_facts import facts_frame
from indicators.plan_feeders import reduction_facts, return_facts, with_stated
from indicators.plan_points import STATE, black_odorous_fact, groundwater_fact
from indicators.registry import Registry
from sources.catalogue import LAYOUTS
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.plan import Plan
from warehouse.recall import recall_readings
from warehouse.schema import series

_LEDGER, _RETURN, _DOCUMENT = "reduction_", "stat_", "target_"
#: media of layouts whose readings are about projects, districts, areas or documents, not about monitored sites
_NO_SITES = ("ledger", "return", "document", "event", "permit")
#: figures and documents of any day count
_FROM, _UNTIL = datetime(1990, 1, 1), datetime(2100, 1, 1)


@dataclass(frozen=True)
class Fed:
    """Readings by feeder, as believed: ledger of projects, returns of the district, register, wells, documents."""

    ledger: pd.DataFrame
    returns: pd.DataFrame
    register: pd.DataFrame
    groundwater: pd.DataFrame
    documents: pd.DataFrame


def subject_sources() -> list[str]:
    """Return the sources whose subjects are in no registry of sites, and need not be."""
    return [key for key, reader in LAYOUTS.items() if reader.layout().medium in _NO_SITES]


def fed_parameters() -> list[str]:
    """Return the parameters of ledgers, returns, documents and the register."""
    return [name for name in parameters() if name.startswith((_LEDGER, _RETURN, _DOCUMENT)) or name == STATE]


def fed_sites(connection: Connection, district: District) -> set[str]:
    """Return the subjects that ledgers, returns, documents and the register speak of, and the wells."""
    query = (
        select(series.c.site)
        .where(series.c.district == district.key, series.c.parameter.in_(fed_parameters()))
        .distinct()
    )
    return set(connection.execute(query).scalars()) | _wells(district)


def _wells(district: District) -> set[str]:
    sites = district.sites
    return set(sites.loc[(sites["kind"] == "point") & (sites["medium"] == "groundwater"), "key"])


def recall_fed(connection: Connection, district: District) -> Fed:
    """Return what a district's feeders tell, as believed now."""
    told = _recalled(connection, district, fed_sites(connection, district), fed_parameters())
    name = told["parameter"]
    return Fed(
        ledger=told[name.str.startswith(_LEDGER)],
        returns=told[name.str.startswith(_RETURN) & (told["site"] == district.key)],
        register=told[name == STATE],
        groundwater=_recalled(connection, district, _wells(district), None),
        documents=told[name.str.startswith(_DOCUMENT)],
    )


def _recalled(
    connection: Connection, district: District, sites: set[str], wanted: list[str] | None
) -> pd.DataFrame:
    """Return readings of some sites in one order on every engine: sums of floats depend on it."""
    # without a site nothing is searched
    span = (_FROM, _UNTIL) if sites else (_FROM, _FROM)
    found = recall_readings(
        connection,
        district=district.key,
        start=span[0],
        end=span[1],
        sites=sorted(sites),
        parameters=wanted,
    )
    return found.sort_values(["site", "parameter", "period", "observed_at"], ignore_index=True)


def fed_facts(
    fed: Fed, plan: Plan, district: District, registry: Registry, year: int, as_of_day: date
) -> pd.DataFrame:
    """Return the facts of one year that feeders give a plan's indicators."""
    statistics = {indicator.feeder.statistic for indicator in plan.indicator}
    facts = facts_frame(
        [
            reduction_facts(plan, fed.ledger, year, registry=registry),
            return_facts(plan, fed.returns, year),
            black_odorous_fact(fed.register, district.sites, year, as_of_day=as_of_day),
            groundwater_fact(fed.groundwater, district.sites, year, as_of_day=as_of_day, registry=registry),
        ]
    )
    return facts[facts["statistic"].isin(statistics)].reset_index(drop=True)


def with_returned(facts: pd.DataFrame, fed: Fed, plan: Plan, year: int) -> pd.DataFrame:
    """Tell beside figures of ours what departments returned for them."""
    return with_stated(facts, plan, fed.returns, year)
