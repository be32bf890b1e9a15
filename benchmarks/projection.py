"""Does the stated 80 % interval hold 80 % of what comes? Month by month, over generated years and a real one.

`python benchmarks/projection.py` prints the tables of docs/projection.md (about five minutes of one core).
The real year is the long hourly table of one city in $ECOPLAN_REALDATA (default ../shared/data beside the repository);
without it the second table is left out. Nothing is written. Generated years: a season, a level that drifts and jumps
from year to year, a season that is now stronger now weaker and comes earlier or later, and days that hang together
(autoregressive in the logarithm); none of these numbers is read by the program. Seeds are fixed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from indicators.air_aqi import daily_aqi  # noqa: E402 - the rooms stand beside this folder
from indicators.air_days import district_days, station_days  # noqa: E402 - as above
from indicators.projection import TOPIC, project_days  # noqa: E402 - as above
from indicators.registry import Standard, default_registry  # noqa: E402 - as above

DATA = Path(os.environ.get("ECOPLAN_REALDATA") or ROOT / ".." / "shared" / "data").resolve()
REAL = "air_quotsoft/*_2019_long.csv"
ITEMS = {"PM2.5": "pm2_5", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "O3": "o3", "CO": "co"}
FloatArray = npt.NDArray[np.float64]
Kind = Literal["pm2_5", "aqi"]
#: days of a common year that are over at the end of January … November
CUTS = np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
#: a good day of generated years
LIMIT = 75.0
HISTORIES = (0, 1, 2, 3, 5)


def generated(
    seed: int,
    years: int,
    *,
    level: float = 0.10,
    drift: float = -0.04,
    season: float = 0.08,
    day: float = 0.45,
    memory: float = 0.7,
) -> FloatArray:
    """Return daily values of some years, years x 365.

    Parameters
    ----------
    level, drift : float
        Spread and mean of the year's step, in the logarithm.
    season : float
        Spread of the season's strength and phase.
    day, memory : float
        Spread of a day in the logarithm, and how much of it the next day keeps.
    """
    rng = np.random.default_rng(seed)
    turn = 2 * np.pi * (np.arange(365) - 10) / 365
    base = np.log(50.0) + np.cumsum(drift + level * rng.standard_normal(years))
    shape = season * (
        rng.standard_normal((years, 1)) * np.cos(turn) + rng.standard_normal((years, 1)) * np.sin(turn)
    )
    noise = day * rng.standard_normal((years, 365))
    keep = np.sqrt(1 - memory**2)
    for today in range(1, 365):
        noise[:, today] = memory * noise[:, today - 1] + keep * noise[:, today]
    return np.asarray((1 + 0.55 * np.cos(turn)) * np.exp(base[:, None] + shape + noise - day**2 / 2))


def covered(
    year: FloatArray, past: FloatArray, standard: Standard, kind: Kind, limit: float | None
) -> list[tuple[bool, float]]:
    """Return for each month's end whether the interval holds what came, and how wide it is (of what came, in %)."""
    came = _came(year, 365, limit)
    found = []
    for cut in CUTS:
        one = project_days(year, int(cut), past, standard, kind=kind, limit=limit)
        if one is not None:
            found.append((one.low <= came <= one.high, (one.high - one.low) / came * 100.0))
    return found


def coverage(
    standard: Standard, history: int, seeds: range, limit: float | None, kind: Kind = "pm2_5"
) -> tuple[FloatArray, float]:
    """Return the share of intervals that hold, by month's end, and their mean width in %."""
    cells = []
    for seed in seeds:
        years = generated(seed, history + 1)
        cells.append(covered(years[-1], years[:-1], standard, kind, limit))
    table = np.asarray(cells, dtype=np.float64)
    return table[:, :, 0].mean(axis=0), float(table[:, :, 1].mean())


