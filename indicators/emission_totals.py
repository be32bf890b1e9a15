"""Tonnes of a year beside what the permits allow for it (许可排放量): of outlets, or of an enterprise's outlets together."""

from __future__ import annotations

import datetime as dt

import pandas as pd

_TOTAL = ["parameter", "permit_tonnes", "clause", "document", "sure"]
_SUMS = ["tonnes", "tonnes_substituted", "open_hours"]
_COLUMNS = ["permit_of", "site", "enterprise", "sites", "parameter", *_SUMS]
_COLUMNS += ["permit_tonnes", "permit_share", "permit_remaining", "clause", "document", "sure"]


def totals_in_force(totals: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """Return the permitted tonnes that hold on a day; the day after `valid_to` none does."""
    moment = pd.Timestamp(day)
    holds = (totals["valid_from"] <= moment) & (totals["valid_to"].isna() | (totals["valid_to"] >= moment))
    return totals[holds].rename(columns={"tonnes": "permit_tonnes"})


def against_permit(
    tonnes: pd.DataFrame, totals: pd.DataFrame, outlets: pd.DataFrame, *, day: dt.date
) -> pd.DataFrame:
    """Lay the tonnes of a year, as far as it has come, beside the permitted ones.

    Parameters
    ----------
    tonnes : DataFrame
        site, parameter, tonnes, tonnes_substituted, open_hours: what `outlet_tonnes` gives from the first of January on.
    totals : DataFrame
        A district's permitted tonnes, as `vocabulary.district.District.permit_totals` has them.
    outlets : DataFrame
        site, enterprise: the registry, each outlet once.
    day : date
        Last day of the tonnes: the totals of that day hold for the whole year.

    Returns
    -------
    DataFrame
        permit_of ("site", "enterprise", or "" where no total is registered), site or enterprise, sites (the outlets,
        with commas), parameter, tonnes (t; NaN: no hour on record), tonnes_substituted (t), open_hours, permit_tonnes
        (t; NaN where none is registered, never 0), permit_share (0…, above 1: more than permitted; NaN of nothing),
        permit_remaining (t, below 0: beyond), clause, document, sure. An outlet that its enterprise's total covers has no
        row of its own.
    """
    held = totals_in_force(totals, day)
    own = held.loc[held["site"] != "", ["site", *_TOTAL]]
    joint = held.loc[held["enterprise"] != "", ["enterprise", *_TOTAL]]
    figures = tonnes[["site", "parameter", *_SUMS]].astype(dict.fromkeys(_SUMS, "float64"))
    rows = figures.merge(outlets[["site", "enterprise"]], on="site", how="left")
    single = rows.drop(columns="enterprise").merge(own, on=["site", "parameter"], how="outer")
    single = single.merge(outlets[["site", "enterprise"]], on="site", how="left").assign(sites=single["site"])
    covered = pd.MultiIndex.from_frame(single[["enterprise", "parameter"]]).isin(
        pd.MultiIndex.from_frame(joint[["enterprise", "parameter"]])
    )
    alone = single["permit_tonnes"].isna()
    single = single[~(covered & alone.to_numpy())].assign(permit_of=alone.map({True: "", False: "site"}))
    together = rows.groupby(["enterprise", "parameter"], as_index=False).agg(
        tonnes=("tonnes", "sum"),
        tonnes_substituted=("tonnes_substituted", "sum"),
        open_hours=("open_hours", "sum"),
        sites=("site", ",".join),
    )
    together = joint.merge(together, on=["enterprise", "parameter"], how="left")
    together = together.assign(permit_of="enterprise", site="", sites=together["sites"].fillna(""))
    found = pd.concat([single, together], ignore_index=True)
    permitted = found["permit_tonnes"]
    found["permit_share"] = found["tonnes"] / permitted.where(permitted > 0)
    found["permit_remaining"] = permitted - found["tonnes"]
    texts = ["clause", "document", "sure", "enterprise"]
    found[texts] = found[texts].fillna("")
    found["open_hours"] = found["open_hours"].astype("Int64")
    return found[_COLUMNS].sort_values(["enterprise", "sites", "parameter"], ignore_index=True)
