"""The reading (监测值): the one long frame that every room passes on.

Source: docs/architecture.md, "Contracts". A reading is identified by `KEY`; the other columns
say what was measured, how it was delivered and where in the delivery it stands.
"""

from __future__ import annotations

import pandas as pd

#: identity of a reading
KEY: tuple[str, ...] = ("district", "site", "parameter", "period", "observed_at")
#: the same within one district
DISTRICT_KEY: tuple[str, ...] = KEY[1:]

#: column -> pandas dtype of the long frame of readings.
#: observed_at is the START of the interval, Asia/Shanghai wall time without zone.
#: value is in the parameter's canonical unit; raw is the text as delivered;
#: censor is '' | '<' | '>'; provider_flag is '' when the provider gave none;
#: row is the 1-based physical line (or row of `sheet`; or 1-based item of a JSON body).
READING_DTYPES: dict[str, str] = {
    "district": "str",
    "site": "str",
    "parameter": "str",
    "period": "str",
    "observed_at": "datetime64[us]",
    "value": "float64",
    "raw": "str",
    "censor": "str",
    "detection_limit": "float64",
    "provider_flag": "str",
    "channel": "str",
    "sheet": "str",
    "row": "int64",
    "column": "str",
}

#: column -> dtype of the frame of rejected cells (they become quarantine rows).
#: observed_at may be NaT and site, parameter, period '' where they are not known;
#: `code` is a key of vocabulary/data/reasons.toml; `cells` is how many value positions the row stands for.
REJECT_DTYPES: dict[str, str] = {
    "district": "str",
    "site": "str",
    "parameter": "str",
    "period": "str",
    "observed_at": "datetime64[us]",
    "raw": "str",
    "sheet": "str",
    "row": "int64",
    "column": "str",
    "code": "str",
    "cells": "int64",
}

#: time granularity (时间粒度) of a reading
PERIODS: tuple[str, ...] = ("1h", "4h", "8h", "24h", "1d", "1mo", "1q", "1y", "sample", "event")

CHANNELS: tuple[str, ...] = ("automatic", "manual")
CENSORS: tuple[str, ...] = ("", "<", ">")


def _empty(dtypes: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in dtypes.items()})


def empty_readings() -> pd.DataFrame:
    """Return a frame of readings with no rows and the contract's columns and dtypes."""
    return _empty(READING_DTYPES)


def empty_rejects() -> pd.DataFrame:
    """Return a frame of rejected cells with no rows and the contract's columns and dtypes."""
    return _empty(REJECT_DTYPES)


def as_readings(frame: pd.DataFrame) -> pd.DataFrame:
    """Put columns in contract order with contract dtypes; a missing column is a KeyError."""
    return frame[list(READING_DTYPES)].astype(READING_DTYPES)


def as_rejects(frame: pd.DataFrame) -> pd.DataFrame:
    """Put columns in contract order with contract dtypes; a missing column is a KeyError."""
    return frame[list(REJECT_DTYPES)].astype(REJECT_DTYPES)
