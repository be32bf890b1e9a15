"""The committed example exports: equal to a fresh generation, and what is planted is really there.

The files are read here with the csv and json modules only, not with the project's readers.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from statistics import fmean

import pytest

CHIPING, GAOXIN = "chiping", "gaoxin"


def _air(examples, district, name):
    text = (examples / "exports" / district / "air" / name).read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def _section_rows(examples, district):
    """Yield (section, time, class, situation, header -> cell) of every row, CSV then API."""
    for path in sorted((examples / "exports" / district / "water" / "sections").rglob("*.csv")):
        content = path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("gb18030")
        year = path.parent.name[:4]
        for row in csv.DictReader(io.StringIO(text, newline="")):
            time = datetime.strptime(f"{year}-{row['监测时间']}", "%Y-%m-%d %H:%M")
            yield row["断面名称"], time, row["水质类别"], row["站点情况"], row
    for path in sorted((examples / "exports" / district / "water" / "api").glob("*.json")):
        answer = json.loads(path.read_text("utf-8"))
        header = [cell.split("<br/>")[0] for cell in answer["thead"]]
        for cells in answer["tbody"]:
            row = dict(zip(header, cells, strict=True))
            if row["监测时间"] is not None:
                name = re.sub("<[^>]*>", "", row["断面名称"])
                time = datetime.strptime(f"{path.name[:4]}-{row['监测时间']}", "%Y-%m-%d %H:%M")
                yield name, time, row["水质类别"], row["站点情况"], row


def _of(planted, kind, district=None):
    return [item for item in planted if item["kind"] == kind and district in (None, item["district"])]


def test_the_committed_files_equal_a_fresh_generation(examples):
    done = subprocess.run(
        [sys.executable, str(examples / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal a fresh generation" in done.stdout


def test_a_changed_a_missing_and_a_foreign_file_are_found(examples, tmp_path, monkeypatch):
    import generate

    monkeypatch.setattr(generate, "HERE", tmp_path)
    files = {"exports/a.csv": b"1", "exports/b.csv": b"2", "planted.toml": b"", "README.md": b""}
    generate.write(files)
    assert generate.differences(files) == []
    (tmp_path / "exports/a.csv").write_bytes(b"9")
    (tmp_path / "exports/b.csv").unlink()
    (tmp_path / "exports/c.csv").write_bytes(b"3")
    assert generate.differences(files) == [
        "missing: exports/b.csv",
        "not generated: exports/c.csv",
        "differs: exports/a.csv",
    ]
    generate.write(files)
    assert generate.differences(files) == []


def test_every_planted_file_exists(examples, planted):
    known = {path.name for path in (examples / "exports").rglob("*") if path.is_file()}
    assert all(item["file"].rsplit("/", 1)[-1] in known for item in planted)
    assert len({item["kind"] for item in planted}) >= 20


def test_the_exports_stay_small(examples):
    size = sum(path.stat().st_size for path in (examples / "exports").rglob("*") if path.is_file())
    assert size < 15_000_000


@pytest.mark.parametrize(("district", "codes"), [(CHIPING, ["9101A", "9102A"]), (GAOXIN, ["9201A", "9202A"])])
def test_air_files_have_the_layout_of_the_release(examples, district, codes):
    days = sorted((examples / "exports" / district / "air").glob("china_sites_????????.csv"))
    assert len(days) == 456  # 455 days and the last hour of the last one
    rows = _air(examples, district, "china_sites_20250601.csv")
    assert rows[0] == ["date", "hour", "type", *codes]
    assert len(rows) == 1 + 24 * 15
    assert [row[1] for row in rows[1:16]] == ["0"] * 15
    content = (examples / "exports" / district / "air" / "china_sites_20250601.csv").read_bytes()
    assert content.count(b"\r\n") == 24 * 15
    assert not content.endswith(b"\n")
    last = _air(examples, district, "china_sites_20260401.csv")
    assert {row[1] for row in last[1:]} == {"0"}
    assert len(last) == 16


@pytest.mark.parametrize("district", [CHIPING, GAOXIN])
def test_trap_04_hour_0_of_the_next_file_ends_the_day(examples, district):
    """PM2.5_24h at hour 0 is the mean of hours 1 … 23 of the day before and hour 0."""
    for day in ("20250107", "20250608", "20251230"):
        following = (datetime.strptime(day, "%Y%m%d") + timedelta(days=1)).strftime("%Y%m%d")
        rows = [r for r in _air(examples, district, f"china_sites_{day}.csv")[1:] if r[1] != "0"]
        rows += [r for r in _air(examples, district, f"china_sites_{following}.csv")[1:] if r[1] == "0"]
        for column in (3, 4):
            hours = [int(r[column]) for r in rows if r[2] == "PM2.5" and r[column]]
            published = next(int(r[column]) for r in rows if r[2] == "PM2.5_24h" and r[1] == "0")
            assert published == round(fmean(hours))


@pytest.mark.parametrize(("month", "limit"), [("202602", 75), ("202603", 60)])
def test_the_feeds_own_aqi_changes_with_the_standard(examples, month, limit):
    """A PM2.5 hour at the daily limit of the edition has AQI 100, where no other item is higher."""
    seen = []
    for path in sorted((examples / "exports" / CHIPING / "air").glob(f"china_sites_{month}??.csv")):
        if path.name.endswith("01.csv"):
            continue  # hour 0 of the first belongs to the month before
        hours: dict[tuple[str, int], dict[str, str]] = {}
        for row in _air(examples, CHIPING, path.name)[1:]:
            for column in (3, 4):
                hours.setdefault((row[1], column), {})[row[2]] = row[column]
        seen += [
            (int(cells["AQI"]), int(cells["PM10"]))
            for cells in hours.values()
            if cells["PM2.5"] == str(limit) and cells["PM10"] and int(cells["O3"] or 0) < 160
        ]
    assert seen
    assert all(aqi == 100 for aqi, pm10 in seen if pm10 <= 120)


def test_pm2_5_of_2025_lies_above_the_target_in_chiping_and_below_in_gaoxin(examples):
    means = {}
    for district in (CHIPING, GAOXIN):
        values = [
            int(cell)
            for path in sorted((examples / "exports" / district / "air").glob("china_sites_2025????.csv"))
            for row in _air(examples, district, path.name)[1:]
            if row[2] == "PM2.5"
            for cell in row[3:5]
            if re.fullmatch(r"\d+", cell)
        ]
        means[district] = fmean(values)
    assert 42.5 < means[CHIPING] < 44.5
    assert 39 < means[GAOXIN] < 41


def test_the_correction_lowers_what_it_says_and_nothing_else(examples, planted):
    (item,) = _of(planted, "correction")
    first, second = (_air(examples, CHIPING, name) for name in ("china_sites_20250310.csv", item["file"]))
    changed = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    hourly = [(a, b) for a, b in changed if a[2] == "PM2.5"]
    assert len(hourly) == item["facts"]["hours"]
    assert all(int(a[3]) - int(b[3]) == item["facts"]["lower_by"] for a, b in hourly)
    assert {a[2] for a, _ in changed} <= {"PM2.5", "PM2.5_24h", "AQI"}
    assert all(a[4] == b[4] for a, b in changed)
    labels = {int(a[1]) for a, _ in hourly}
    assert labels == {hour + 1 for hour in range(8, 20)}


@pytest.mark.parametrize("kind", ["negative", "sentinel", "text-cell"])
def test_dirty_cells_stand_where_they_are_planted(examples, planted, kind):
    item = next(item for item in _of(planted, kind) if item["source"] == "air-quotsoft")
    label = datetime.fromisoformat(item["since"]).hour + 1
    rows = _air(examples, item["district"], item["file"])
    (cell,) = [row[3] for row in rows if row[1] == str(label) and row[2] == item["facts"]["parameter"]]
    assert cell == item["facts"]["raw"]


def test_broken_files_are_broken_as_said(examples, planted):
    (cut,) = _of(planted, "truncated")
    rows = _air(examples, CHIPING, cut["file"])
    assert rows[-1] == ["20250918", "23", "CO_24h", "0."]
    (repeated,) = _of(planted, "column-repeated")
    rows = _air(examples, GAOXIN, repeated["file"])
    assert rows[0][3:] == ["9201A", "9202A", "9202A"]
    assert sum(row[5] != "" for row in rows[1:]) == repeated["facts"]["cells"]
    (absent,) = _of(planted, "hour-absent")
    assert len(_air(examples, CHIPING, absent["file"])) == 1 + 23 * 15
    (same,) = _of(planted, "same-bytes")
    folder = examples / "exports" / CHIPING / "air"
    assert (folder / same["file"]).read_bytes() == (folder / "china_sites_20250520.csv").read_bytes()
    (short,) = _of(planted, "short-day")
    hours = [
        row[3] for row in _air(examples, CHIPING, short["file"])[1:] if row[2] == "PM2.5" and row[1] != "0"
    ]
    assert hours.count("") == 9
    marked = [
        path
        for path in (examples / "exports" / GAOXIN / "air").iterdir()
        if path.read_bytes()[:3] == b"\xef\xbb\xbf"
    ]
    assert len(marked) == _of(planted, "bom", GAOXIN)[0]["facts"]["files"]
    (out,) = _of(planted, "station-out")
    for day in range(13, 19):
        rows = [
            row
            for row in _air(examples, GAOXIN, f"china_sites_202601{day}.csv")[1:]
            if not row[2].endswith("h")
        ]
        assert {row[4] for row in rows} == {""}
    assert out["facts"]["days"] == 7


@pytest.mark.parametrize("district", [CHIPING, GAOXIN])
def test_worse_than_class_v_only_where_an_episode_is_planted(examples, planted, district):
    names = {"CP-S3": "茌新河示例断面", "GX-S1": "四新河示例断面", "GX-S2": "赵牛河示例断面"}
    expected = set()
    for item in [*_of(planted, "episode", district), *_of(planted, "single", district)]:
        time, last = (datetime.fromisoformat(item[end]) for end in ("since", "until"))
        while time <= last:
            expected.add((names[item["site"]], time))
            time += timedelta(hours=4)
    found = {(name, time) for name, time, label, *_ in _section_rows(examples, district) if label == "劣Ⅴ"}
    assert found == expected


def test_episodes_are_long_enough_recover_and_one_stays_open(planted):
    episodes = _of(planted, "episode")
    assert sorted(item["expect"] for item in episodes) == ["open", "resolved", "resolved"]
    assert all(item["facts"]["samples"] >= 2 for item in episodes)
    (opened,) = [item for item in episodes if item["expect"] == "open"]
    assert (opened["district"], opened["until"]) == (GAOXIN, "2026-03-31T20:00")
    recent = next(item for item in episodes if item["site"] == "CP-S3" and item["since"] > "2026")
    assert recent["facts"]["clears"] == "2026-03-29T08:00"


def test_a_high_value_under_repair_carries_no_class(examples, planted):
    (item,) = _of(planted, "under-repair")
    rows = [
        (label, row["氨氮"])
        for name, time, label, situation, row in _section_rows(examples, GAOXIN)
        if name == "班滑河示例断面" and situation == "维护" and time == datetime.fromisoformat(item["since"])
    ]
    ((label, cell),) = rows
    assert label == ""
    assert f"原始值：{item['facts']['value']}" in cell


def test_every_section_has_every_sample_once_but_the_planted_repeats(examples):
    for district, sections in ((CHIPING, 4), (GAOXIN, 3)):
        keys = [(name, time) for name, time, *_ in _section_rows(examples, district)]
        assert len({name for name, _ in keys}) == sections
        due = sections * 455 * 6
        absent = 0 if district == CHIPING else 3  # one answer without a time, two stale ones
        assert len(set(keys)) == due - absent
        repeats = 2  # chiping: a doubled and a corrected row; gaoxin: the stale ones
        assert len(keys) == len(set(keys)) + repeats


def test_the_corrected_row_comes_later_with_another_value(examples, planted):
    (item,) = _of(planted, "row-corrected")
    found = [
        row["总氮(mg/L)"]
        for name, time, _, _, row in _section_rows(examples, CHIPING)
        if name == "马颊河示例断面" and time == datetime.fromisoformat(item["since"])
    ]
    assert found == [item["facts"]["first"], "9.99"]


def _outlet_rows(examples, district, code):
    for path in sorted((examples / "exports" / district / "outlets" / code).glob("*.csv")):
        content = path.read_bytes()
        encoding = "utf-8-sig" if content[:3] == b"\xef\xbb\xbf" else "gb18030"
        lines = content.decode(encoding).splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("企业名称"))
        yield from csv.DictReader(lines[start:])


def test_outlets_exceed_only_where_planted_and_flagged_hours_are_kept_apart(examples, planted):
    rows = [row for row in _outlet_rows(examples, CHIPING, "CPDA001") if row["监测时间"]]
    assert len(rows) == 455 * 24
    above = [
        row
        for row in rows
        if row["氮氧化物折算浓度(mg/m3)"] != "--" and float(row["氮氧化物折算浓度(mg/m3)"]) > 50
    ]
    counted = [row["监测时间"] for row in above if row["标记"] == "N"]
    expected = []
    for item in _of(planted, "exceedance"):
        time = datetime.fromisoformat(item["since"])
        for _ in range(item["facts"]["hours"]):
            expected.append(f"{time:%Y-%m-%d %H}~{time.hour + 1:02d}")
            time += timedelta(hours=1)
    assert counted == expected
    (flagged,) = _of(planted, "exceedance-flagged")
    assert flagged["since"] == "2026-03-20T10:00"
    assert [row["监测时间"] for row in above if row["标记"] == "M"] == ["2026-03-20 10~11"]


def test_normalised_concentrations_follow_the_formula(examples):
    """C折 = C(21 - 6)/(21 - O2), HJ 212 D.2.3, to the cent."""
    for row in list(_outlet_rows(examples, CHIPING, "CPDA001"))[:500]:
        if not row["监测时间"] or "--" in row.values():
            continue
        exact = float(row["二氧化硫浓度(mg/m3)"]) * 15 / (21 - float(row["含氧量(%)"]))
        assert abs(float(row["二氧化硫折算浓度(mg/m3)"]) - exact) <= 0.00501


def test_a_stopped_outlet_says_so_and_every_month_ends_in_summary_rows(examples, planted):
    rows = list(_outlet_rows(examples, CHIPING, "CPDA002"))
    stopped = [row for row in rows if row["含氧量(%)"] == "停运"]
    assert len(stopped) == _of(planted, "stopped")[0]["facts"]["hours"]
    assert {row["标记"] for row in stopped} == {"F"}
    summaries = [row["企业名称"] for row in rows if not row["监测时间"]]
    assert summaries == ["平均值", "最大值", "最小值", "排放总量"] * 3


def test_one_hour_of_sewage_is_above_its_daily_limit(examples, planted):
    (item,) = _of(planted, "warning")
    rows = [row for row in _outlet_rows(examples, CHIPING, "CPDW001") if row["监测时间"]]
    above = [
        row["监测时间"] for row in rows if row["COD浓度(mg/L)"] != "--" and float(row["COD浓度(mg/L)"]) > 50
    ]
    assert above == ["2026-03-10 14~15"]
    assert item["facts"]["value"] == 61.0
