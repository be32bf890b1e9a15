"""What `ecoplan quality` answers: readings with what our flags say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.records import as_records, bounds, known_at
from flows.flagging import flagged_readings, stretches_of
from quality.flags import OVERALL, Verdict, flag_rules
from quality.verdict_policy import verdict_policies
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.reading import DISTRICT_KEY
from warehouse.flags import recall_flags
from warehouse.recall import recall_readings

_READING = list(DISTRICT_KEY)
_KEYS = (
    "district site name parameter period observed_at value unit raw provider_flag test test_zh test_en verdict "
    "verdict_zh verdict_en left_out_of delivery sheet row column flagged_at known_at"
)
#: what a verdict is called
VERDICTS: dict[int, tuple[str, str]] = {
    Verdict.GOOD: ("好", "good"),
    Verdict.NOT_EVALUATED: ("未评", "not evaluated"),
    Verdict.SUSPECT: ("可疑", "suspect"),
    Verdict.BAD: ("坏", "bad"),
    Verdict.MISSING: ("缺测", "missing"),
}


def flags_list(
    connection: Connection,
    district: District,
    period: str,
    *,
    site: str | None = None,
    test: str | None = None,
    least: int = Verdict.SUSPECT,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return one flat record a flag on record: the reading, the test, its verdict, and which uses leave it out."""
    start, end = bounds(period)
    scope: dict[str, Any] = {"district": district.key, "start": start, "end": end, "as_of": as_of}
    flags = recall_flags(connection, sites=None if site is None else [site], **scope)
    flags = flags[(flags["verdict"] >= least) & ((flags["test"] == test) | (test is None))]
    if flags.empty:
        return []
    readings = recall_readings(
        connection,
        sites=flags["site"].unique().tolist(),
        parameters=flags["parameter"].unique().tolist(),
        provenance=True,
        **scope,
    )
    rows = flags.rename(columns={"known_from": "flagged_at"}).merge(readings, on=_READING)
    words = {item.key: item for item in flag_rules().tests}
    rows["test_zh"] = rows["test"].map({key: item.zh for key, item in words.items()})
    rows["test_en"] = rows["test"].map({key: item.en for key, item in words.items()})
    rows["verdict_zh"] = rows["verdict"].map({key: zh for key, (zh, _) in VERDICTS.items()})
    rows["verdict_en"] = rows["verdict"].map({key: en for key, (_, en) in VERDICTS.items()})
    rows["unit"] = rows["parameter"].map({key: item.unit for key, item in parameters().items()})
    rows["left_out_of"] = _left_out_of(rows)
    rows = rows.assign(district=district.key, known_at=known_at(as_of))
    return _named(rows.sort_values([*_READING, "test"]), district, _KEYS.split())


def verdicts_list(
    connection: Connection,
    district: District,
    period: str,
    *,
    site: str | None = None,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return one flat record a reading with the verdict of every test, computed anew under the thresholds in force."""
    start, end = bounds(period)
    rules = flag_rules()
    tests = [item.key for item in rules.tests]
    sites = None if site is None else [site]
    parts = [
        flagged_readings(connection, district, stretch, rules, as_of=as_of)
        for stretch in stretches_of(district, start, end, sites)
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return []
    rows = pd.concat(parts, ignore_index=True).sort_values(_READING)
    rows = rows.assign(known_at=known_at(as_of))
    columns = [
        "district",
        "site",
        "name",
        *_READING[1:],
        "value",
        "provider_flag",
        OVERALL,
        *tests,
        "known_at",
    ]
    return _named(rows, district, columns)


def _left_out_of(rows: pd.DataFrame) -> pd.Series:
    """Return for every flag the uses that leave its reading out for it, with commas."""
    found = pd.Series("", index=rows.index, dtype="str")
    for use, policy in verdict_policies().items():
        least = rows["test"].map({key: int(value) for key, value in policy.least.items()})
        out = (rows["verdict"] >= least).to_numpy(dtype=bool)
        found[out] = found[out].where(found[out] == "", found[out] + ",") + use
    return found


def _named(rows: pd.DataFrame, district: District, columns: list[str]) -> list[dict[str, Any]]:
    names = district.sites.drop_duplicates("key", keep="last").set_index("key")["name"]
    return as_records(rows.assign(name=rows["site"].map(names))[columns])
