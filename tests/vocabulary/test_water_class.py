"""Every spelling of a water class that exports carry."""

from __future__ import annotations

import pandas as pd
import pytest

from vocabulary.water_class import SIGNS, class_sign, class_signs, parse_class, parse_classes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(sign, number) for number, sign in enumerate(SIGNS, start=1)],
        ("III", 3),
        ("iii", 3),
        ("Ⅲ类", 3),
        ("III类", 3),
        ("三类", 3),
        ("三", 3),
        ("3", 3),
        ("３", 3),
        (" Ⅲ \n类", 3),
        ("ⅲ", 3),
        ("Ⅳ类", 4),
        ("IV", 4),
        ("劣V", 6),
        ("劣Ⅴ类", 6),
        ("劣五类", 6),
        ("劣5类", 6),
        ("劣于Ⅴ类", 6),
        ("＞Ⅴ", 6),
        ("6", 6),
        ("Ⅱ类水质", 2),
        ("一类", 1),
    ],
)
def test_spellings(text: str, expected: int) -> None:
    assert parse_class(text) == expected


@pytest.mark.parametrize("text", ["", "-", "--", "七类", "0", "7", "VI", "劣", "劣Ⅳ", "达标", "3.0"])
def test_unknown_is_not_guessed(text: str) -> None:
    assert parse_class(text) is None


def test_columns_both_ways() -> None:
    parsed = parse_classes(pd.Series(["Ⅲ", None, "劣V", "?"], index=[3, 4, 5, 6]))
    assert parsed.dtype == "Int8"
    assert parsed.index.tolist() == [3, 4, 5, 6]
    assert parsed.fillna(0).tolist() == [3, 0, 6, 0]
    assert class_signs(parsed).tolist() == ["Ⅲ", "", "劣Ⅴ", ""]
    assert class_signs(pd.Series([], dtype="Int8")).tolist() == []


def test_sign_and_class_are_inverse() -> None:
    assert [parse_class(class_sign(number)) for number in range(1, 7)] == list(range(1, 7))
    for number in (0, 7):
        with pytest.raises(ValueError, match="1 to 6"):
            class_sign(number)
