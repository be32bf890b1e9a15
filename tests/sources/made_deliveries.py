"""Small deliveries made by hand for the reader tests."""

import hashlib
from datetime import datetime

import pandas as pd

from sources.delivery import Delivery
from sources.result import ReadResult


def delivery(
    source: str, name: str, content: bytes, modified_at: datetime = datetime(2026, 5, 1, 9)
) -> Delivery:
    sha256 = hashlib.sha256(content).hexdigest()
    return Delivery("chiping", source, name, sha256, len(content), modified_at)


def codes(result: ReadResult) -> dict[str, int]:
    return result.rejects.groupby("code")["cells"].sum().to_dict()


def one(frame: pd.DataFrame, **where: object) -> pd.Series:
    """Return the only row of a frame that has these values."""
    chosen = frame
    for column, wanted in where.items():
        chosen = chosen[chosen[column] == wanted]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]
