"""IAQI over every whole concentration (CO: every tenth), beside the packages aqi-hub and python-aqi.

Installs nothing: a package that is not there is left out and said so. `python benchmarks/aqi_peers.py`
prints the table of differences, each with its cause and clause; `--write FILE` keeps it.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from indicators.air_aqi import iaqi
from indicators.registry import Standard, default_registry

EDITIONS = ("HJ633-2012", "HJ633-2026")
#: how far above the last breakpoint the comparison goes
BEYOND = 20
NOT_COMPUTED = -1
ERROR = -9

#: cause -> why the standard says otherwise
CAUSES = {
    "wrong table": "HJ 633 表1: the 24-h SO2 points are 50 150 475 800; the package has those of the 1-h mean (150 500 650 800)",
    "edition": "HJ 633-2012 表1: the package knows the 2026 points only, whatever the day of the observation",
    "overflow": "HJ 633-2012 表1 注: 1-h SO2 and 8-h O3 above 800 are not computed, the 24-h SO2 and the 1-h O3 are taken; the package gives the 2026 value",
    "float noise": "HJ 633 4 (向上进位取整): the value is a whole number exactly; binary arithmetic makes it a little more and rounds it up",
    "rounded to nearest": "HJ 633 4: the IAQI is rounded up; the package rounds half to even",
    "own segments": "HJ 633 formula: a segment begins where the last one ends; the package begins it one unit and one index higher (and rounds to nearest)",
    "CO cut to whole mg/m³": "HJ 633-2026 4.2.2: CO has one decimal; the package cuts it off",
    "error": "HJ 633: the index ends at 500 (or refers to another item); the package raises IndexError or TypeError",
    "unexplained": "no cause found",
}

HUB_ITEMS = {
    "so2_24h": "SO2_24H",
    "so2_1h": "SO2_1H",
    "no2_24h": "NO2_24H",
    "no2_1h": "NO2_1H",
    "co_24h": "CO_24H",
    "co_1h": "CO_1H",
    "o3_8h": "O3_8H",
    "o3_1h": "O3_1H",
    "pm10_24h": "PM10_24H",
    "pm2_5_24h": "PM25_24H",
}


def exact(rule: dict[str, Any], number: int, steps: int) -> Fraction | None:
    """IAQI of number/steps before rounding, in fractions; None above the last breakpoint."""
    points, at = rule["concentration"], rule["iaqi"]
    concentration = Fraction(number, steps)
    for low, high, below, above in zip(points, points[1:], at, at[1:], strict=False):
        if concentration <= high:
            return Fraction(above - below, high - low) * (concentration - low) + below
    return None


def by_the_standard(rule: dict[str, Any], number: int, steps: int) -> int:
    value = exact(rule, number, steps)
    if value is not None:
        return math.ceil(value)
    return NOT_COMPUTED if rule["overflow"] == "use" else int(rule["overflow_iaqi"])


def aqi_hub() -> Callable[[str, str], int]:
    from aqi_hub.aqi_cn.aqi import cal_iaqi_cn  # noqa: PLC0415 - only when it is installed

    return lambda item, text: int(cal_iaqi_cn(HUB_ITEMS[item], float(text)))


def python_aqi() -> Callable[[str, str], int]:
    # the folder of this script holds a file of the same name
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    import aqi  # noqa: PLC0415 - only when it is installed
    from aqi import constants  # noqa: PLC0415 - as above

    names = {item: getattr(constants, f"POLLUTANT_{item.upper()}", None) for item in HUB_ITEMS}
    names |= {"pm10_24h": constants.POLLUTANT_PM10, "pm2_5_24h": constants.POLLUTANT_PM25}

    def index(item: str, text: str) -> int:
        try:
            return int(aqi.to_iaqi(names[item], text, algo=aqi.ALGO_MEP))
        except (IndexError, TypeError):
            return ERROR

    return index


def hub_cause(edition: str, item: str, rule: dict[str, Any], number: int, steps: int, peer: int) -> str:
    value = exact(rule, number, steps)
    if item == "so2_24h":
        return "wrong table"
    if value is None:
        return "overflow" if rule["overflow"] == "use" else "unexplained"
    if edition == "HJ633-2012" and item in ("pm10_24h", "pm2_5_24h"):
        return "edition"
    if value.denominator == 1 and peer == value + 1:
        return "float noise"
    return "unexplained"


def python_aqi_cause(_: str, item: str, rule: dict[str, Any], number: int, steps: int, peer: int) -> str:
    value = exact(rule, number, steps)
    if peer == ERROR:
        return "error"
    if item.startswith("co") and number % steps:
        return "CO cut to whole mg/m³"
    if value is not None and Fraction(number, steps) <= rule["concentration"][1]:
        return "rounded to nearest" if peer == round(value) else "unexplained"
    return "own segments"


PEERS: dict[str, tuple[Callable[[], Callable[[str, str], int]], Any, tuple[str, ...]]] = {
    "aqi-hub": (aqi_hub, hub_cause, EDITIONS),
    # it follows the 2012 table only, and says nothing of another
    "python-aqi": (python_aqi, python_aqi_cause, ("HJ633-2012",)),
}


def concentrations(standard: Standard, item: str) -> tuple[range, int]:
    rule = standard.tables["breakpoints"][item]
    steps = 10 ** int(rule["places"])
    return range((int(rule["concentration"][-1]) + BEYOND) * steps + 1), steps


def text_of(number: int, steps: int) -> str:
    return f"{number / steps:.{len(str(steps)) - 1}f}"


def compare() -> list[dict[str, Any]]:
    """One record per edition, item, package and cause; `ours` records stand for this project."""
    registry = default_registry()
    rows: list[dict[str, Any]] = []
    for edition in EDITIONS:
        standard = registry.get(edition)
        for item in HUB_ITEMS:
            rule = standard.tables["breakpoints"][item]
            numbers, steps = concentrations(standard, item)
            wanted = [by_the_standard(rule, number, steps) for number in numbers]
            ours = iaqi(item, np.array(numbers) / steps, standard).tolist()
            different = sum(a != b for a, b in zip(ours, wanted, strict=True))
            rows.append(record(edition, item, "ecoplan", len(numbers), "", different, ""))
            for name, (load, cause_of, editions) in PEERS.items():
                if edition not in editions:
                    continue
                with contextlib.suppress(ImportError), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    rows += against(edition, item, name, rule, numbers, steps, wanted, load(), cause_of)
    return rows


def against(
    edition: str,
    item: str,
    name: str,
    rule: dict[str, Any],
    numbers: range,
    steps: int,
    wanted: list[int],
    peer: Callable[[str, str], int],
    cause_of: Callable[..., str],
) -> list[dict[str, Any]]:
    found: dict[str, list[tuple[int, int, int]]] = {}
    for number, right in zip(numbers, wanted, strict=True):
        given = peer(item, text_of(number, steps))
        if given != right:
            cause = cause_of(edition, item, rule, number, steps, given)
            found.setdefault(cause, []).append((number, right, given))
    rows = []
    for cause, cases in found.items():
        number, right, given = max(
            cases, key=lambda case: (abs(case[1] - case[2]) if case[2] >= 0 else 0, -case[0])
        )
        shown = {ERROR: "error", NOT_COMPUTED: "not computed"}
        example = f"{text_of(number, steps)}: {shown.get(right, right)}, package {shown.get(given, given)}"
        rows.append(record(edition, item, name, len(numbers), cause, len(cases), example))
    return rows or [record(edition, item, name, len(numbers), "", 0, "")]


def record(
    edition: str, item: str, package: str, compared: int, cause: str, different: int, example: str
) -> dict[str, Any]:
    return {
        "edition": edition,
        "item": item,
        "package": package,
        "compared": compared,
        "different": different,
        "cause": cause,
        "example": example,
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Differences in law: AQI packages beside HJ 633",
        "",
        "Written by `python benchmarks/aqi_peers.py --write docs/law-differences.md`; not edited by hand.",
        "",
        "Every whole concentration from 0 to 20 above the last breakpoint (CO: every tenth of a mg/m³), each item",
        "and edition. The reference is the table of the standard, computed in fractions.",
        "",
    ]
    for name in PEERS:
        there = any(row["package"] == name for row in rows)
        with contextlib.suppress(ImportError):
            lines.append(f"* {name} {version(name)}" if there else f"* {name}: not installed, not compared")
    ours = [row for row in rows if row["package"] == "ecoplan"]
    lines += [
        f"* ecoplan: {sum(row['compared'] for row in ours)} indices, {sum(row['different'] for row in ours)} different",
        "",
        "| package | edition | item | compared | different | cause | largest example (concentration: standard, package) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in PEERS:
        lines += [
            f"| {name} | {row['edition']} | {row['item']} | {row['compared']} | {row['different']} "
            f"| {row['cause'] or '—'} | {row['example'] or '—'} |"
            for row in rows
            if row["package"] == name
        ]
    used = [cause for cause in CAUSES if any(row["cause"] == cause for row in rows)]
    lines += ["", "## Causes", "", "| cause | differences | the clause |", "|---|---|---|"]
    lines += [
        f"| {cause} | {sum(row['different'] for row in rows if row['cause'] == cause)} | {CAUSES[cause]} |"
        for cause in used
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="keep the table in this file")
    text = markdown(compare())
    target = parser.parse_args().write
    if target is None:
        print(text)
    else:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
