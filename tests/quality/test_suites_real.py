"""Every real export, judged: the fast way and the library's slow row-id mode name the same rows; what is refused.

A quick run takes the first three files of each pattern and prints how many; `make thorough` takes all.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quality.engine import run
from quality.judge import DeliveryFacts, judge, judged_frame, terms
from quality.suites import suite_for
from sources.catalogue import read_delivery
from sources.delivery import Delivery
from sources.result import ReadResult

pytestmark = pytest.mark.realdata

REAL = Path(os.environ.get("ECOPLAN_REALDATA") or Path(__file__).parents[2] / ".." / "shared" / "data")

#: source -> its files; a handful of sources, so that a new folder of exports is one line
FILES = {
    "air-quotsoft": ("air_quotsoft/national/*.csv", "air_quotsoft/shandong_2019/*.csv"),
    "air-quotsoft-long": ("air_quotsoft/*_long.csv",),
    "air-cnemc-feed": ("air_cnemc_feed/*.json",),
    "air-pm25in": ("air_pm25in/*.csv",),
    "air-city-daily": ("mislabelled/*.csv",),
    "water-cnemc-api": ("water_cnemc/api/**/*.json",),
    "water-cnemc-section": ("water_cnemc/sections/**/*.csv",),
    "hj212": ("hj212/*",),
}

#: files of a pattern in `make test`; `make thorough` takes them all
QUICK = 3

#: readings judged at once: the memory of a small machine
CHUNK = 1_500_000


def exports(source: str, kept: int | None = QUICK) -> list[Path]:
    by_pattern = [sorted(path for path in REAL.glob(pattern) if path.is_file()) for pattern in FILES[source]]
    found = sorted(path for paths in by_pattern for path in paths[:kept])
    if not found:
        pytest.skip(f"no real exports of {source} under {REAL}: set ECOPLAN_REALDATA")
    return found


def read(source: str, path: Path) -> ReadResult:
    content = path.read_bytes()
    name = path.relative_to(REAL).as_posix()
    sha256 = hashlib.sha256(content).hexdigest()
    return read_delivery(content, Delivery("real", source, name, sha256, len(content), datetime(2026, 1, 1)))


def facts(result: ReadResult) -> DeliveryFacts:
    return DeliveryFacts(
        cells_in=result.cells_in,
        blank=result.blank,
        rejected=result.rejects.groupby("code")["cells"].sum().to_dict(),
        issued_at=result.issued_at if result.issued_stated else None,
    )


def chunks(source: str, kept: int | None = QUICK) -> Iterator[list[tuple[str, ReadResult]]]:
    part: list[tuple[str, ReadResult]] = []
    for path in exports(source, kept):
        part.append((path.name, read(source, path)))
        if sum(len(result.readings) for _, result in part) > CHUNK:
            yield part
            part = []
    if part:
        yield part


def together(part: list[tuple[str, ReadResult]]) -> pd.DataFrame:
    return pd.concat(
        [result.readings.assign(delivery=n) for n, (_, result) in enumerate(part)], ignore_index=True
    )


@pytest.mark.parametrize(
    "kept", [QUICK, pytest.param(None, marks=pytest.mark.thorough)], ids=["first", "all"]
)
@pytest.mark.parametrize("source", sorted(FILES))
def test_both_ways_name_the_same_rows_of_all_real_exports_and_none_but_the_liar_is_refused(source, kept):
    suite = suite_for(source).expectations
    rows = named = deliveries = 0
    said: Counter[tuple[str, str]] = Counter()
    for part in chunks(source, kept):
        readings = together(part)
        frame = judged_frame(readings)
        fast = run(frame, suite, terms())
        # ids unlike the index, so that the slow mode cannot lean on it
        slow = run(frame.assign(row_id=np.arange(len(frame)) * 7 + 3), suite, terms(), id_column="row_id")
        for ours, theirs in zip(fast, slow, strict=True):
            assert ours.expectation is theirs.expectation
            np.testing.assert_array_equal(ours.rows * 7 + 3, theirs.rows)
            assert (ours.evaluated, ours.success) == (theirs.evaluated, theirs.success)
            named += len(ours.rows)
        judged = judge(
            readings,
            source=source,
            deliveries=[name for name, _ in part],
            facts={n: facts(result) for n, (_, result) in enumerate(part)},
        )
        assert {number: refusal.code for number, refusal in judged.refused.items()} == (
            {0: "columns-lie"} if source == "air-city-daily" else {}
        )
        for remark in judged.remarks:
            said[remark.severity, remark.code] += 1
        rows += len(frame)
        deliveries += len(part)
    print(
        f"\n{source}: {deliveries} deliveries, {rows} readings x {len(suite)} expectations, {named} rows named, the same both ways; {dict(said)}"
    )
    assert rows


def test_the_ways_agree_where_real_exports_fail():
    """Real exports hardly fail, so a tenth of real rows is spoilt in every way that the suite knows."""
    readings = together(next(chunks("water-cnemc-section")))
    spoilt = np.random.default_rng(20261121).choice(len(readings), len(readings) // 10, replace=False)
    ways = np.array_split(spoilt, 8)
    for rows, (column, value) in zip(
        ways,
        [
            ("value", np.nan),
            ("value", -9999.0),
            ("value", -0.5),
            ("value", 1e12),
            ("site", ""),
            ("parameter", "made_up"),
            ("channel", "telepathic"),
            ("censor", "~"),
        ],
        strict=True,
    ):
        readings.loc[rows, column] = value
    frame = judged_frame(readings)
    suite = suite_for("water-cnemc-section").expectations
    fast = run(frame, suite, terms())
    slow = run(frame.assign(row_id=frame.index), suite, terms(), id_column="row_id")
    assert sum(len(outcome.rows) for outcome in fast) >= len(spoilt)
    for ours, theirs in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(ours.rows, theirs.rows)


def test_the_mislabelled_file_is_refused_whole_with_its_reason():
    for path in exports("air-city-daily"):
        result = read("air-city-daily", path)
        assert len(result.readings) > 3000
        judged = judge(
            result.readings, source="air-city-daily", deliveries=[path.name], facts={0: facts(result)}
        )
        refusal = judged.refused[0]
        print(f"\n{path.name}: {refusal.code}\n  {refusal.zh}\n  {refusal.en}")
        assert refusal.code == "columns-lie"
        assert "pm2_5 大于 pm10" in refusal.zh
        assert judged.accepted.empty
        assert judged.refused_cells()["cells"].tolist() == [len(result.readings)]
