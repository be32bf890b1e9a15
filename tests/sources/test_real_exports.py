"""Real exports: the balance is exact and every cell of the file is counted."""

import csv
import json
import os
from pathlib import Path

import pytest
from made_deliveries import codes, delivery

from sources.catalogue import read_delivery
from sources.listing import list_folder

pytestmark = pytest.mark.realdata

ROOT = Path(os.environ.get("ECOPLAN_REALDATA") or Path(__file__).parents[2] / ".." / "shared" / "data")


def exports(folder: str, pattern: str):
    place = ROOT / folder
    if not place.is_dir():
        pytest.skip(f"no real exports at {place}: set ECOPLAN_REALDATA")
    return list_folder(place, pattern)


def csv_cells(content: bytes, labels: int) -> int:
    """Count value positions with the csv module: an independent reading of the same file."""
    rows = csv.reader(content.decode("utf-8-sig").splitlines())
    next(rows)
    return sum(max(len(row) - labels, 0) for row in rows)


@pytest.mark.parametrize("folder", ["national", "shandong_2019"])
def test_air(folder):
    for item in exports(f"air_quotsoft/{folder}", "*.csv"):
        content = item.path.read_bytes()
        result = read_delivery(content, delivery("air-quotsoft", item.name, content))
        assert result.cells_in == csv_cells(content, 3), item.name
        assert set(codes(result)) <= {"column-repeated", "line-truncated"}, item.name
        assert result.issued_stated


def test_quirks_of_the_national_files():
    found = {item.name[-12:-4]: item.path.read_bytes() for item in exports("air_quotsoft/national", "*.csv")}
    if not {"20190220", "20190531", "20190601", "20190823"} <= set(found):
        pytest.skip("another set of national files")
    read = {
        day: read_delivery(content, delivery("air-quotsoft", f"china_sites_{day}.csv", content))
        for day, content in found.items()
    }
    # the file of 0220 ends in its 107th line, after 932 of 1,608 fields
    assert [(problem.code, problem.row) for problem in read["20190220"].problems] == [("file-truncated", 107)]
    assert codes(read["20190220"]) == {"line-truncated": 1}
    # 3207A stands twice from 0601 on
    assert codes(read["20190531"]) == {}
    assert set(read["20190601"].rejects["site"]) == {"3207A"}
    # one hour only
    assert read["20190823"].readings["observed_at"].nunique() == 1


def test_water_answers():
    for item in exports("water_cnemc/api", "*.json"):
        content = item.path.read_bytes()
        rows = json.loads(content)["tbody"]
        result = read_delivery(content, delivery("water-cnemc-api", item.name, content))
        # five labels: province, basin, section, time, status
        assert result.cells_in == sum(len(row) - 5 for row in rows), item.name
        assert set(codes(result)) <= {"time-stale"}, item.name
        assert result.problems == []


def test_water_sections():
    for item in exports("water_cnemc/sections", "**/*.csv"):
        content = item.path.read_bytes()
        result = read_delivery(content, delivery("water-cnemc-section", item.name, content))
        assert result.cells_in == csv_cells(content, 5), item.name
        assert set(codes(result)) <= {"time-missing"}, item.name
        assert result.issued_stated
        assert result.readings["observed_at"].dt.year.isin([2021]).all()
