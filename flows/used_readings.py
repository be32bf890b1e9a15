"""What a use may judge: readings whose marks and flags leave them usable, and those that were left out.

Two policies stand side by side: what the provider's mark says (`quality.provider_flags`) and what our own verdicts
say (`quality.verdict_policy`). Nothing is deleted; what is left out is counted in every result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from indicators.registry import Registry
from indicators.water_class import classify_samples
from indicators.water_dry import NOT_MEASURED
from quality.flags import Verdict, flag_rules
from quality.provider_flags import usable
from quality.verdict_policy import verdict_policy
from vocabulary.district import District
from vocabulary.reading import DISTRICT_KEY
from warehouse.flags import recall_flags
from warehouse.recall import recall_readings

_READING = list(DISTRICT_KEY)
_SAMPLE = ["site", "observed_at"]
_SIGNS: dict[str, dict[int, str]] = {
    "zh": {Verdict.SUSPECT: "可疑", Verdict.BAD: "坏"},
    "en": {Verdict.SUSPECT: "suspect", Verdict.BAD: "bad"},
}
#: what a day of air is called -> the parameter of the hours it is made of
_OZONE = {"o3_mda8": "o3", "o3_1h_max": "o3"}


@dataclass(frozen=True)
class Used:
    """Readings as they are divided for one use.

    Attributes
    ----------
    kept
        What is judged, index 0..n-1.
    marked, flagged
        What is left out: for the provider's mark, and for a verdict of our own.
    """

    kept: pd.DataFrame
    marked: pd.DataFrame
    flagged: pd.DataFrame

    @property
    def left(self) -> pd.DataFrame:
        """Everything that is left out."""
        return pd.concat([self.marked, self.flagged], ignore_index=True)

    def count_left(self, keys: Sequence[str]) -> pd.Series:
        """Return how many readings are left out, by some columns, or by the day or month of the reading."""
        left = self.left
        at = left["observed_at"]
        left = left.assign(day=at.dt.normalize(), month=at.dt.strftime("%Y-%m"))
        return left.groupby([*keys]).size().rename("left_out")


def divide(
    connection: Connection,
    district: District,
    readings: pd.DataFrame,
    use: str,
    *,
    marks: bool = True,
    as_of: datetime | None = None,
) -> Used:
    """Divide readings by the policies of a use, under the flags believed at `as_of`.

    Parameters
    ----------
    readings
        As `warehouse.recall.recall_readings` gives them.
    marks
        False: leave the provider's marks to whoever judges the readings.
    """
    fine = usable(readings, use).to_numpy(dtype=bool) | (not marks)
    marked = readings[~fine].reset_index(drop=True)
    readings = readings[fine].reset_index(drop=True)
    least = verdict_policy(use).least
    if readings.empty or not least:
        return Used(readings, marked, readings.iloc[:0])
    flags = recall_flags(
        connection,
        district=district.key,
        start=readings["observed_at"].min().to_pydatetime(),
        end=readings["observed_at"].max().to_pydatetime() + timedelta(microseconds=1),
        sites=readings["site"].unique().tolist(),
        least=least,
        as_of=as_of,
    )
    if flags.empty:
        return Used(readings, marked, readings.iloc[:0])
    out = _among(readings, flags, _READING)
    return Used(readings[~out].reset_index(drop=True), marked, readings[out].reset_index(drop=True))


def with_left_out(rows: pd.DataFrame, counts: pd.Series) -> pd.DataFrame:
    """Return rows with the column `left_out`: of their keys (the names of the index), 0 where nothing was."""
    names = list(counts.index.names)
    merged = rows.drop(columns="left_out", errors="ignore").merge(
        counts.reset_index(), on=names, how="left", validate="many_to_one"
    )
    merged["left_out"] = merged["left_out"].fillna(0).astype("int64")
    return merged


def section_readings(
    connection: Connection,
    district: District,
    sites: list[str],
    start: datetime,
    end: datetime,
    *,
    use: str,
    as_of: datetime | None = None,
) -> Used:
    """Return the measured items of sections, divided by the policies of a use."""
    readings = recall_readings(
        connection, district=district.key, start=start, end=end, sites=sites, as_of=as_of
    )
    readings = readings[~readings["parameter"].isin(NOT_MEASURED)]
    return divide(connection, district, readings, use, as_of=as_of)


def day_counts(used: Used) -> pd.Series:
    """Return how many hours are left out by site, day and parameter of `air_days`; site '' is the whole district."""
    hours = used.count_left(["site", "day", "parameter"]).reset_index()
    others = hours[hours["parameter"] != "o3"]
    ozone = [hours[hours["parameter"] == source].assign(parameter=name) for name, source in _OZONE.items()]
    named = pd.concat([others, *ozone], ignore_index=True)
    whole = named.assign(site="")
    keys = ["site", "day", "parameter"]
    return pd.concat([named, whole], ignore_index=True).groupby(keys)["left_out"].sum()


def single_samplings(readings: pd.DataFrame) -> pd.DataFrame:
    """Leave out figures of a month, and manual samplings dated by the day where an automatic reading stands."""
    keys = pd.MultiIndex.from_frame(readings[["site", "observed_at"]])
    beside = (readings["channel"] == "manual") & keys.isin(keys[readings["channel"] == "automatic"])
    return readings[(readings["period"] != "1mo") & ~beside].reset_index(drop=True)


def section_samples(
    connection: Connection,
    district: District,
    sections: pd.DataFrame,
    start: datetime,
    end: datetime,
    *,
    registry: Registry,
    standard: str | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the samplings of sections in real-time mode, with `left_out`.

    A sampling that is as bad as the policy's `keeps_class` with its flagged readings keeps them: a wrong flag
    must not hide what staff would be alerted about.
    """
    sites = list(sections["site"])
    used = section_readings(connection, district, sites, start, end, use="real-time-class", as_of=as_of)
    keeps = verdict_policy("real-time-class").keeps_class
    if keeps is not None and len(used.flagged):
        used = _with_kept(used, sections, registry, standard, keeps)
    measured = single_samplings(used.kept)
    samples = classify_samples(measured, sections, registry=registry, mode="real-time", standard=standard)
    return with_left_out(samples, used.count_left(_SAMPLE))


