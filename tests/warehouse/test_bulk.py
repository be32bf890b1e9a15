"""Frames on their way into the engine: every cell arrives as it left."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import select

from warehouse import bulk
from warehouse.engine import Warehouse


def test_text_put_together_from_empty_and_full_parts_arrives_whole(warehouse: Warehouse) -> None:
    empty = pd.DataFrame({"name": pd.Series([], dtype="str"), "number": pd.Series([], dtype="int64")})
    full = pd.DataFrame({"name": pd.Series(["甲", "", 'a "b", c', "x\ny"], dtype="str"), "number": range(4)})
    frame = pd.concat([empty, full, empty, full], ignore_index=True)
    with warehouse.begin() as connection:
        bulk.stage(connection, "staged_parts", frame)
        staged = bulk.staged("staged_parts", frame)
        found = bulk.fetch(connection, select(staged.c.name, staged.c.number))
        bulk.unstage(connection, "staged_parts")
    expected = ["甲", "", 'a "b", c', "x\ny"]
    assert sorted(zip(found["number"], found["name"], strict=True)) == sorted(
        [*enumerate(expected), *enumerate(expected)]
    )
