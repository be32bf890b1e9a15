"""Months in which a section had no water to sample (断流, 结冰, 施工), as its manual reports say.

Source: 环办〔2011〕22号 三, practice of monthly reports: such a month is not evaluated, is shown with its
reason, and leaves the denominator of that month.
"""

from __future__ import annotations

import pandas as pd

#: the reading that says so; its `provider_flag` is the word delivered
DRY = "dry"
#: readings of a section that measure nothing: they are left out before anything is classified
NOT_MEASURED: tuple[str, ...] = ("water_class", DRY, "black_odorous")


def dry_sections(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the months in which sections could not be sampled.

    Parameters
    ----------
    readings : DataFrame
        Columns site, parameter, observed_at, provider_flag, channel: all readings of the sections and
        time, `dry` among them.

    Returns
    -------
    DataFrame, one row a section and month, sorted
        site, month ('2026-03'), reason (the words delivered, each once, joined by '、'): what
        `evaluate_sections` takes as `dry`. A month in which the section was sampled by hand on
        another day is evaluated by that sampling and is not listed.
    """
    month = readings["observed_at"].dt.strftime("%Y-%m")
    is_dry = readings["parameter"] == DRY
    measured = (readings["channel"] == "manual") & ~readings["parameter"].isin(NOT_MEASURED)
    sampled = pd.MultiIndex.from_arrays([readings["site"][measured], month[measured]])
    said = pd.DataFrame(
        {
            "site": readings["site"][is_dry],
            "month": month[is_dry],
            "reason": readings["provider_flag"][is_dry],
        }
    )
    said = said[~pd.MultiIndex.from_frame(said[["site", "month"]]).isin(sampled)]
    said = said.drop_duplicates().sort_values(["site", "month", "reason"])
    listed = said.groupby(["site", "month"], sort=True)["reason"].agg("、".join).reset_index()
    return listed.astype({"site": "str", "month": "str", "reason": "str"})
