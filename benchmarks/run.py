"""Run every benchmark and write var/bench.json: name -> {ours, peer, ratio, unit, runs}.

`ours` and `peer` are measured side by side in one run; `ratio` is ours over peer, None without a peer.
Nothing here is asserted: the numbers are for reading and for docs.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("aqi", "water_classification", "judging", "warehouse_load", "night_growth", "site_build")


def measured(name: str) -> dict[str, dict[str, Any]]:
    """Run one module; it gives one record or a list of them."""
    found = importlib.import_module(f"benchmarks.{name}").run()
    records = found if isinstance(found, list) else [found]
    return {
        str(record.get("name", name)): {
            "ours": record["ours"],
            "peer": record.get("peer"),
            "ratio": record["ours"] / record["peer"] if record.get("peer") else None,
            "unit": record["unit"],
            "runs": record["runs"],
        }
        for record in records
    }


def main(wanted: list[str]) -> None:
    """Run the modules asked for (all without a wish) and write the file."""
    # a script finds its own folder first: no file in it may be taken for a room or a library
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry).resolve() not in {here, ROOT})]
    out = ROOT / "var" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    results = json.loads(out.read_text("utf-8")) if wanted and out.exists() else {}
    for name in wanted or MODULES:
        found = measured(name)
        results |= found
        for key, record in found.items():
            ratio = f"{record['ratio']:.2f}" if record["ratio"] else "-"
            print(f"{key}: {record['ours']:.4g} {record['unit']} (peer {record['peer']}, ratio {ratio})")
    out.write_text(json.dumps(results, indent=1, default=str), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
