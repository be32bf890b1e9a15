"""Item values classified a second on one core: GB 3838-2002, the five items of the automatic stations."""

from __future__ import annotations

import time

import numpy as np

from indicators.registry import default_registry
from indicators.water_class import classify_values

ITEMS = {"ph": (5.5, 9.5), "do": (1.0, 12.0), "cod_mn": (0.5, 18.0), "nh3_n": (0.02, 3.0), "tp": (0.005, 0.6)}
VALUES_AN_ITEM = 400_000
RUNS = 5


def run() -> dict[str, object]:
    """Return the best and all runs in item values a second (`unit` 1/s)."""
    standard = default_registry().get("GB3838-2002")
    random = np.random.default_rng(3838)
    values = {name: random.uniform(low, high, VALUES_AN_ITEM) for name, (low, high) in ITEMS.items()}
    waterbody = np.where(random.random(VALUES_AN_ITEM) < 0.2, "lake", "river").astype(object)
    rates = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for name, of_item in values.items():
            classify_values(name, of_item, waterbody, standard)
        rates.append(VALUES_AN_ITEM * len(ITEMS) / (time.perf_counter() - begun))
    return {"name": "water_classification", "ours": max(rates), "unit": "item values/s", "runs": rates}


if __name__ == "__main__":
    print(run())
