"""Reader of the national hourly air export (china_sites_YYYYMMDD.csv), one column a station.

Source: sources/data/air_quotsoft.toml. Real-time data, not audited. One line is one hour and one type;
`hour` labels the end of the interval, so hour 0 belongs to the day before.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sources.assembly import Labels, TimeArray, ValueCells, among, encode, numbers, settle, trimmed
from sources.cells import Cells, delimited
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData
from sources.layout_functions import layout_functions
from sources.naming import issue_of, partition_of
from sources.result import Problem, ReadResult
from sources.shape import reject_misfits, shape_of
from sources.times import parse_days
from vocabulary.reasons import DeliveryRefusedError

_HOUR = r"^[0-9]{1,2}$"
#: the same header over another kind of sites
_OTHER_SITES = 0.1


def recognise_wide(head: str, name: str, facts: LayoutData) -> float:
    """Return how sure the head of a text is of a layout with one column a station, or one a city.

    Station codes are told from names of cities by `site_pattern`.
    """
    first = head.lstrip("\ufeff").split("\n", 1)[0].split(facts.rest["separator"])
    fields = [field.strip().strip('"') for field in first]
    labels: list[str] = facts.rest["labels"]
    if [field.lower() for field in fields[: len(labels)]] != labels:
        return 0.0
    pattern = re.compile(facts.rest["site_pattern"])
    if not any(pattern.match(field) for field in fields[len(labels) :]):
        return _OTHER_SITES
    return 1.0 if partition_of(name, facts.names) else 0.9


def read_wide(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one export with a column a site into readings.

    Parameters
    ----------
    content
        The landed bytes.
    delivery
        Whose bytes they are; the name tells when the export was issued.
    facts
        The layout: of stations, or of cities.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `layout-unknown`, `no-cells`.
    """
    text = decode(content)
    cells = delimited(text.text, facts.rest["separator"])
    labels: list[str] = facts.rest["labels"]
    header = [field.strip() for field in cells.record(0)]
    if [field.lower() for field in header[: len(labels)]] != labels:
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{delivery.name} 第 1 行应以 {','.join(labels)} 开头，实为 {','.join(header[:3])[:80]}",
            f"{delivery.name} line 1 should start with {','.join(labels)}, found {','.join(header[:3])[:80]}",
        )
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    is_value = (cells.position >= len(labels)) & (cells.line > 0)
    raw, line, position = cells.take(is_value)
    kinds, kind_of_line = encode(trimmed(cells.at(2)))
    pairs = [facts.rest["types"].get(kind, ["", ""]) for kind in kinds]
    kind = kind_of_line[line]
    # cells beyond the header have no station: named by their place
    stations = header + [f"#{place + 1}" for place in range(len(header), int(cells.width.max()))]
    when, when_missing = _observed_at(cells, facts)
    trimmed_raw = trimmed(raw)
    book = ValueCells(
        raw=raw,
        row=cells.number[line],
        column=Labels(stations, position),
        site=Labels([*header, *([""] * (len(stations) - len(header)))], position),
        parameter=Labels([pair[0] for pair in pairs], kind),
        period=Labels([pair[1] for pair in pairs], kind),
        observed_at=when[line],
        flag=Labels.same("", len(line)),
        value=numbers(trimmed_raw),
        blank=among(trimmed_raw, facts.missing),
    )
    shape = shape_of(cells, 0, len(header), facts.missing, mid_character=text.cut)
    problems = reject_misfits(book, shape, line, position, cells)
    repeated = pd.Series(stations).duplicated().to_numpy()
    book.reject(repeated[position], "column-repeated")
    problems += [
        Problem(
            "column-repeated", f"站点列 {name} 重复出现", f"station column {name} stands more than once", 1
        )
        for name in sorted({stations[place] for place in np.flatnonzero(repeated)})
    ]
    book.reject(when_missing[line], "time-missing")
    return settle(book, delivery, facts, issue, encoding=text.encoding, problems=problems)


def _observed_at(
    cells: Cells, facts: LayoutData
) -> tuple[TimeArray, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return for each record the start of its hour (NaT: unreadable), and where date or hour is empty."""
    dates, hours = trimmed(cells.at(0)), trimmed(cells.at(1))
    words, code = encode(dates)
    days = parse_days(words, facts.rest["date_patterns"])
    hour = numbers(hours, _HOUR)
    first, last = facts.rest["hours"]
    sound = (hour >= first) & (hour <= last)
    offset = 1 if facts.time_label == "end" else 0
    shift = np.where(sound, hour - offset, 0).astype("timedelta64[h]")
    when = days[code] + shift
    empty = among(dates, facts.missing) | among(hours, facts.missing)
    return np.where(sound, when, np.datetime64("NaT", "us")), empty


layout, partition, recognise, read = layout_functions("air_quotsoft", recognise_wide, read_wide)
