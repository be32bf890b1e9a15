"""Reader of OpenAQ archive files: one row a sensor and time, any country, any zone.

Source: sources/data/abroad_openaq.toml. Times become Asia/Shanghai wall time by their own offset. A mole
fraction (ppm, ppb) is turned into mass only by the layout's dated rule, which states its reference
temperature; a parameter or unit without a rule is turned away.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sources.abroad_rows import UNKNOWN_ZONE, at_home, offsets, row_functions, rows_of, wall_times
from sources.assembly import (
    BoolArray,
    FloatArray,
    Labels,
    TimeArray,
    ValueCells,
    among,
    encode,
    numbers,
    settle,
    trimmed,
)
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.layout import LayoutData
from sources.naming import issue_of
from sources.result import ReadResult
from sources.shape import reject_misfits, shape_of
from vocabulary.parameters import parameters
from vocabulary.units import conversion


def _read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one export into readings."""
    rows = rows_of(content, delivery, facts)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    when, unzoned, unhourly, untimed = _observed_at(rows.label("time"), facts)
    names, name = encode(rows.label("parameter"))
    keys = [facts.rest["parameters"].get(word.lower(), "") for word in names]
    shown = trimmed(rows.raw)
    exponent, factor, unknown = _changes(keys, name, rows.label("unit"), when, facts)
    locations, location = encode(rows.label("location"))
    book = ValueCells(
        raw=rows.raw,
        row=rows.cells.number[rows.line],
        column=Labels.same(rows.cells.record(0)[rows.places["value"]].strip(), len(rows.line)),
        site=Labels([word and facts.rest["site_prefix"] + word for word in locations], location),
        parameter=Labels(keys, name),
        period=Labels.same(facts.rest["period"], len(rows.line)),
        observed_at=when,
        flag=Labels.same("", len(rows.line)),
        value=numbers(shown, facts.rest["number_pattern"], exponent) * factor,
        blank=among(shown, facts.missing),
    )
    shape = shape_of(rows.cells, 0, rows.width, facts.missing, mid_character=rows.cut)
    place = np.full(len(rows.line), rows.places["value"], dtype=np.int64)
    problems = reject_misfits(book, shape, rows.line, place, rows.cells)
    book.reject(book.parameter.absent, "unknown-parameter")
    book.reject(untimed, "time-missing")
    book.reject(unzoned, "timezone-unknown")
    book.reject(unhourly, "period-unknown")
    book.reject(unknown, "unknown-unit")
    book.reject(_second_sensors(book, rows.label("sensor")), "second-series")
    return settle(book, delivery, facts, issue, encoding=rows.encoding, problems=problems)


def _observed_at(texts: pa.Array, facts: LayoutData) -> tuple[TimeArray, BoolArray, BoolArray, BoolArray]:
    """Return the starts of the hours at home, and where the zone, the whole hour or the time is lacking."""
    words, code = encode(texts)
    wall = wall_times(words, facts.rest["time_pattern"])
    zone = pc.struct_field(pc.extract_regex(pa.array(words, pa.string()), facts.rest["zone_pattern"]), "zone")
    minutes = offsets(pc.fill_null(zone, "").to_pylist(), facts.rest["zones"])
    unknown = ~np.isnat(wall) & (minutes == UNKNOWN_ZONE)
    home = at_home(wall, minutes)
    broken = ~np.isnat(home) & ~(_whole_hour(wall) | _whole_hour(home))
    offset = np.timedelta64(1 if facts.time_label == "end" else 0, "h")
    return (home - offset)[code], unknown[code], broken[code], among(texts, facts.missing)


def _whole_hour(when: TimeArray) -> BoolArray:
    whole: BoolArray = when == when.astype("datetime64[h]").astype(when.dtype)
    return whole


def _changes(
    keys: list[str], name: IntArray, units: pa.Array, when: TimeArray, facts: LayoutData
) -> tuple[IntArray, FloatArray, BoolArray]:
    """Return for each cell the change into the canonical unit (power of ten, factor), and where none is known."""
    spelled, unit = encode(units)
    exponent: IntArray = np.zeros(len(name), dtype=np.int64)
    factor = np.full(len(name), np.nan)
    days = when.astype("datetime64[D]")
    for pair in np.unique(name * len(spelled) + unit).tolist():
        key, word = keys[pair // len(spelled)], spelled[pair % len(spelled)]
        if not key:
            continue
        mine = (name == pair // len(spelled)) & (unit == pair % len(spelled))
        canonical = parameters()[key].unit
        change = conversion(word, canonical)
        if change is not None:
            exponent[mine], factor[mine] = change.exponent, change.factor
            continue
        share = facts.rest["mole_units"].get(word.lower())
        grams = conversion("g/m3", canonical)
        if share is None or grams is None or key not in facts.rest["molar_mass"]:
            continue
        for rule in facts.rest["mole_fraction"]:
            within = mine & (days >= np.datetime64(rule["valid_from"]))
            if "valid_to" in rule:
                within &= days <= np.datetime64(rule["valid_to"])
            moles = rule["pressure_pa"] / (rule["gas_constant"] * rule["temperature_k"])
            factor[within] = (
                float(share) * facts.rest["molar_mass"][key] * moles * grams.factor * 10.0**grams.exponent
            )
    unknown = np.isnan(factor)
    # a cell without a factor is turned away; its number stays readable as delivered
    return exponent, np.where(unknown, 1.0, factor), unknown & ~np.isnat(when)


def _second_sensors(book: ValueCells, sensors: pa.Array) -> BoolArray:
    """Return the cells of sensors beside a location's first one (the lowest number) for a parameter."""
    words, code = encode(sensors)
    # numbers in order of their size: first by length, then by digits
    rank = np.empty(len(words), dtype=np.int64)
    rank[sorted(range(len(words)), key=lambda place: (len(words[place]), words[place]))] = np.arange(
        len(words)
    )
    sound = (book.code == 0) & ~book.blank
    frame = pd.DataFrame(
        {"site": book.site.codes, "parameter": book.parameter.codes, "sensor": rank[code]}, copy=False
    )[sound]
    first = frame.groupby(["site", "parameter"])["sensor"].transform("min")
    second = np.zeros(len(code), dtype=bool)
    second[sound] = (frame["sensor"] > first).to_numpy()
    return second


layout, partition, recognise, read = row_functions("abroad_openaq", _read)
