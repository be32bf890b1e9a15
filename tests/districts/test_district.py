"""The two districts as data: what the plans say, and that a fault is named where it stands."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vocabulary.district import DistrictError, load_district, load_districts

ROOT = Path(__file__).resolve().parents[2] / "districts"

# plans/README.md, "The 21 headline indicators": typed from the table
PENDING = "完成市下达任务"
TARGETS = {
    "gaoxin": [42, 64.4, 0, 0, 0, PENDING, PENDING, 374.8, 685.9, 339.1, 9.4, *[PENDING] * 4,
               "有效保障", "稳中向好", *[PENDING] * 4],
    "chiping": [42, 65.3, 0, 0, 0, PENDING, 55, 2061.6, 1549.0, 958.3, 28.8, *[PENDING] * 4,
                "有效保障", "稳中向好", PENDING, PENDING, PENDING, 1.44],
}  # fmt: skip
BASELINES = {
    "gaoxin": {1: 52, 2: 64.2, 3: 0, 4: 0, 8: 176.4, 10: 158.5, 11: 15.7, 15: 100},
    "chiping": {1: 54, 2: 65.7, 3: 0, 4: 0, 7: 32, 8: 44.85, 10: 13.43, 11: 16.22, 15: 100, 18: 3.61,
                19: 30658, 20: 574.9},
}  # fmt: skip
KINDS = "CCCCEEECCCCCCEEEECEEC"
STARRED = {3, 4, 5, 8, 9, 10, 11, 16, 17}


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "chiping"
    shutil.copytree(ROOT / "chiping", target)
    return target


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize("key", ["chiping", "gaoxin"])
def test_the_plan_says_what_the_plan_says(key):
    plan = load_district(ROOT / key).plans[0]
    assert plan.id == "14FYP"
    assert (plan.first_year, plan.last_year) == (2021, 2025)
    said = [
        item.target[0].value if item.target[0].value is not None else item.target[0].text
        for item in plan.indicator
    ]
    assert said == TARGETS[key]
    assert {item.number: item.baseline[0].value for item in plan.indicator if item.baseline} == BASELINES[key]
    assert "".join("C" if item.kind == "binding" else "E" for item in plan.indicator) == KINDS
    assert {item.number for item in plan.indicator if item.basis_changed} == STARRED


def test_bracketed_baselines_of_chiping_keep_their_own_unit():
    plan = load_district(ROOT / "chiping").plans[0]
    for number in (8, 10, 11):
        indicator = plan.indicator[number - 1]
        assert indicator.unit == "t"
        assert indicator.baseline[0].unit == "%"


@pytest.mark.parametrize(
    ("key", "units"),
    [("chiping", ["t", "t", "万亩"]), ("gaoxin", ["万吨", "万吨", "万平方公里"])],
)
def test_units_differ_between_the_districts(key, units):
    assert [item.unit for item in load_district(ROOT / key).plans[0].indicator[18:]] == units


def test_the_next_plan_runs_from_2026_with_targets_pending():
    for district in load_districts(ROOT).values():
        assert district.plan_for(2025).id == "14FYP"
        plan = district.plan_for(2026)
        assert (plan.id, plan.first_year, plan.last_year) == ("15FYP", 2026, 2030)
        assert len(plan.indicator) == 21
        assert all(item.target[0].state == "pending" for item in plan.indicator)
        assert district.plan_for(2031) is None


def test_a_later_document_supersedes_a_target_from_its_day_on(folder):
    _replace(
        folder / "plan.toml",
        "[[indicator]]\nnumber = 2\n",
        '[[indicator.target]]\nyear = 2025\nvalue = 41\ndocument = "later"\nreference = ""\ndated = 2024-06-01\n\n'
        "[[indicator]]\nnumber = 2\n",
    )
    indicator = load_district(folder).plans[0].indicator[0]
    assert indicator.target_at(date(2024, 5, 31)).value == 42
    assert indicator.target_at(date(2024, 6, 1)).value == 41
    assert indicator.target_at(date(2021, 1, 1)).value == 42


def test_sites_have_the_contracts_columns_and_kinds():
    districts = load_districts(ROOT)
    for district in districts.values():
        assert district.sites["example"].all()
        assert district.sites["name"].str.contains("示例").all()
        assert district.is_example
        assert district.run_date == date(2026, 4, 1)
    levels = {key: set(d.sites.loc[d.sites["kind"] == "section", "level"]) for key, d in districts.items()}
    assert levels["chiping"] == {"国控", "省控", "区控"}
    assert "国控" not in levels["gaoxin"]
    assert str(districts["chiping"].sites["target_class"].dtype) == "Int64"
    assert districts["chiping"].sites["valid_to"].isna().all()


def test_every_source_has_exports_in_the_project():
    for district in load_districts(ROOT).values():
        for source in district.sources:
            assert not source.remote
            assert any(source.folder(ROOT.parent).glob(source.pattern)), source.key


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "words"),
    [
        ("sites.csv", "surface_water,国控", "surface_water,县控", "line 4", "level"),
        ("sites.csv", "CP-A1,茌平一中示例站,9101A", "CP-A1,茌平一中示例站,9102A", "line 3", "aliases"),
        ("sites.csv", "river,5,", "river,7,", "line 6", "target_class"),
        ("sites.csv", "key,name,aliases", "key,title,aliases", "line 1", "header"),
        ("sites.csv", "yes,示例断面\n", "yes\n", "line 4", "expected 18 fields, found 17"),
        ("sites.csv", "CP-S4,茌中河示例断面,", "CP-S3,茌中河示例断面,", "line 7", "stands already on line 6"),
        ("permit_limits.csv", "CP-G1,flue_so2_norm", "CP-G9,flue_so2_norm", "line 3", "'CP-G9'"),
        (
            "permit_limits.csv",
            "flue_so2_norm,hourly,35",
            "flue_so3_norm,hourly,35",
            "line 3",
            "flue_so3_norm",
        ),
        ("permit_limits.csv", "hourly,35", "hourly,-35", "line 3", "limit"),
        ("permit_limits.csv", "mg/m3,6,2021-01-01", "mg/m3,6,2021-13-01", "line 2", "valid_from"),
        ("district.toml", 'timezone = "Asia/Shanghai"', 'timezone = "Asia/Liaocheng"', "line 4", "timezone"),
        ("district.toml", 'key = "chiping"', 'key = "elsewhere"', "line 1", "folder's name 'chiping'"),
        ("district.toml", "ledger_start =", "ledger_begin =", "line", "ledger"),
        ("sources.toml", "late_days = 45", "late_days = -1", "line 18", "source.2.late_days"),
        ("sources.toml", 'key = "water-cnemc-api"', 'key = "air-quotsoft"', "[[source]]", "stands twice"),
        ("plan.toml", "value = 65.3", 'value = "many"', "", "indicator.2.target.1.value"),
        ("plan.toml", 'better = "lower"', 'better = "less"', "", "indicator.1.better"),
        ("plan.toml", 'district = "chiping"', 'district = "gaoxin"', "line 5", "district"),
        ("plan.toml", "number = 2\n", "number = 22\n", "line", "numbered"),
        ("plan_2026_2030.toml", "first_year = 2026", "first_year = 2025", "line", "baseline_year"),
        ("plan_2026_2030.toml", 'state = "pending"', "", "line", "either `value` or `state`"),
    ],
)
def test_an_error_names_file_line_key_and_what_was_expected(folder, file, old, new, line, words):
    _replace(folder / file, old, new)
    with pytest.raises(DistrictError) as caught:
        load_district(folder)
    message = str(caught.value)
    assert file in message
    assert line in message
    if not line:  # the line where the fault was put
        text = (folder / file).read_text("utf-8")
        assert f"line {text[: text.index(new)].count(chr(10)) + 1}: " in message
    assert words in message


def test_broken_toml_and_missing_or_unreadable_files_are_named(folder):
    (folder / "sources.toml").write_text("[[source]\n", "utf-8")
    with pytest.raises(DistrictError, match=r"sources\.toml.*line 1"):
        load_district(folder)
    (folder / "sources.toml").unlink()
    with pytest.raises(DistrictError, match=r"sources\.toml.*to exist"):
        load_district(folder)
    (folder / "sources.toml").write_bytes("title_zh = '空气'".encode("gb18030"))
    with pytest.raises(DistrictError, match=r"sources\.toml.*UTF-8"):
        load_district(folder)


def test_two_plans_may_not_cover_one_year(folder):
    _replace(folder / "plan.toml", "last_year = 2025", "last_year = 2026")
    with pytest.raises(DistrictError, match="14FYP and 15FYP overlap"):
        load_district(folder)


def test_a_folder_without_a_district_is_an_error(tmp_path):
    with pytest.raises(DistrictError, match="at least one"):
        load_districts(tmp_path)


def test_unknown_source_lists_the_known_ones():
    with pytest.raises(DistrictError, match="air-quotsoft, water-cnemc-section"):
        load_district(ROOT / "chiping").source("hj212")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["sites.csv", "permit_limits.csv", "district.toml", "sources.toml"]),
    at=st.integers(0, 2000),
    put=st.text(max_size=3),
)
def test_any_edit_either_loads_or_is_a_district_error(folder, name, at, put):
    file = folder / name
    whole = (ROOT / "chiping" / name).read_text("utf-8")
    at %= len(whole)
    file.write_bytes((whole[:at] + put + whole[at + 1 :]).encode("utf-8", "surrogatepass"))
    fault = None
    try:
        load_district(folder)
    except DistrictError as error:
        fault = str(error)
    finally:
        file.write_text(whole, "utf-8")
    assert fault is None or name in fault
