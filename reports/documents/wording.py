"""How figures and codes read in a document; nothing is rounded anew beyond the places a plan or rule states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.documents.evidence import Record
from reports.documents.model import Cell, Tone
from reports.terminal import STATUS, plain
from vocabulary.parameters import parameters
from vocabulary.plan import Indicator, Plan
from vocabulary.rounding import round_half_even
from vocabulary.water_class import class_sign

#: what stands where there is no figure; the reason stands beside it
NONE = "—"
KINDS = {"binding": "约束性", "anticipatory": "预期性"}
_TONES: dict[str, Tone] = {
    "met": "good",
    "on-track": "good",
    "at-risk": "warn",
    "off-track": "bad",
    "not-applicable": "dim",
    "no-data": "dim",
    "target-pending": "info",
    "qualitative": "info",
}
_CLASS_TONES: dict[int, Tone] = {1: "good", 2: "good", 3: "good", 4: "warn", 5: "warn", 6: "bad"}
#: order in which statuses are counted
STATUS_ORDER = ("met", "on-track", "at-risk", "off-track", "target-pending", "not-applicable", "no-data")
#: pollutants as they are written; ozone by its daily maximum of 8 hours
AIR_ITEMS = {
    "pm2_5": "PM2.5",
    "pm10": "PM10",
    "so2": "SO2",
    "no2": "NO2",
    "co": "CO",
    "o3_mda8": "O3",
    "o3": "O3",
    "o3_8h": "O3",
}
AIR_UNITS = {"co": "mg/m³"}
_UG = "µg/m³"
_STATISTIC = re.compile(r"^p(\d+)$")
_EN_HALF = re.compile(r"^(?P<zh>.*?[\u4e00-\u9fff].*?) / (?P<en>[^\u4e00-\u9fff]*)$")


def absent(value: object) -> bool:
    """Tell whether a value of a record is none."""
    return value is None or value != value  # noqa: PLR0124  # NaN is the only value unequal to itself


def shown(value: object, places: int | None = None) -> str:
    """Return a figure as its record has it, with at least the places stated; `NONE` where there is none.

    Nothing is rounded: a record that says more than the places keeps what it says.

    >>> shown(0.5, 2), shown(None), shown(246.0), shown(38.9, 0)
    ('0.50', '—', '246', '38.9')
    """
    if absent(value):
        return NONE
    said = plain(value) or NONE
    if places and isinstance(value, int | float) and not isinstance(value, bool) and "e" not in said:
        whole, _, digits = said.partition(".")
        return f"{whole}.{digits.ljust(places, '0')}"
    return said


def rounded(value: float, places: int) -> str:
    """Return a figure that was worked out for the document, rounded by GB/T 8170.

    >>> rounded(0.125, 2), rounded(0.135, 2)
    ('0.12', '0.14')
    """
    return f"{float(round_half_even(np.asarray([value]), places)[0]):.{places}f}"


def ratio(record: Mapping[str, Any]) -> str:
    """Return numerator and denominator of an indicator's record."""
    if absent(record.get("denominator")):
        return NONE
    return f"{shown(record.get('numerator'))}/{shown(record['denominator'])}"


def status_word(status: str) -> str:
    """Return a status in Chinese."""
    return STATUS.get(status, (status,))[0]


def status_cell(status: str) -> Cell:
    """Return a status as a cell."""
    return Cell(status_word(status), _TONES.get(status, ""))


def status_tone(status: str) -> Tone:
    """Return the tone of a status."""
    return _TONES.get(status, "")


def zh_part(text: object) -> str:
    """Return the Chinese half of a text that stands in both languages.

    >>> zh_part("还需核定 1.9 t / 1.9 t still to be recognised")
    '还需核定 1.9 t'
    """
    said = plain(text)
    found = _EN_HALF.match(said)
    return found["zh"] if found else said


def yes_no(value: object, *, yes: str = "是", no: str = "否") -> str:
    """Return a verdict in words, `NONE` where there is none."""
    return NONE if absent(value) else (yes if value else no)


def class_text(value: object) -> str:
    """Return the sign of a class, `NONE` without one."""
    return NONE if absent(value) else class_sign(int(str(value).split(".")[0]))


def class_cell(value: object) -> Cell:
    """Return a class as a cell."""
    if absent(value):
        return Cell(NONE, "dim")
    return Cell(class_text(value), _CLASS_TONES[int(str(value).split(".")[0])])


def item_name(key: str) -> str:
    """Return what a parameter is called."""
    known = parameters()
    return known[key].zh if key in known else key


def pollutants(worst: object, multiples: object) -> str:
    """Return main pollutants with their multiples: `高锰酸盐指数（0.2 倍）、溶解氧`; `NONE` where there is none."""
    times = dict(part.split("=", 1) for part in str(multiples or "").split(";") if "=" in part)
    named = [key for key in str(worst or "").split(",") if key] or list(times)
    texts = [f"{item_name(key)}（{times[key]} 倍）" if key in times else item_name(key) for key in named]
    return "、".join(texts) or NONE


def air_item(key: str) -> str:
    """Return a pollutant of the air as it is written."""
    return AIR_ITEMS.get(key, item_name(key))


def air_items(keys: object) -> str:
    """Return several pollutants, given with commas."""
    return "、".join(dict.fromkeys(air_item(key) for key in str(keys or "").split(",") if key)) or NONE


def air_unit(key: str) -> str:
    """Return the unit of a pollutant of the air."""
    return AIR_UNITS.get(key, _UG)


def statistic_name(key: str, parameter: str) -> str:
    """Return what a statistic of the air is called."""
    if key == "mean":
        return "年平均" if parameter != "month" else "月平均"
    found = _STATISTIC.match(key)
    if found:
        of = "日最大8小时平均" if parameter == "o3_mda8" else "24小时平均"
        return f"{of}第{found[1]}百分位数"
    return key


def target_text(record: Record) -> str:
    """Return a target as its document states it: a number, or words."""
    return shown(record["target"])


def value_text(item: Indicator, record: Record) -> str:
    """Return an indicator's value with its places; a verdict that was returned with its evidence in words."""
    if by_hand(item) and not absent(record["value"]):
        return "符合" if record["value"] == 1 else "不符合"
    return shown(record["value"], item.decimals)


def by_hand(item: Indicator) -> bool:
    """Tell whether an indicator is judged by a verdict that is returned with its evidence."""
    return item.qualitative is not None and item.qualitative.rule == "evidence-by-hand"


def kind_word(plan: Plan, record: Record) -> str:
    """Return whether an indicator is binding or anticipatory."""
    kind = next(item.kind for item in plan.indicator if item.number == record["indicator"])
    return KINDS[kind]
