"""30,000 errors of 15 kinds planted in real exports: how many our flags find, and what they note beside.

`python benchmarks/planted_errors.py` prints the tables of docs/quality.md. It reads $ECOPLAN_REALDATA (default
../shared/data beside the repository) and writes nothing.

Clean is what was delivered: no value is taken out for what our flags say of it. Errors are planted in the
middle of blocks without a hole (air 96 hours, water 12 days), at the readings that are there. An error is
found when a reading of it is suspect or bad in the overall verdict. A false alarm is an untouched reading
that is noted with the errors in and was not noted without them. The seed is fixed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from quality.flags import OVERALL, flag  # noqa: E402 - the rooms stand beside this folder
from quality.flags.rules import TEST_KEYS  # noqa: E402 - as above
from sources.catalogue import read_delivery  # noqa: E402 - as above
from sources.delivery import Delivery  # noqa: E402 - as above

DATA = Path(os.environ.get("ECOPLAN_REALDATA") or ROOT / ".." / "shared" / "data").resolve()
SEED = 20261121
ITEMS = {"PM2.5": "pm2_5", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "O3": "o3", "CO": "co"}
WATER = ("ph", "water_temp", "do", "conductivity", "turbidity", "cod_mn", "nh3_n", "tp", "tn")
#: data set -> errors of every kind, rows of a block, time between rows
SHARES = {"liaocheng": (300, 96, 1), "shandong": (1400, 96, 1), "water": (300, 12, 24)}
PARTNER = {"pm2_5": "pm10", "nh3_n": "tn"}
COLUMNS = [
    "district",
    "site",
    "parameter",
    "period",
    "channel",
    "observed_at",
    "value",
    "censor",
    "detection_limit",
]


@dataclass
class Ground:
    """A data set in order of series and time, its clean verdicts, and where blocks without a hole begin."""

    name: str
    frame: pd.DataFrame
    groups: dict[str, str] | None
    noted: np.ndarray
    blocks: np.ndarray
    length: int
    errors: int


def delivered(source: str, path: Path) -> pd.DataFrame:
    content = path.read_bytes()
    sha = hashlib.sha256(content).hexdigest()
    delivery = Delivery(
        "real", source, path.relative_to(DATA).as_posix(), sha, len(content), datetime(2022, 1, 1)
    )
    return read_delivery(content, delivery).readings[COLUMNS]


def liaocheng() -> pd.DataFrame:
    wide = pd.read_csv(DATA / "air_quotsoft/liaocheng_2019_long.csv", parse_dates=["t"])
    long = wide.melt(["station", "t"], list(ITEMS), var_name="item", value_name="value")
    return pd.DataFrame(
        {
            "district": "real",
            "site": long["station"].astype("str"),
            "parameter": long["item"].map(ITEMS).astype("str"),
            "period": "1h",
            "channel": "automatic",
            "observed_at": (long["t"] - pd.Timedelta(hours=1)).astype("datetime64[us]"),
            "value": long["value"],
            "censor": "",
            "detection_limit": np.nan,
        }
    )


def shandong() -> pd.DataFrame:
    files = sorted((DATA / "air_quotsoft/shandong_2019").glob("*.csv"))
    frame = pd.concat([delivered("air-quotsoft", path) for path in files], ignore_index=True)
    return frame[(frame["period"] == "1h") & frame["parameter"].isin(ITEMS.values())]


def water() -> pd.DataFrame:
    files = sorted((DATA / "water_cnemc/api").glob("*.json"))
    frame = pd.concat([delivered("water-cnemc-api", path) for path in files], ignore_index=True)
    frame = frame[frame["parameter"].isin(WATER)].copy()
    # the daily answers say 08:00, some a few minutes later: one reading a day
    frame["day"] = frame["observed_at"].dt.normalize()
    return frame.drop_duplicates(["site", "parameter", "day"]).drop(columns="day")


def cities() -> dict[str, str]:
    table = pd.read_csv(DATA / "air_quotsoft/stations_20200101.csv")
    return dict(zip(table.iloc[:, 0].astype(str), table.iloc[:, 2].astype(str), strict=True))


def ground(name: str, frame: pd.DataFrame, groups: dict[str, str] | None) -> Ground:
    errors, length, hours = SHARES[name]
    frame = frame[frame["value"].notna()].drop_duplicates(COLUMNS[:6])
    frame = frame.sort_values(["parameter", "site", "observed_at"], ignore_index=True)
    series = frame.groupby(["parameter", "site"], sort=False).ngroup().to_numpy()
    first = np.searchsorted(series, series)
    begin = np.flatnonzero((np.arange(len(frame)) - first) % length == 0)
    begin = begin[begin + length <= len(frame)]
    last = begin + length - 1
    time = frame["observed_at"].to_numpy()
    span = (time[last] - time[begin]) / np.timedelta64(1, "h")
    whole = (series[begin] == series[last]) & (np.abs(span - (length - 1) * hours) < 2)
    noted = flag(frame, groups=groups)[OVERALL].isin([3, 4]).to_numpy()
    return Ground(name, frame, groups, noted, begin[whole], length, errors)


#: a kind takes the values of its errors (k errors x n rows), their rows, the ground and a generator
Plant = Callable[[np.ndarray, np.ndarray, Ground, np.random.Generator], np.ndarray]


def times(low: float, high: float) -> Plant:
    return lambda value, _rows, _ground, rng: value * rng.uniform(low, high, (len(value), 1))


def drift(value: np.ndarray, _rows: np.ndarray, _ground: Ground, _rng: np.random.Generator) -> np.ndarray:
    return value * (1 + np.linspace(0, 1, value.shape[1]))


def noise(value: np.ndarray, _rows: np.ndarray, _ground: Ground, rng: np.random.Generator) -> np.ndarray:
    return value * np.where(np.arange(value.shape[1]) % 2, 2.2, 0.4) * rng.uniform(0.9, 1.1, value.shape)


def frozen(value: np.ndarray, _rows: np.ndarray, _ground: Ground, _rng: np.random.Generator) -> np.ndarray:
    return np.repeat(value[:, :1], value.shape[1], axis=1)


def late(_value: np.ndarray, rows: np.ndarray, where: Ground, _rng: np.random.Generator) -> np.ndarray:
    return where.frame["value"].to_numpy()[rows - max(where.length // 16, 1)]


def other_site(_value: np.ndarray, rows: np.ndarray, where: Ground, rng: np.random.Generator) -> np.ndarray:
    at = (
        where.frame.groupby(["parameter", where.frame["observed_at"].dt.floor("h")], sort=False)
        .ngroup()
        .to_numpy()
    )
    order = np.argsort(at, kind="stable")
    low, high = np.searchsorted(at[order], at[rows]), np.searchsorted(at[order], at[rows], side="right")
    return where.frame["value"].to_numpy()[order[rng.integers(low, high)]]


@dataclass(frozen=True)
class Kind:
    """A kind of error: what it does, over how many rows of air and water, and how it is written.

    `lonely` takes the readings beside away; `swapped` gives the value to the partner and its value here.
    """

    name: str
    plant: Plant
    rows: tuple[int, int] = (1, 1)
    lonely: bool = False
    swapped: bool = False


KINDS = (
    Kind("one reading 3 to 6 times as high", times(3, 6)),
    Kind("one reading at 5 to 25 %", times(0.05, 0.25)),
    Kind("one reading 4 to 8 times as high, those beside missing", times(4, 8), lonely=True),
    Kind("decimal point: ten times", times(10, 10)),
    Kind("decimal point: a tenth", times(0.1, 0.1)),
    Kind("unit: a thousand times", times(1000, 1000)),
    Kind("zero for missing", times(0, 0)),
    Kind("frozen: 30 h (water 7 days)", frozen, (30, 7)),
    Kind("frozen: 6 h (water 4 days)", frozen, (6, 4)),
    Kind("level 2.5 times for 24 h (water 5 days)", times(2.5, 2.5), (24, 5)),
    Kind("drift to twice in 72 h (water 9 days)", drift, (72, 9)),
    Kind("noise: 0.4 and 2.2 times in turn, 12 h (water 5 days)", noise, (12, 5)),
    Kind("clock: values 6 h (water 1 day) late, 24 h (water 5 days)", late, (24, 5)),
    Kind("value of another site", other_site),
    Kind("items exchanged: PM2.5 and PM10, NH3-N and TN", times(1, 1), swapped=True),
)


def partners(where: Ground) -> np.ndarray:
    """Return the row of the partner item at the same site and time; -1 where there is none."""
    keys = ["site", "observed_at"]
    own = where.frame[[*keys, "parameter"]].assign(row=np.arange(len(where.frame)))
    own["wanted"] = own["parameter"].map(PARTNER)
    other = own.rename(columns={"row": "partner"})[[*keys, "parameter", "partner"]]
    merged = own.merge(other, left_on=[*keys, "wanted"], right_on=[*keys, "parameter"], how="left")
    return merged.sort_values("row")["partner"].fillna(-1).to_numpy(dtype=np.int64)


def planted(kind: Kind, where: Ground, wanted: int, rng: np.random.Generator) -> dict[str, Any]:
    """Plant one kind in one data set; give counts of errors, found, alarms, and found by every test."""
    count = kind.rows[0] if SHARES[where.name][2] == 1 else kind.rows[1]
    begin = where.blocks + (where.length - count) // 2 + (1 if count == 1 else 0)
    partner = partners(where) if kind.swapped else None
    if partner is not None:
        # two items only: each block takes three of these errors, far apart
        steps = np.array([-1, 0, 1]) * (where.length // 3)
        begin = (begin[:, None] + steps).ravel()
        begin = begin[partner[begin] >= 0]
    begin = rng.choice(begin, size=min(wanted, len(begin)), replace=False)
    rows = begin[:, None] + np.arange(count)
    value = where.frame["value"].to_numpy().copy()
    if partner is None:
        value[rows] = kind.plant(value[rows], rows, where, rng)
    else:
        here, there = rows[:, 0], partner[rows[:, 0]]
        value[here], value[there] = value[there], value[here]
        rows = np.column_stack([here, there])
    kept = np.ones(len(value), dtype=bool)
    if kind.lonely:
        kept[np.concatenate([begin - 1, begin + 1])] = False
    verdicts = flag(where.frame.assign(value=value)[kept], groups=where.groups)
    noted = np.zeros(len(value), dtype=bool)
    noted[kept] = verdicts[OVERALL].isin([3, 4]).to_numpy()
    touched = np.zeros(len(value), dtype=bool)
    touched[rows] = True
    by_test, paired = {}, np.zeros(len(value), dtype=bool)
    for test in TEST_KEYS:
        mark = np.zeros(len(value), dtype=bool)
        mark[kept] = verdicts[test].isin([3, 4]).to_numpy()
        if test == "cross_item":
            paired = mark
        by_test[test] = int(mark[rows].any(axis=1).sum())
    alarms = noted & ~where.noted & ~touched
    return {
        "errors": len(begin),
        "found": int(noted[rows].any(axis=1).sum()),
        "readings": int(noted[rows].sum()) / rows.size,
        "alarms": int(alarms.sum()),
        # the other item of a pair that contradicts itself: which of both is wrong is not told
        "paired": int((alarms & paired).sum()),
    } | by_test


def main() -> None:
    rng = np.random.default_rng(SEED)
    city = cities()
    grounds = [
        ground("liaocheng", liaocheng(), None),
        ground("shandong", shandong(), city),
        ground("water", water(), None),
    ]
    print("| clean data | readings | blocks | noted as delivered |\n|---|---|---|---|")
    for one in grounds:
        share = one.noted.mean()
        print(
            f"| {one.name} | {len(one.frame):,} | {len(one.blocks):,} | {int(one.noted.sum()):,} ({share:.3%}) |"
        )
    print(
        "\n| kind of error | planted | found | air | water | found most by | alarms beside per 100 errors (the other item of a pair) |"
    )
    print("|---|---|---|---|---|---|---|")
    total = found = 0
    for kind in KINDS:
        # what one data set has no room for, the largest one takes
        small, large, rivers_ground = grounds
        results = [planted(kind, one, one.errors, rng) for one in (small, rivers_ground)]
        short = small.errors + rivers_ground.errors - sum(one["errors"] for one in results)
        results.insert(1, planted(kind, large, large.errors + short, rng))
        planted_here = sum(one["errors"] for one in results)
        found_here = sum(one["found"] for one in results)
        total, found = total + planted_here, found + found_here
        air = sum(one["found"] for one in results[:2]) / sum(one["errors"] for one in results[:2])
        rivers = results[2]["found"] / max(results[2]["errors"], 1)
        tests = {
            test: sum(one[test] for one in results) for test in TEST_KEYS if test not in {"gap", "isolated"}
        }
        best = sorted((test for test in tests if tests[test]), key=lambda test: -tests[test])[:2]
        named = ", ".join(f"{test} {tests[test] / planted_here:.0%}" for test in best) or "none"
        alarms, paired = (
            100 * sum(one[name] for one in results) / planted_here for name in ("alarms", "paired")
        )
        print(
            f"| {kind.name} | {planted_here:,} | {found_here / planted_here:.1%} | {air:.1%} | {rivers:.1%} "
            f"| {named} | {alarms:.1f} ({paired:.1f}) |",
            flush=True,
        )
    print(f"| all | {total:,} | {found / total:.1%} | | | | |")


if __name__ == "__main__":
    main()
