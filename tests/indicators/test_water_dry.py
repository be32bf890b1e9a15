"""Months without water to sample: told by readings `dry`, left out of the evaluation with their reason."""

import pandas as pd

from indicators.registry import load_standards
from indicators.water_dry import NOT_MEASURED, dry_sections
from indicators.water_evaluation import evaluate_sections

COLUMNS = ["site", "parameter", "observed_at", "value", "provider_flag", "channel"]


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    table["observed_at"] = pd.to_datetime(table["observed_at"])
    return table.assign(censor="", detection_limit=float("nan"))


READINGS = frame(
    ("a", "dry", "2026-03-06", 1.0, "断流", "manual"),
    ("b", "dry", "2026-03-01", 2.0, "结冰", "manual"),
    ("b", "nh3_n", "2026-03-20", 0.4, "", "manual"),
    ("c", "nh3_n", "2026-03-05", 1.2, "", "manual"),
    ("a", "nh3_n", "2026-04-05", 0.4, "", "manual"),
    ("d", "dry", "2026-03-06", 1.0, "断流", "manual"),
    ("d", "dry", "2026-03-16", 3.0, "河道施工", "manual"),
    ("d", "do", "2026-03-06", 0.5, "", "automatic"),
)


def test_months_without_a_sampling_are_listed_with_their_words():
    assert dry_sections(READINGS).to_dict("list") == {
        "site": ["a", "d"],
        "month": ["2026-03", "2026-03"],
        "reason": ["断流", "断流、河道施工"],
    }


def test_none_is_an_empty_frame():
    assert dry_sections(READINGS[READINGS["parameter"] != "dry"]).empty
    assert list(dry_sections(READINGS.iloc[:0]).columns) == ["site", "month", "reason"]


def test_the_evaluation_shows_the_reason_and_no_class():
    sections = pd.DataFrame({"site": ["a", "b", "c", "d"], "waterbody": "river", "target_class": 4})
    measured = READINGS[~READINGS["parameter"].isin(NOT_MEASURED)]
    result = evaluate_sections(
        measured, sections, "2026-03", registry=load_standards(), dry=dry_sections(READINGS)
    ).set_index("site")
    # GB 3838-2002 table 1: ammonia 0.4 is class Ⅱ, 1.2 class Ⅳ; the other two had no water
    assert result["class"].astype("Int64").fillna(0).to_dict() == {"a": 0, "b": 2, "c": 4, "d": 0}
    assert result["reason"].to_dict() == {"a": "断流", "b": "", "c": "", "d": "断流、河道施工"}
    assert result["valid"].to_dict() == {"a": False, "b": True, "c": True, "d": False}
