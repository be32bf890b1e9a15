"""Water quality classes (水质类别): the numbers 1…6 of the data, their signs Ⅰ…劣Ⅴ and every known spelling.

Groundwater has the classes 1…5; its Ⅴ is the last one. Source: GB 3838-2002, 3; GB/T 14848-2017, 4.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pandas as pd

#: sign of class 1…6
SIGNS: tuple[str, ...] = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
#: class of water worse than Ⅴ
WORSE_THAN_V = 6

_ROMAN = ("I", "II", "III", "IV", "V")
_CHINESE = ("一", "二", "三", "四", "五")
_WORSE = ("劣", "劣于", ">", "超", "超过")
_ENDINGS = ("", "类", "类水", "类水质", "级", "CLASS")
_SIGN_TO_ROMAN = str.maketrans(dict(zip("ⅠⅡⅢⅣⅤⅰⅱⅲⅳⅴ", _ROMAN + _ROMAN, strict=True)))


def _fold(text: str) -> str:
    # the signs are mapped by hand first: NFKC would do the same, but must not be relied on
    folded = unicodedata.normalize("NFKC", text.translate(_SIGN_TO_ROMAN))
    return re.sub(r"\s+", "", folded).upper()


@cache
def spellings() -> dict[str, int]:
    """Return every known spelling, folded, with its class 1…6."""
    found = {"6": WORSE_THAN_V, "6类": WORSE_THAN_V}
    for number, names in enumerate(zip(_ROMAN, _CHINESE, strict=True), start=1):
        for name in (*names, str(number)):
            for ending in _ENDINGS:
                found[name + ending] = number
            found["第" + name + "类"] = number
            found["CLASS" + name] = number
    for name in (_ROMAN[-1], _CHINESE[-1], "5"):
        for worse in _WORSE:
            for ending in _ENDINGS:
                found[worse + name + ending] = WORSE_THAN_V
    return found


def parse_class(text: str) -> int | None:
    """Return the class 1…6 of a spelling (Ⅲ, III, 三类, 3, 劣Ⅴ, 劣V类, 劣五类 …); None when it is not known."""
    return spellings().get(_fold(text))


def parse_classes(texts: pd.Series) -> pd.Series:
    """Return the classes of a column of spellings.

    Parameters
    ----------
    texts : Series of str, n rows

    Returns
    -------
    Series of Int8, n rows, same index
        NA where the text is missing or its spelling is not known.
    """
    known = {text: parse_class(text) for text in texts.dropna().astype(str).unique().tolist()}
    return texts.map({text: number for text, number in known.items() if number is not None}).astype("Int8")


def class_sign(number: int) -> str:
    """Return the sign of a class: 3 -> Ⅲ, 6 -> 劣Ⅴ; ValueError outside 1…6."""
    if not 1 <= number <= len(SIGNS):
        raise ValueError(f"a water class is 1 to {len(SIGNS)}, got {number}")
    return SIGNS[number - 1]


def class_signs(numbers: pd.Series) -> pd.Series:
    """Return the signs of a column of classes 1…6; '' where the class is missing or outside.

    Parameters
    ----------
    numbers : Series of integers (nullable), n rows

    Returns
    -------
    Series of str, n rows, same index
    """
    return numbers.astype("Int8").map(dict(enumerate(SIGNS, start=1))).astype("str").fillna("")