def real_series(file: Path) -> dict[str, tuple[FloatArray, Kind, float | None]]:
    """Return the daily series of a long hourly table of one year: stations and their city, PM2.5 and AQI."""
    registry = default_registry()
    table = pd.read_csv(file, parse_dates=["t"])
    hours = table.melt(id_vars=["station", "t"], value_vars=list(ITEMS), var_name="item").dropna()
    hours = pd.DataFrame(
        {
            "site": hours["station"].astype("str"),
            "parameter": hours["item"].map(ITEMS).astype("str"),
            "period": "1h",
            # t is the end of the hour
            "observed_at": (hours["t"] - pd.Timedelta(hours=1)).astype("datetime64[us]"),
            "value": hours["value"],
            "provider_flag": "",
            "censor": "",
        }
    )
    days = station_days(hours, registry=registry)
    stations = pd.DataFrame({"site": days["site"].unique(), "evaluation": True})
    stations = stations.assign(valid_from=pd.NaT, valid_to=pd.NaT)
    days = pd.concat([days, district_days(days, stations, registry=registry)], ignore_index=True)
    index = daily_aqi(days, registry=registry)
    index = index.assign(value=index["aqi"].astype("float64").where(index["valid"].astype(bool)))
    pm2_5 = days[(days["parameter"] == "pm2_5") & days["valid"].astype(bool)]
    whole = pd.date_range("2019-01-01", "2019-12-31")
    found: dict[str, tuple[FloatArray, Kind, float | None]] = {}
    for label, rows, kind, limit in (("PM2.5", pm2_5, "pm2_5", None), ("good days", index, "aqi", 100.0)):
        for site, mine in rows.groupby("site"):
            values = mine.set_index("day")["value"].reindex(whole).to_numpy(dtype=np.float64)
            if np.isfinite(values).sum() >= 300:
                found[f"{label}, {site or 'city'}"] = (values, "aqi" if kind == "aqi" else "pm2_5", limit)
    return found


def main() -> None:
    """Print both tables."""
    standard = default_registry().in_force(TOPIC, pd.Timestamp("2026-11-21").date())
    months = " | ".join(f"{month}" for month in range(1, 12))
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(f"| past years | figure | all | width % | {months} |\n|---|---|---|---|{'---|' * 11}")
    for history in HISTORIES:
        for label, limit in (("mean", None), ("share of days", LIMIT)):
            held, width = coverage(standard, history, seeds, limit)
            cells = " | ".join(f"{share * 100:.0f}" for share in held)
            print(
                f"| {history} | {label} | **{held.mean() * 100:.1f}** | {width:.0f} | {cells} |", flush=True
            )
    files = sorted(DATA.glob(REAL))
    if not files:
        print(f"\nno {REAL} below {DATA.name}: the real year is left out")
        return
    real = real_series(files[0])
    ends = [*CUTS.tolist(), 365]
    print(
        f"\n| real series | came | year's end: held | any month's end: held | {months} |\n|---|---|---|---|{'---|' * 11}"
    )
    whole: list[bool] = []
    any_end: list[bool] = []
    for name, (values, kind, limit) in real.items():
        year = [_one(values, cut, 365, standard, kind, limit) for cut in CUTS]
        further = [_one(values, cut, end, standard, kind, limit) for cut in CUTS for end in ends if end > cut]
        texts = " | ".join(f"{low:.0f}–{high:.0f}" for _, low, high in year)
        held, others = ([one[0] for one in part] for part in (year, further))
        whole += held
        any_end += others
        print(
            f"| {name} | {_came(values, 365, limit):.1f} | {sum(held)}/{len(held)} | "
            f"{np.mean(others) * 100:.0f} % of {len(others)} | {texts} |"
        )
    print(f"\nreal: year's end {np.mean(whole) * 100:.1f} % of {len(whole)}, ", end="")
    print(f"any month's end {np.mean(any_end) * 100:.1f} % of {len(any_end)}")


def _came(values: FloatArray, end: int, limit: float | None) -> float:
    known = values[:end][np.isfinite(values[:end])]
    return float(known.mean() if limit is None else (known <= limit).mean() * 100.0)


def _one(
    values: FloatArray, cut: int, end: int, standard: Standard, kind: Kind, limit: float | None
) -> tuple[bool, float, float]:
    """Return whether the interval at one month's end for a later one holds what came, and its ends."""
    one = project_days(values, int(cut), np.empty((0, 365)), standard, kind=kind, limit=limit, until=int(end))
    if one is None:
        raise ValueError(f"no projection at day {cut}: too few valid days")
    return one.low <= _came(values, end, limit) <= one.high, one.low, one.high


if __name__ == "__main__":
    main()
