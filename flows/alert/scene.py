"""What every kind of condition is given and gives: a scene of one district, conditions with their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, and_, or_

from alerts.episodes import JUDGED_COLUMNS, SAMPLE_COLUMNS
from alerts.evidence import EVIDENCE_COLUMNS
from alerts.rules import Rule
from indicators.registry import Registry
from vocabulary.district import District

#: kinds of sites by the medium a rule names
KINDS_OF_SITE: Mapping[str, tuple[str, ...]] = {
    "surface_water": ("section",),
    "air": ("station",),
    "emission": ("outlet",),
    "any": ("section", "station", "outlet"),
}


@dataclass(frozen=True)
class Scene:
    """What conditions are found in: one district as known at `as_of` (UTC; None: now), judged for a date."""

    connection: Connection
    district: District
    registry: Registry
    run_date: date
    as_of: datetime | None = None

    def sites_of(self, medium: str) -> list[str]:
        """Return the registered sites of a medium, sorted."""
        sites = self.district.sites
        return sorted(sites.loc[sites["kind"].isin(KINDS_OF_SITE[medium]), "key"])


@dataclass(frozen=True)
class Conditions:
    """Samples as `alerts.episodes.find_episodes` takes them, and the evidence of the bad ones."""

    samples: pd.DataFrame
    evidence: pd.DataFrame


def nothing() -> Conditions:
    """Return conditions without a sample."""
    return Conditions(samples_frame(pd.DataFrame()), evidence_frame(pd.DataFrame()))


def samples_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Give conditions the columns and types of samples; what a kind has no use for is empty.

    Parameters
    ----------
    rows
        site, observed_at and what there is of class, multiples, worst, beyond, bad, good.
    """
    missing: dict[str, object] = {"class": pd.NA, "multiples": "", "worst": "", "beyond": False}
    filled = rows.assign(**{name: fill for name, fill in missing.items() if name not in rows})
    names = [*SAMPLE_COLUMNS, *JUDGED_COLUMNS]
    kinds = {"site": "str", "observed_at": "datetime64[us]", "class": "Int8", "beyond": "boolean"}
    kinds |= {"multiples": "str", "worst": "str", "bad": "boolean", "good": "boolean"}
    return filled.reindex(columns=names).astype(kinds).reset_index(drop=True)


def evidence_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Give evidence its columns: what a kind does not know (file, row) is empty."""
    fills: dict[str, object] = {
        "delivery": "",
        "sheet": "",
        "row": pd.NA,
        "column": "",
        "multiple": float("nan"),
    }
    filled = rows.assign(**{name: fill for name, fill in fills.items() if name not in rows})
    extra = [name for name in filled.columns if name not in EVIDENCE_COLUMNS]
    found = filled.reindex(columns=[*EVIDENCE_COLUMNS, *extra])
    return found.astype({"site": "str", "observed_at": "datetime64[us]"}).reset_index(drop=True)


def multiple_text(names: pd.Series | str, amounts: pd.Series) -> pd.Series:
    """Write multiples as samples have them: `nh3_n=1.200000`; an amount that is missing counts as none."""
    # an empty column has no type of its own
    text = amounts.astype("float64").fillna(0.0).map("{:.6f}".format).astype("str")
    return names + "=" + text if isinstance(names, str) else names.astype("str") + "=" + text


def beginning(rule: Rule) -> datetime:
    """Return a time before everything that a rule judges."""
    return datetime.combine(rule.valid_from, time())


def since_each(
    table: Table, since: Mapping[str, datetime], *, time_column: str = "start"
) -> ColumnElement[bool]:
    """Return the condition for rows of sites, each from its own time on."""
    when = table.c[time_column]
    each = [and_(table.c.site == site, when >= first) for site, first in since.items()]
    # the earliest of them lets the engine skip the history before
    return and_(when >= min(since.values()), or_(False, *each))


def only_since(rows: pd.DataFrame, since: Mapping[str, datetime]) -> pd.DataFrame:
    """Keep the rows of each site from its own time on."""
    first = rows["site"].map(pd.Series(dict(since), dtype="datetime64[us]"))
    return rows[rows["observed_at"] >= first].reset_index(drop=True)


def days_until(first: datetime, run_date: date) -> pd.DatetimeIndex:
    """Return the days from one on to the day before the run's: the last that was over."""
    return pd.date_range(
        first, datetime.combine(run_date, time()) - timedelta(days=1), freq="D", normalize=True
    )
