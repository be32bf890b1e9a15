"""Load real exports the project's own way and reproduce what their publishers published.

Reads $ECOPLAN_REALDATA (default ../shared/data beside the repository), any folder of that layout. Works in
a temporary home; writes `realdata.json` (the rates) and `realdata_load.json` (balance, seconds, memory)
into ECOPLAN_HOME. Exit status 0 when the ledger is proved, every file's cells are counted right and every
rate is what realdata.toml asks; 1 when not; 2 when there is nothing to load.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.realdata_air import air_rates, national_feed
from benchmarks.realdata_district import cities, facts, layouts
from benchmarks.realdata_load import Loaded, load, peak_gib
from benchmarks.realdata_water import water_rates
from flows.run import write_whole
from flows.settings import ROOT, Settings
from warehouse.verify import COUNTS

DONE, SHORT, NOTHING = 0, 1, 2


@dataclass
class Outcome:
    """Rates, counts of what was told apart, and what does not hold."""

    loaded: Loaded
    rates: dict[str, dict[str, Any]]
    counts: dict[str, int]
    seconds: float

    @property
    def faults(self) -> list[str]:
        """Everything that does not hold: ledger, counts of cells, rates."""
        return [*self.loaded.faults, *short_of(self.rates)]


def real_data() -> Path:
    """Folder of the real exports."""
    return Path(os.environ.get("ECOPLAN_REALDATA") or ROOT / ".." / "shared" / "data")


def evaluate(data: Path, loaded: Loaded) -> Outcome:
    """Recompute the published figures from the warehouse and compare."""
    began = time.monotonic()
    with loaded.warehouse.read() as connection:
        air, air_counts = air_rates(connection, cities(data))
        water, water_counts = water_rates(connection, loaded.settings.home / "landing", loaded.sites)
    found = air | national_feed(data) | water
    nothing = {"rows": 0, "agree": 0, "rate": None}
    rates = {name: found.get(name, nothing) for name in facts()["rate"]}
    rates["water_class_csv"] = rates["water_class_csv"] | {"stale_class": water_counts["stale_class"]}
    return Outcome(loaded, rates, air_counts | water_counts, time.monotonic() - began)


def short_of(rates: dict[str, dict[str, Any]]) -> list[str]:
    """Say which of the rates are under what realdata.toml asks; a rate without rows is under it too."""
    faults = []
    for name, found in rates.items():
        least = facts()["rate"][name].get("at_least")
        if least is None:
            continue
        if not found["rows"]:
            faults.append(f"{name}: nothing to compare")
        elif found["rate"] < least:
            faults.append(f"{name}: {found['agree']} of {found['rows']} rows, expected {least:.3%}")
    return faults


def table_of(outcome: Outcome) -> Table:
    """Return the rates as a table for the terminal."""
    asked = facts()["rate"]
    table = Table(title="公布结果复算 / published figures recomputed", title_justify="left")
    for name in ("name", "", "rows", "agree", "rate", "expected"):
        table.add_column(name, justify="right" if name in {"rows", "agree", "rate", "expected"} else "left")
    for name, found in outcome.rates.items():
        least = asked[name].get("at_least")
        table.add_row(
            name,
            asked[name]["zh"],
            f"{found['rows']:,}",
            f"{found['agree']:,}",
            "—" if found["rate"] is None else f"{found['rate']:.4%}",
            "" if least is None else f"≥ {least:.2%}",
        )
    return table


def show(console: Console, outcome: Outcome) -> None:
    """Print rates, balance, what was told apart, times and faults."""
    proof = outcome.loaded.proof
    console.print(table_of(outcome))
    console.print(f"deliveries {proof['deliveries']:,}; " + ", ".join(f"{n} {proof[n]:,}" for n in COUNTS))
    console.print(outcome.loaded.by_source.to_string(), markup=False)
    console.print(outcome.loaded.reasons.to_string(), markup=False)
    console.print(f"ledger proved: {proof['ok']}; dump {proof['dump_sha256']}")
    console.print("; ".join(f"{name} {count:,}" for name, count in outcome.counts.items()))
    times = outcome.loaded.seconds | {"rates": outcome.seconds}
    console.print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in times.items()))
    console.print(f"most memory: {peak_gib():.2f} GiB")
    for fault in outcome.faults:
        console.print(f"[red]不符 / does not hold[/red]: {fault}", soft_wrap=True)


def write(home: Path, outcome: Outcome) -> Path:
    """Write the rates and, beside them, the balance and what was measured."""
    home.mkdir(parents=True, exist_ok=True)
    beside = {
        "balance": {name: outcome.loaded.proof[name] for name in ("deliveries", *COUNTS)},
        "ok": outcome.loaded.proof["ok"],
        "counts": outcome.counts,
        "faults": outcome.faults,
        "seconds": outcome.loaded.seconds | {"rates": outcome.seconds},
        "memory_gib": peak_gib(),
    }
    for name, body in (("realdata.json", outcome.rates), ("realdata_load.json", beside)):
        write_whole(home / name, (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode())
    return home / "realdata.json"


def main() -> int:
    """Run the whole and return the exit status."""
    data = real_data()
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    if not layouts(data):
        message = (
            "没有可用的真实导出文件，请设置 / no real exports of a known layout here, set ECOPLAN_REALDATA"
        )
        print(f"{data}: {message}", file=sys.stderr)
        return NOTHING
    with tempfile.TemporaryDirectory(prefix="ecoplan-realdata-") as folder:
        loaded = load(data, Path(folder), lambda line: console.print(line, style="dim"))
        outcome = evaluate(data, loaded)
    show(console, outcome)
    console.print(f"→ {write(Settings().home, outcome)}", soft_wrap=True)
    return SHORT if outcome.faults else DONE