def flags_in_words(
    connection: Connection, district: District, readings: pd.DataFrame, *, as_of: datetime | None = None
) -> pd.DataFrame:
    """Return the weighing flags of some readings: their key, `flags` (`flat_line=4;…`), `flags_zh`, `flags_en`."""
    words = {test.key: test for test in flag_rules().tests if test.weighs}
    empty = pd.DataFrame({name: pd.Series([], dtype="str") for name in ("flags", "flags_zh", "flags_en")})
    if readings.empty:
        return readings[_READING].iloc[:0].join(empty)
    flags = recall_flags(
        connection,
        district=district.key,
        start=readings["observed_at"].min().to_pydatetime(),
        end=readings["observed_at"].max().to_pydatetime() + timedelta(microseconds=1),
        sites=readings["site"].unique().tolist(),
        least=dict.fromkeys(words, Verdict.SUSPECT),
        as_of=as_of,
    )
    flags = flags.sort_values("test")
    flags["flags"] = flags["test"] + "=" + flags["verdict"].astype("str")
    for language, signs in _SIGNS.items():
        name = flags["test"].map({key: str(getattr(test, language)) for key, test in words.items()})
        flags[f"flags_{language}"] = name.astype("str") + " " + flags["verdict"].map(signs).astype("str")
    columns = ["flags", "flags_zh", "flags_en"]
    return flags.groupby(_READING, as_index=False)[columns].agg(";".join)


def _with_kept(
    used: Used, sections: pd.DataFrame, registry: Registry, standard: str | None, keeps: int
) -> Used:
    """Give flagged readings back to the samplings that are of class `keeps` or worse with them."""
    whole = pd.concat([used.kept, used.flagged], ignore_index=True)
    doubtful = single_samplings(whole[_among(whole, used.flagged, _SAMPLE)])
    judged = classify_samples(doubtful, sections, registry=registry, mode="real-time", standard=standard)
    bad = judged[(judged["class"] >= keeps).fillna(value=False)]
    stays = _among(used.flagged, bad, _SAMPLE)
    kept = pd.concat([used.kept, used.flagged[stays]], ignore_index=True)
    return Used(kept, used.marked, used.flagged[~stays].reset_index(drop=True))


def _among(rows: pd.DataFrame, chosen: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Tell which rows have keys that are among the chosen ones."""
    found = pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(chosen[keys]))
    return pd.Series(found, index=rows.index)
