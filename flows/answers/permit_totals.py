"""Tonnes of a year beside what the permits allow for it: what the emissions' answer, page and workbook show."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.evaluate import registry_of
from flows.used_readings import Used, divide
from indicators.emission_summary import LOOK_BACK, outlet_tonnes
from indicators.emission_totals import against_permit
from vocabulary.clock import today, wall_time
from vocabulary.district import District
from warehouse.recall import recall_readings

#: what is told of an outlet's item beside its period
PERMIT = "year_tonnes permit_of permit_tonnes permit_share permit_remaining permit_document"
_KEY = ["site", "parameter"]


def outlet_hours(
    connection: Connection, district: District, start: datetime, end: datetime, as_of: datetime | None
) -> Used:
    """Return the hours of a district's outlets in [start, end), divided for emissions.

    The provider's marks are judged with the hours, by the standard of the medium, so they leave nothing out here.
    """
    history = recall_readings(
        connection,
        district=district.key,
        start=start,
        end=end,
        sites=district.sites.loc[district.sites["kind"] == "outlet", "key"].tolist(),
        periods=["1h"],
        as_of=as_of,
    )
    return divide(connection, district, history, "emissions", marks=False, as_of=as_of)


def day_of(district: District, as_of: datetime | None) -> date:
    """Return the day an answer is given for: that of `as_of`, an example's own day, or today."""
    return wall_time(as_of).date() if as_of is not None else district.run_date or today()


def reached(hours: pd.DataFrame, start: datetime, end: datetime, day: date) -> datetime:
    """Return the end of a span as far as it has come: hours that have yet to be are no gap and no tonnes.

    Parameters
    ----------
    hours
        observed_at: hours of any outlet of the district before `end`.
    start, end
        The span.
    day
        A span that ended by this day's beginning counts whole; one that still runs ends with the last hour delivered.
    """
    if end <= datetime.combine(day, datetime.min.time()) or hours.empty:
        return end
    last: datetime = hours["observed_at"].max().to_pydatetime() + timedelta(hours=1)
    return min(end, max(start, last))


def permit_totals(
    connection: Connection,
    district: District,
    end: datetime,
    *,
    day: date,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the tonnes from the first of January to `end` beside the permitted ones of the year.

    Parameters
    ----------
    connection
        To the warehouse.
    district
        Whose outlets.
    end
        First hour after; its year is that of the hour before.
    day
        The day the answer is given for (see `reached`).
    as_of
        As known then (UTC); None: now.

    Returns
    -------
    DataFrame
        As `indicators.emission_totals.against_permit` gives it, for items with a limit or a permitted total, and beside
        it `district`, `name` (of the outlet, or the enterprise), `year`, and `until`, the first hour after the tonnes.
    """
    year = datetime((end - timedelta(microseconds=1)).year, 1, 1)
    hours = outlet_hours(connection, district, year - LOOK_BACK, end, as_of).kept
    until = reached(hours, year, end, day)
    tonnes = outlet_tonnes(hours, registry=registry_of(district), start=year, end=until)
    tonnes = tonnes[_among(tonnes, district.permit_limits) | _among(tonnes, district.permit_totals)]
    registered = district.sites[district.sites["kind"] == "outlet"].drop_duplicates("key", keep="last")
    registered = registered.rename(columns={"key": "site"})
    last = (until - timedelta(microseconds=1)).date()
    found = against_permit(tonnes, district.permit_totals, registered, day=last)
    names = registered.set_index("site")["name"].to_dict()
    return found.assign(
        district=district.key,
        name=found["site"].map(names).fillna(found["enterprise"]),
        year=year.year,
        until=until,
    )


def of_outlets(totals: pd.DataFrame) -> pd.DataFrame:
    """Return what `permit_totals` gave as one row an outlet and item; an enterprise's row stands for each of its outlets."""
    each = totals.assign(site=totals["sites"].str.split(",")).explode("site")
    each = each[each["site"] != ""].rename(columns={"tonnes": "year_tonnes", "document": "permit_document"})
    # an outlet with a total of its own may also belong to an enterprise with one: the outlet's own speaks
    each = each.assign(nearest=each["permit_of"].map({"site": 0, "enterprise": 1, "": 2}))
    each = each.sort_values([*_KEY, "nearest"], kind="stable").drop_duplicates(_KEY)
    return each[[*_KEY, *PERMIT.split()]].reset_index(drop=True)


def _among(rows: pd.DataFrame, registered: pd.DataFrame) -> Any:
    """Tell which rows' items are limited or registered for any outlet of the district."""
    return rows["parameter"].isin(registered["parameter"])
