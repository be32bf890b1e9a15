"""A night on one month of history against the same night on five years of history.

One district of the project with generated readings of its stations, sections and outlets (about 1,100 a day).
The history is loaded, a delivery a source and day, and evaluated; then seven nights each load one day and recompute
what it touches: `load_batch`, then what `evaluate_and_alert` does (flags, evaluation, indicators, every alert rule of
the district), as the nightly does. The history ends in December, where the
year of a section, which a night evaluates anew, is longest: with one month of history the year has a
month of readings, with five years it has twelve.

`ours` is a night on the long history, `peer` the same night on the short one, the nights of the two in
turn; seconds of processor time of this process (a server's time is not in it, so with a server it is
wall time), the median of the nights. `ECOPLAN_BENCH_MONTHS` sets the long history (default 60),
`ECOPLAN_BENCH_WAREHOUSE` the SQLAlchemy URL of a database for each, with `{}` for its name (default: files).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import redirect_stdout
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.alert.record import record_alerts
from flows.evaluate import evaluate_district
from flows.flagging import flag_district
from flows.progress import record_indicators
from flows.run import Run, open_run
from flows.settings import Settings
from vocabulary.reading import READING_DTYPES, empty_rejects
from warehouse.load import Unit, load_batch

ROOT = Path(__file__).resolve().parent.parent
DISTRICT = "chiping"
#: first of the nights; the history ends the day before
FIRST_NIGHT = date(2025, 12, 24)
NIGHTS = 7
#: what each kind of site delivers: parameter -> usual value
ITEMS = {
    "station": {"pm2_5": 38.0, "pm10": 70.0, "so2": 9.0, "no2": 28.0, "co": 0.7, "o3": 90.0},
    "section": {
        "water_temp": 15.0,
        "ph": 8.0,
        "do": 8.5,
        "conductivity": 1200.0,
        "turbidity": 20.0,
        "cod_mn": 5.0,
        "nh3_n": 0.5,
        "tp": 0.12,
        "tn": 3.0,
    },
    "flue_gas": {"flue_dust_norm": 3.0, "flue_so2_norm": 16.0, "flue_nox_norm": 34.0, "flue_flow": 3e5},
    "wastewater": {"cod": 22.0, "nh3_n": 0.8, "tp": 0.2, "tn": 9.0, "ph": 7.3, "effluent_flow": 1600.0},
}
#: kind of site -> the source of its readings, each day a delivery of its own
SOURCES = {"station": "air-quotsoft", "section": "water-cnemc-api", "outlet": "outlet-hourly"}
_HOURS = {"section": 4}
_BATCH_DAYS = 30
_NOTHING = empty_rejects().assign(delivery=pd.Series([], dtype="int64"))


#: one section is worse than class V for two days every month: episodes pile up as they do in a real store
SPELL_SITE, SPELL_DAYS, SPELL_VALUE = "CP-S3", 2, 2.6


def days_frame(sites: pd.DataFrame, first: date, days: int) -> pd.DataFrame:
    """Make the readings of every monitored site of `days` days, the same ones at every call.

    Wells and black-odorous waters are sampled a few times a year: a night hardly meets them.
    """
    rng = np.random.default_rng(first.toordinal())
    parts = []
    for kind, medium, key in zip(sites["kind"], sites["medium"], sites["key"], strict=True):
        items = ITEMS.get(medium if kind == "outlet" else kind)
        if items is None:
            continue
        step = _HOURS.get(kind, 1)
        at = pd.date_range(first, periods=days * 24 // step, freq=f"{step}h", unit="us")
        grid = pd.MultiIndex.from_product([list(items), at], names=["parameter", "observed_at"])
        part = grid.to_frame(index=False)
        usual = part["parameter"].map(items).to_numpy(dtype="float64")
        # pH moves little; the rest by a tenth
        spread = np.where(part["parameter"] == "ph", 0.01, 0.1)
        part["value"] = np.round(usual * (1.0 + spread * rng.normal(0.0, 1.0, len(part)).clip(-4, 4)), 3)
        if key == SPELL_SITE:
            spell = (part["parameter"] == "nh3_n") & (part["observed_at"].dt.day <= SPELL_DAYS)
            part.loc[spell, "value"] = SPELL_VALUE
        parts.append(part.assign(site=key, period=f"{step}h"))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.assign(
        district=DISTRICT,
        raw=frame["value"].astype("str"),
        censor="",
        detection_limit=np.nan,
        provider_flag="",
        channel="automatic",
        sheet="",
        row=np.arange(len(frame)) + 2,
        column=frame["parameter"],
    )
    return frame[list(READING_DTYPES)].astype(READING_DTYPES).assign(delivery=0)


def _load(run: Run, first: date, days: int) -> None:
    """Load days, each source's day as a delivery of its own, as nights have left them in the ledger."""
    sites = run.districts[DISTRICT].sites
    frame = days_frame(sites, first, days)
    turn = {kind: number for number, kind in enumerate(SOURCES)}
    of_site = sites.set_index("key")["kind"].map(turn)
    place = (frame["observed_at"].dt.normalize() - pd.Timestamp(first)).dt.days
    frame["delivery"] = (place * len(SOURCES) + frame["site"].map(of_site)).astype("int64")
    cells = frame["delivery"].value_counts()
    units = []
    for number in range(days * len(SOURCES)):
        day = first + timedelta(days=number // len(SOURCES))
        source = list(SOURCES.values())[number % len(SOURCES)]
        when = datetime.combine(day + timedelta(days=1), datetime.min.time())
        units.append(
            Unit(
                district=DISTRICT,
                source=source,
                partition=f"{day}",
                sha256=f"{day.toordinal() * len(SOURCES) + number % len(SOURCES):064x}",
                name=f"{source}-{day}.csv",
                size=1,
                issued_at=when,
                modified_at=when,
                encoding="utf-8",
                cells_in=int(cells.get(number, 0)),
                blank=0,
            )
        )
    now = datetime.combine(first + timedelta(days=days), datetime.min.time())
    with run.warehouse.begin() as connection:
        load_batch(connection, units, frame, _NOTHING, now=now)


def _clock(run: Run) -> float:
    return time.process_time() if run.warehouse.file is not None else time.perf_counter()


def _evaluate(run: Run, parts: dict[str, float]) -> None:
    """Do what `flows.way.evaluate_and_alert` does, with a watch on each part."""
    district = run.districts[DISTRICT]
    with run.warehouse.begin() as connection:
        begun = _clock(run)
        flag_district(connection, district)
        parts["flags"] = _clock(run) - begun
        begun = _clock(run)
        done = evaluate_district(connection, run, district)
        parts["evaluate"] = _clock(run) - begun
        begun = _clock(run)
        record_indicators(connection, run, district, done)
        parts["indicators"] = _clock(run) - begun
        begun = _clock(run)
        record_alerts(connection, run, district, done, silent=False)
        parts["alert"] = _clock(run) - begun


def history(settings: Settings, months: int) -> None:
    """Load and evaluate `months` months of history."""
    run = open_run(settings, "nightly", districts=[DISTRICT], run_date=FIRST_NIGHT)
    left = round(months * 365.25 / 12)
    while left > 0:
        days = min(_BATCH_DAYS, left)
        _load(run, FIRST_NIGHT - timedelta(days=left), days)
        left -= days
    _evaluate(run, {})


def night(settings: Settings, number: int) -> dict[str, float]:
    """Load and evaluate one more day; return the seconds of its parts."""
    day = FIRST_NIGHT + timedelta(days=number)
    run = open_run(settings, "nightly", districts=[DISTRICT], run_date=day)
    parts: dict[str, float] = {}
    begun = _clock(run)
    _load(run, day, 1)
    parts["load"] = _clock(run) - begun
    _evaluate(run, parts)
    parts["night"] = _clock(run) - begun
    return parts


def run() -> list[dict[str, Any]]:
    """Return the night on the long history against the short one, whole and part by part."""
    months = int(os.environ.get("ECOPLAN_BENCH_MONTHS", "60"))
    url = os.environ.get("ECOPLAN_BENCH_WAREHOUSE", "")
    measured: dict[str, list[dict[str, float]]] = {"short": [], "long": []}
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        homes = {}
        for name, size in (("short", 1), ("long", months)):
            given = {"home": Path(folder) / name, "districts": ROOT / "districts"}
            homes[name] = Settings(**given, warehouse=url.format(name) if url else "")
            history(homes[name], size)
        for number in range(NIGHTS):
            for name, settings in homes.items():
                measured[name].append(night(settings, number))
    records = []
    for part in ("night", "load", "flags", "evaluate", "indicators", "alert"):
        long, short = ([night[part] for night in measured[name]] for name in ("long", "short"))
        records.append(
            {
                "name": "night_growth" if part == "night" else f"night_growth_{part}",
                "ours": statistics.median(long),
                "peer": statistics.median(short),
                "unit": "s",
                "runs": long,
            }
        )
    return records
