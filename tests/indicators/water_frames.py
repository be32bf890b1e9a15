"""Small frames for the tests of surface water, written as people write them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def water_readings(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """Rows of (site, time, parameter, text[, channel[, point]]); '0.05L' is a non-detect."""
    table = pd.DataFrame(
        [(*row, "manual")[:5] for row in rows], columns=["site", "at", "parameter", "text", "channel"]
    )
    text = table["text"].astype(str)
    below = text.str.endswith("L")
    frame = pd.DataFrame(
        {
            "site": table["site"].astype("str"),
            "observed_at": pd.to_datetime(table["at"], format="ISO8601").astype("datetime64[us]"),
            "parameter": table["parameter"].astype("str"),
            "value": text.str.rstrip("L").astype("float64"),
            "censor": np.where(below, "<", ""),
            "channel": table["channel"].astype("str"),
        }
    )
    frame["detection_limit"] = frame["value"].where(below)
    if any(len(row) > 5 for row in rows):
        frame["point"] = [str(row[5]) for row in rows]
    return frame


def water_sections(**sites: tuple[str, int | None]) -> pd.DataFrame:
    """Sections as site=(waterbody, target class)."""
    return pd.DataFrame(
        {
            "site": pd.Series(list(sites), dtype="str"),
            "waterbody": pd.Series([body for body, _ in sites.values()], dtype="str"),
            "target_class": pd.array([target for _, target in sites.values()], dtype="Int64"),
        }
    )


def text_pairs(text: str) -> dict[str, float]:
    """'tp=0.15;do=7' -> {'tp': 0.15, 'do': 7.0}."""
    return {name: float(value) for name, value in (pair.split("=") for pair in text.split(";") if pair)}
