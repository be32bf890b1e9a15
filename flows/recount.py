"""Recount: a sample of the district's stored days of air computed again by the engine's SQL."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from sqlalchemy import Connection

from flows.day_rules import day_rules
from flows.evaluate import registry_of
from indicators.air_days import MEAN_PARAMETERS
from quality.provider_flags import usable
from quality.verdict_policy import verdict_policy
from vocabulary.district import District
from warehouse.aggregates import flags_delivered
from warehouse.checks import air_day_failures, sampled_air_days


def recount_air(connection: Connection, district: District, *, size: int = 12, seed: int = 0) -> list[str]:
    """Return what differs on a sample of days, one line each; `ecoplan verify` shows it as a failure."""
    days = sampled_air_days(connection, district.key, size=size, seed=seed)
    if not days:
        return []
    end = days[-1] + timedelta(days=1)
    flags = pd.DataFrame({"provider_flag": flags_delivered(connection, district.key, days[0], end)})
    sites = district.sites
    return air_day_failures(
        connection,
        district.key,
        days,
        day_rules(registry_of(district), days[0], end),
        MEAN_PARAMETERS,
        sites[sites["kind"] == "station"]["key"].tolist(),
        flags[usable(flags, "evaluation")]["provider_flag"].tolist(),
        verdict_policy("evaluation").least,
    )
