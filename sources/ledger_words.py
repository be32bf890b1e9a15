"""Words that ledgers and returns share: indicators of a plan, areas, periods and days as people write them.

Source: sources/data/ledger_words.toml. An indicator is told by its name; by its number in the plan only
where there is no name, for the years the numbering holds.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from sources.assembly import FloatArray, Labels, TimeArray
from sources.cells import IntArray
from sources.ledger_table import Cell, bare
from sources.table import split_heading
from sources.times import parse_days
from vocabulary.units import unit_named


@dataclass(frozen=True)
class Statistic:
    """One figure of a plan: its key (as the plan's feeder or secondary target has it) and its answers.

    `answers` are words with the value they stand for; `answered` is the key they are kept under, since
    an answer in words is no figure of the index itself.
    """

    key: str
    answered: str
    answers: Mapping[str, float]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("sources").joinpath("data/ledger_words.toml").read_text("utf-8"))


@cache
def _statistics() -> dict[str, Statistic]:
    """Return bare name -> statistic."""
    found: dict[str, Statistic] = {}
    for item in _data()["statistic"]:
        answers = {bare(word): float(value) for word, value in item.get("answers", {}).items()}
        statistic = Statistic(item["key"], item.get("answered", item["key"]), answers)
        found |= {bare(name): statistic for name in item["names"]}
    return found


@cache
def _by_key() -> dict[str, Statistic]:
    return {statistic.key: statistic for statistic in _statistics().values()}


def statistic_named(name: str) -> tuple[Statistic | None, str]:
    """Return the statistic of an indicator's name and the unit in its brackets ('' none)."""
    plain, unit = split_heading(unicodedata.normalize("NFKC", name))
    if unit and unit_named(unit) is not None and bare(plain) in _statistics():
        return _statistics()[bare(plain)], unit
    return _statistics().get(bare(name)), ""


def statistic_numbered(number: str, year: int) -> Statistic | None:
    """Return the statistic of a number in the plan that holds in a year, or None."""
    text = unicodedata.normalize("NFKC", number).strip().removesuffix(".0")
    for order in _data()["numbering"]:
        if order["first_year"] <= year <= order["last_year"] and text.isdigit():
            keys: list[str] = order["order"]
            if 1 <= int(text) <= len(keys):
                return _by_key()[keys[int(text) - 1]]
    return None


@dataclass(frozen=True)
class Indicators:
    """What the n cells of a table speak of: statistic words, answers, unit in the name, contradictions."""

    statistic: Labels
    answer: FloatArray
    unit: Labels
    contradicts: IntArray


def indicators_of(
    cells: Sequence[Cell], cell: IntArray, name: Labels, number: Labels, year: IntArray
) -> Indicators:
    """Tell the statistic of every cell.

    Parameters
    ----------
    cells, cell
        The distinct cells, and n codes.
    name, number
        The line's words, n codes each; year of the figure, n.
    """
    stacked = np.stack([name.codes, number.codes, year, cell], axis=1)
    distinct, which = np.unique(stacked, axis=0, return_inverse=True)
    keys, answers, units, wrong = [], [], [], []
    for name_code, number_code, of_year, cell_code in distinct.tolist():
        named = name.words[name_code] if name_code >= 0 else ""
        numbered = number.words[number_code] if number_code >= 0 else ""
        statistic, unit = statistic_named(named) if named else (None, "")
        by_number = statistic_numbered(numbered, of_year) if numbered else None
        wrong.append(bool(statistic and by_number and by_number.key != statistic.key))
        statistic = by_number if not named else statistic
        words = bare(cells[cell_code].words)
        answer = statistic.answers.get(words) if statistic and words else None
        keys.append("" if statistic is None else statistic.key if answer is None else statistic.answered)
        answers.append(np.nan if answer is None else answer)
        units.append(unit)
    flat = which.reshape(-1).astype(np.int64)
    return Indicators(
        Labels(keys, flat),
        np.array(answers, dtype=np.float64)[flat],
        Labels(units, flat),
        np.array(wrong, dtype=np.int64)[flat],
    )


@cache
def _areas() -> dict[str, str]:
    return {bare(name): key for key, names in _data()["areas"].items() for name in (key, *names)}


def areas(names: Labels, district: str) -> Labels:
    """Return the keys of districts for their names; '' is the delivery's district, others stay as they are."""
    known = [_areas().get(bare(name), name.strip()) if name else district for name in (*names.words, "")]
    return Labels(known, np.where(names.codes < 0, len(names.words), names.codes))


def read_periods(words: Sequence[str]) -> tuple[list[str], TimeArray]:
    """Return period (`1y`, `1q`, `1mo`) and first day of each text; '' and NaT where it is none."""
    periods: list[str] = []
    starts: list[datetime | None] = []
    for word in words:
        text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", word))
        period, start = next(
            (found for rule in _data()["period"] if (found := _period(rule, text))), ("", None)
        )
        periods.append(period)
        starts.append(start)
    return periods, np.array(starts, dtype="datetime64[us]")


def _period(rule: Mapping[str, Any], text: str) -> tuple[str, datetime] | None:
    found = re.fullmatch(rule["pattern"], text)
    if found is None:
        return None
    parts = found.groupdict()
    month = int(parts["m"]) if "m" in parts else 1
    if "q" in parts:
        month = 3 * _data()["quarters"][parts["q"]] - 2
    return (rule["key"], datetime(int(parts["y"]), month, 1)) if 1 <= month <= 12 else None  # noqa: PLR2004 - months


def title_period(titles: Sequence[str]) -> str:
    """Return the one year or quarter that the titles speak of (`2023年`), or '' where none or several."""
    found = {
        match[0]
        for title in titles
        for pattern in _data()["in_title"]
        for match in re.finditer(pattern, title)
    }
    return found.pop() if len(found) == 1 else ""


def read_dates(words: Sequence[str]) -> TimeArray:
    """Return the midnight of days as people write them; NaT where it is none."""
    folded = [re.sub(r"\s+", " ", unicodedata.normalize("NFKC", word)).strip() for word in words]
    return parse_days(folded, _data()["day_patterns"])
