"""Sand-dust and exceptional events (沙尘、例外事件): figures before and after their deduction.

Events are never inferred here: period and extent come from the table an authority's document fills.
"""

from __future__ import annotations

import pandas as pd

from indicators.registry import Registry, default_registry

_HOUR = pd.Timedelta(hours=1)


class UnknownEventError(ValueError):
    """The event table names a kind that no rule knows, or an event ends before it begins."""


def apply_events(
    hours: pd.DataFrame, events: pd.DataFrame, *, registry: Registry | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the hours of events out of the readings.

    Parameters
    ----------
    hours : DataFrame
        Long: site, parameter, observed_at (start of the hour), value.
    events : DataFrame
        kind ("sand-dust", "exceptional"), start, end (first moment after), document, and optionally site
        ('' or missing: every site) and parameters (joined by comma; else those of the kind's rule).
    registry : Registry, optional
        The dated standards; the project's own where none is given.

    Returns
    -------
    (DataFrame, DataFrame)
        Before (the hours as they are) and after (rows of an event's parameters and hours taken out).

    Raises
    ------
    UnknownEventError
        When a kind has no rule, or an event ends before it begins.

    Notes
    -----
    环办监测〔2016〕120号; days are computed from what is left, so a day with fewer than 20 hours has no
    particulate mean.
    """
    if events.empty or hours.empty:
        return hours, hours.copy()
    known = default_registry() if registry is None else registry
    struck = _struck_hours(events, known)
    everywhere = struck[struck["site"] == ""].drop(columns="site")
    somewhere = struck[struck["site"] != ""]
    keys = hours[["site", "parameter", "observed_at"]]
    out = _member(keys, everywhere, ["parameter", "observed_at"]) | _member(
        keys, somewhere, ["site", "parameter", "observed_at"]
    )
    return hours, hours.loc[~out].reset_index(drop=True)


def _member(keys: pd.DataFrame, struck: pd.DataFrame, on: list[str]) -> pd.Series:
    joined = keys[on].merge(struck[on].drop_duplicates(), on=on, how="left", indicator=True)
    return pd.Series((joined["_merge"] == "both").to_numpy(), index=keys.index)


def _struck_hours(events: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """One row per site, parameter and hour of an event."""
    rules: dict[str, str] = {}
    for standard in registry.of_topic("air-evaluation"):
        rules |= {kind: ",".join(rule["parameters"]) for kind, rule in standard.tables["events"].items()}
    table = events.reset_index(drop=True)
    unknown = table.loc[~table["kind"].isin(list(rules)), "kind"]
    if len(unknown):
        raise UnknownEventError(
            f"event table, row {unknown.index[0] + 1}: kind {unknown.iloc[0]!r}; expected {', '.join(rules)}"
        )
    start = pd.to_datetime(table["start"], format="ISO8601").astype("datetime64[us]").dt.floor("h")
    end = pd.to_datetime(table["end"], format="ISO8601").astype("datetime64[us]").dt.ceil("h")
    if not (end > start).all():
        row = int((~(end > start)).to_numpy().nonzero()[0][0])
        raise UnknownEventError(f"event table, row {row + 1}: the end is not after the start")
    by_kind = table["kind"].map(rules)
    named = table["parameters"] if "parameters" in table else pd.Series("", index=table.index, dtype="str")
    parameters = named.where(named.fillna("") != "", by_kind)
    site = table["site"].fillna("") if "site" in table else pd.Series("", index=table.index, dtype="str")
    length = ((end - start) // _HOUR).astype("int64")
    frame = pd.DataFrame({"site": site, "start": start, "parameter": parameters.str.split(",")})
    hourly = frame.loc[frame.index.repeat(length)]
    step = hourly.groupby(level=0).cumcount()
    hourly = hourly.assign(observed_at=(hourly["start"] + step * _HOUR).astype("datetime64[us]"))
    long = hourly.explode("parameter")[["site", "parameter", "observed_at"]]
    return long.assign(parameter=long["parameter"].str.strip().astype("str"))
