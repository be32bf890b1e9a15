"""Class of a sampling: items, main pollutants, multiples, attainment, the edition of the day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from water_frames import water_readings, water_sections

from indicators.registry import NoStandardError, Registry, default_registry, load_standards
from indicators.water_class import SAMPLE_COLUMNS, classify_samples, classify_values

REGISTRY = default_registry()
STANDARD = REGISTRY.get("GB3838-2002")
SECTIONS = water_sections(R=("river", 4), L=("lake", 3), N=("river", None), Q=("", 3))
T = "2026-10-01T08:00"


def sample(
    site: str, registry: Registry = REGISTRY, at: str = T, standard: str | None = None, **items: str
) -> pd.Series:
    readings = water_readings([(site, at, item, value) for item, value in items.items()])
    result = classify_samples(readings, SECTIONS, registry=registry, standard=standard)
    assert list(result.columns) == list(SAMPLE_COLUMNS)
    assert len(result) == 1
    return result.iloc[0]


def test_the_worst_item_gives_the_class() -> None:
    row = sample("R", ph="7.5", do="8", cod_mn="6", nh3_n="1.2", tp="0.1")
    assert row["class"] == 4
    assert row["items"] == "ph,do,cod_mn,nh3_n,tp"
    assert row["items_used"] == 5
    assert (row["worst"], row["multiples"]) == ("nh3_n", "nh3_n=0.2")
    assert row["target_class"] == 4
    assert row["attained"]
    assert not row["nd_limited"]
    assert row["standard"] == "GB3838-2002"


def test_main_pollutants_by_class_then_multiple_and_three_at_most() -> None:
    # 劣Ⅴ: bod5 (4.0), cod (2.0), do (no multiple); Ⅳ: nh3_n (0.2)
    row = sample("R", cod="60", bod5="20", do="1", nh3_n="1.2")
    assert row["class"] == 6
    assert row["worst"] == "bod5,cod,do"
    assert row["multiples"] == "bod5=4.0;cod=2.0"
    assert not row["attained"]


def test_heavy_metals_and_cyanide_come_first() -> None:
    row = sample("R", nh3_n="3", pb="0.06", cyanide="0.3")
    assert row["worst"] == "cyanide,pb,nh3_n"
    assert row["multiples"] == "cyanide=0.5;pb=0.2;nh3_n=2.0"


def test_lead_within_class_iii_does_not_come_first() -> None:
    assert sample("R", nh3_n="3", pb="0.05")["worst"] == "nh3_n"


def test_multiples_are_rounded_half_even_with_one_decimal() -> None:
    # (0.25 - 0.2) / 0.2 = 0.25 -> 0.2; (0.27 - 0.2) / 0.2 = 0.35 -> 0.4
    assert sample("R", tp="0.25")["multiples"] == "tp=0.2"
    assert sample("R", tp="0.27")["multiples"] == "tp=0.4"


def test_ph_beyond_its_range_is_worse_than_v_without_a_multiple() -> None:
    row = sample("R", ph="9.01", do="8")
    assert (row["class"], row["worst"], row["multiples"]) == (6, "ph", "")


def test_no_main_pollutant_up_to_class_iii() -> None:
    row = sample("R", cod_mn="6", tp="0.2", do="5")
    assert (row["class"], row["worst"], row["multiples"]) == (3, "", "")


def test_single_values_are_not_rounded() -> None:
    assert sample("R", do="1.99")["class"] == 6
    assert sample("R", nh3_n="0.151")["class"] == 2


def test_items_that_never_take_part() -> None:
    row = sample("L", tn="9", fecal_coliform="90000", water_temp="40", turbidity="500", cod_mn="2")
    assert (row["class"], row["items"]) == (1, "cod_mn")
    nothing = sample("L", tn="9")
    assert pd.isna(nothing["class"])
    assert pd.isna(nothing["attained"])
    assert (nothing["items_used"], nothing["items"]) == (0, "")


def test_total_phosphorus_needs_the_kind_of_water() -> None:
    assert sample("L", tp="0.2")["class"] == 5
    assert sample("R", tp="0.2")["class"] == 3
    for site in ("Q", "unregistered"):
        row = sample(site, tp="0.2", cod_mn="3")
        assert (row["class"], row["items"]) == (2, "cod_mn")


def test_no_target_no_attainment() -> None:
    row = sample("N", cod_mn="3")
    assert pd.isna(row["target_class"])
    assert pd.isna(row["attained"])
    assert pd.isna(sample("unregistered", cod_mn="3")["attained"])


def test_trap_11_half_a_detection_limit_above_the_limit_is_marked() -> None:
    # 0.1L TP counts 0.05: Ⅱ in a river, Ⅲ in a lake, though nothing was found
    row = sample("R", tp="0.1L")
    assert (row["class"], row["nd_limited"]) == (2, True)
    row = sample("L", tp="0.1L", cod_mn="3")
    assert (row["class"], row["nd_limited"]) == (3, True)
    # a detected item is as bad: the class does not hang on the non-detect
    assert not sample("L", tp="0.1L", cod_mn="5")["nd_limited"]
    # half the limit is within class Ⅰ
    assert not sample("R", tp="0.01L")["nd_limited"]


def test_a_value_beyond_the_range_of_the_method_counts_as_its_bound() -> None:
    readings = water_readings([("R", T, "cod", "50")]).assign(censor=">")
    assert classify_samples(readings, SECTIONS, registry=REGISTRY)["class"].tolist() == [6]


def test_of_a_repeated_key_the_last_row_counts() -> None:
    readings = water_readings([("R", T, "cod_mn", "20"), ("R", T, "cod_mn", "3")])
    assert classify_samples(readings, SECTIONS, registry=REGISTRY)["class"].tolist() == [2]


def test_points_of_one_sampling_are_averaged_first() -> None:
    rows = [("R", T, "cod_mn", "20", "manual", "left"), ("R", T, "cod_mn", "4", "manual", "right")]
    rows += [("R", T, "tp", "0.04L", "manual", "left"), ("R", T, "tp", "0.04L", "manual", "right")]
    result = classify_samples(water_readings(list(rows)), SECTIONS, registry=REGISTRY)
    # 12 mg/L is class Ⅴ, neither Ⅱ nor 劣Ⅴ
    assert result["class"].tolist() == [5]
    # pH 5 and 9 together carry the acid of pH 5.3
    acid = [("R", T, "ph", "5", "manual", "left"), ("R", T, "ph", "9", "manual", "right")]
    assert classify_samples(water_readings(list(acid)), SECTIONS, registry=REGISTRY)["class"].tolist() == [6]


def next_edition() -> Registry:
    """A made-up later edition with a stricter TP, in force from 2026-07-01."""
    limits = {**STANDARD.tables["limits"]}
    limits["tp_river"] = {**limits["tp_river"], "limits": [0.01, 0.05, 0.1, 0.2, 0.3]}
    later = replace(
        STANDARD, id="GB3838-X", valid_from=dt.date(2026, 7, 1), tables={**STANDARD.tables, "limits": limits}
    )
    others = [item for item in REGISTRY.all() if item is not STANDARD]
    return Registry((*others, replace(STANDARD, valid_to=dt.date(2026, 6, 30)), later))


def test_the_edition_of_the_day_row_by_row() -> None:
    readings = water_readings(
        [("R", "2026-06-30T23:59", "tp", "0.2"), ("R", "2026-07-01T00:00", "tp", "0.2")]
    )
    result = classify_samples(readings, SECTIONS, registry=next_edition())
    assert result["class"].tolist() == [3, 4]
    assert result["standard"].tolist() == ["GB3838-2002", "GB3838-X"]
    asked = classify_samples(readings, SECTIONS, registry=next_edition(), standard="GB3838-X")
    assert asked["class"].tolist() == [4, 4]
    with pytest.raises(NoStandardError):
        classify_samples(readings, SECTIONS, registry=REGISTRY, standard="GB3838-X")


def test_days_before_every_edition_are_listed_not_judged() -> None:
    row = sample("R", at="1999-01-01T00:00", cod_mn="3")
    assert pd.isna(row["class"])
    assert row["standard"] == ""


def test_an_overruled_limit_shows_in_the_result(tmp_path: Path) -> None:
    path = tmp_path / "standards.toml"
    rule = '[[rule]]\nstandard = "GB3838-2002"\npath = "{}"\nvalue = {}\ndocument = "文件"\n'
    path.write_text(rule.format("limits.tp_river.3", 0.15), "utf-8")
    row = sample("R", registry=load_standards(path), tp="0.2")
    assert (row["class"], row["standard"]) == (4, "GB3838-2002+district")
    path.write_text(
        rule.format("main_pollutants.section.most", 1).replace("GB3838-2002", "MEP22-2011"), "utf-8"
    )
    row = sample("R", registry=load_standards(path), tp="0.5", cod="90")
    assert (row["worst"], row["standard"]) == ("cod", "GB3838-2002+district")


def test_oxygen_by_saturation_only_where_a_district_turns_it_on(tmp_path: Path) -> None:
    path = tmp_path / "standards.toml"
    path.write_text(
        '[[rule]]\nstandard = "GB3838-2002"\npath = "do_saturation.river.enabled"\nvalue = true\ndocument = "文件"\n',
        "utf-8",
    )
    on = load_standards(path)
    # at 25 degC 468/(31.6+25) = 8.2686 mg/L, 90 % of it 7.4417
    assert sample("R", do="7.45", water_temp="25")["class"] == 2
    assert sample("R", registry=on, do="7.45", water_temp="25")["class"] == 1
    assert sample("R", registry=on, do="7.44", water_temp="25")["class"] == 2
    assert sample("R", registry=on, do="7.45")["class"] == 2


def test_what_is_wrong_is_named() -> None:
    readings = water_readings([("R", T, "cod_mn", "3")])
    with pytest.raises(ValueError, match="mode 'monthly'"):
        classify_samples(readings, SECTIONS, registry=REGISTRY, mode="monthly")
    with pytest.raises(ValueError, match="'R' stands twice"):
        classify_samples(readings, pd.concat([SECTIONS, SECTIONS]), registry=REGISTRY)
    with pytest.raises(ValueError, match="waterbody 'sea'"):
        classify_samples(readings, water_sections(R=("sea", 3)), registry=REGISTRY)


def test_no_readings_no_rows() -> None:
    readings = water_readings([("R", T, "cod_mn", "3")])[:0]
    result = classify_samples(readings, SECTIONS, registry=REGISTRY)
    assert result.empty
    assert list(result.columns) == list(SAMPLE_COLUMNS)


ITEM = st.sampled_from(["ph", "do", "cod_mn", "nh3_n", "tp", "tn", "hg"])
ROW = st.tuples(
    st.sampled_from(["R", "L", "N", "Q"]),
    st.integers(0, 3),
    ITEM,
    st.floats(0, 20).map(lambda x: round(x, 3)),
)


@given(st.lists(ROW, min_size=1, max_size=40, unique_by=lambda row: row[:3]), st.randoms())
@settings(max_examples=60, deadline=None)
def test_class_is_the_worst_item_in_any_order_of_rows(
    rows: list[tuple[str, int, str, float]], random: object
) -> None:
    written = [(site, f"2026-10-0{day + 1}T08:00", item, f"{value:.3f}") for site, day, item, value in rows]
    result = classify_samples(water_readings(written), SECTIONS, registry=REGISTRY)
    random.shuffle(written)  # type: ignore[attr-defined]
    shuffled = classify_samples(water_readings(written), SECTIONS, registry=REGISTRY)
    pd.testing.assert_frame_equal(result, shuffled)
    body = SECTIONS.set_index("site")["waterbody"]
    expected: dict[tuple[str, int], int] = {}
    for site, day, item, value in rows:
        number = 0 if item == "tn" else int(classify_values(item, [value], body[site], STANDARD)[0])
        expected[site, day] = max(expected.get((site, day), 0), number)
    found = {
        (site, at.day - 1): number
        for site, at, number in zip(
            result["site"], result["observed_at"], result["class"].fillna(0).astype(int), strict=True
        )
    }
    assert found == expected
    assert (result["worst"] != "").tolist() == (result["class"].fillna(0) >= 4).tolist()
