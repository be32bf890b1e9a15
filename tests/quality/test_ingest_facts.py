"""What the reader turned away and what the ledger holds reach the judge, in a night as in a preview."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pandas as pd
import pytest

from flows.facts import expected_of, over
from flows.sniff import sniff_file
from quality.batch import Expected
from tests.flows.slices import empty_slice, run_night
from vocabulary.reading import REJECT_DTYPES, as_rejects, empty_readings
from warehouse.engine import Warehouse
from warehouse.load import Unit, load_batch

STATIONS = "9101A,9102A,9103A"


def export(numbers: int, words: int) -> str:
    """Give 24 hours of PM2.5 at three stations: numbers, then words, then nothing."""
    cells = ["35"] * numbers + ["维护中?"] * words + [""] * (72 - numbers - words)
    lines = [f"20250310,{hour},PM2.5,{','.join(cells[3 * hour : 3 * hour + 3])}" for hour in range(24)]
    return "\n".join([f"date,hour,type,{STATIONS}", *lines]) + "\n"


@pytest.fixture
def night(tmp_path):
    def walk(text: str):
        made = empty_slice(tmp_path)
        made.use({"chiping": ("air-quotsoft",)})
        path = made.folder("chiping", "air-quotsoft") / "china_sites_20250310.csv"
        path.write_text(text, "utf-8")
        run, _ = run_night(made)
        return run.summary.sources[0], sniff_file(path)

    return walk


def test_a_delivery_that_is_mostly_words_is_refused_whole(night):
    report, preview = night(export(30, 42))
    delivery = report.deliveries[0]
    assert (delivery["state"], delivery["code"]) == ("refused", "mostly-bad")
    # the balance holds: 72 cells, all of them in quarantine
    assert (delivery["cells_in"], delivery["quarantined"], delivery["new"]) == (72, 72, 0)
    assert "将被拒收" in str(preview["problems"])


def test_a_delivery_with_as_many_numbers_is_loaded(night):
    report, preview = night(export(36, 36))
    delivery = report.deliveries[0]
    assert delivery["state"] == "loaded"
    assert (delivery["cells_in"], delivery["quarantined"], delivery["new"]) == (72, 36, 36)
    assert "将被拒收" not in str(preview["problems"])


def unit(number: int, cells: int, partition: str, **more: object) -> Unit:
    issued = datetime(2026, 4, 1)
    made = Unit(
        *(
            "chiping",
            "air-quotsoft",
            partition,
            f"{number:064d}",
            f"{number}.csv",
            1,
            issued,
            issued,
            "utf-8",
        ),
        cells_in=cells,
        blank=cells,
    )
    return replace(made, **more)


def test_the_ledger_expects_the_median_of_its_last_deliveries_of_the_kind(warehouse: Warehouse):
    held = [10, 20, 30, 40, 100]
    units = [unit(n, 100, f"2025-03-{n + 1:02d}", blank=100 - cells) for n, cells in enumerate(held)]
    # what they hold was turned away: it counts as content all the same
    turned_away = pd.DataFrame(dict.fromkeys(REJECT_DTYPES, ""), index=range(len(held))).assign(
        observed_at=pd.NaT, row=1, code="not-a-number", cells=held
    )
    with warehouse.begin() as connection:
        assert expected_of(connection, units, date(2026, 4, 1)) == {}
        load_batch(
            connection,
            units,
            empty_readings().assign(delivery=0).astype({"delivery": "int64"}),
            as_rejects(turned_away).assign(delivery=range(len(held))),
            now=datetime(2026, 4, 1),
        )
    batch = [
        unit(10, 100, "2025-03-10"),
        unit(11, 100, "2025-03"),
        unit(12, 100, "2025-03-02"),
        unit(13, 100, "2026-04-01"),
    ]
    with warehouse.read() as connection:
        found = expected_of(connection, batch, date(2026, 4, 1))
    # median 30; a tenth of the way from the smallest is 10 + 0.4 x 10. No month is in the ledger, and the day of
    # the run is not over
    assert found == dict.fromkeys((0, 2), Expected(30.0, 14.0, 5))


def test_a_month_is_over_when_it_has_ended_and_was_issued_after():
    april = date(2026, 4, 1)
    assert over(unit(0, 1, "2026-03"), april)
    assert not over(unit(0, 1, "2026-03", issued_at=datetime(2026, 3, 31, 12)), april)
    assert not over(unit(0, 1, "2026-04"), april)
    assert not over(unit(0, 1, "2026-04-01", issued_at=datetime(2026, 4, 2)), april), "the day of the run"
    assert over(unit(0, 1, ""), april), "it names no time of its own"
