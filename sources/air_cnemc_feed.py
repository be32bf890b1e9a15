"""Reader of the national hourly feed of air stations (GeoJSON, or the plain list of the same records).

Source: sources/data/air_cnemc_feed.toml. Every value is a string; words (level, primary pollutant, advice)
are no cells. For years the feed held the hour's ozone under the name of the day's highest and the other
way round: the layout's dated rule puts both pairs right, and the column of a reading is the key under
which its value was delivered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow.compute as pc

from sources.assembly import BoolArray, Labels, TimeArray, ValueCells, among, encode, numbers, settle, trimmed
from sources.cells import Cells, IntArray, encodable, from_rows
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData
from sources.layout_functions import layout_functions
from sources.naming import issue_of, partition_of
from sources.result import Problem, ReadResult
from sources.times import latest_time, parse_times
from vocabulary.reasons import DeliveryRefusedError

#: stands where a record lacks a key that others have: no cell of the export
_ABSENT = "\x00absent"


def _recognise(head: str, name: str, facts: LayoutData) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    start = head.lstrip("\ufeff \r\n\t")
    roles = facts.rest["roles"]
    lower = start.lower()
    if not start.startswith(("{", "[")) or not all(
        f'"{roles[role][0]}"' in lower for role in ("site", "time")
    ):
        return 0.0
    return 1.0 if partition_of(name, facts.names) else 0.9


def _read(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one answer into readings."""
    text = decode(content)
    records = _records(text.text, delivery.name)
    odd = np.array([not isinstance(record, dict) for record in records], dtype=bool)
    cells, keys = _cells(records, facts)
    folded = [key.strip().lower() for key in keys]
    places = {
        role: [folded.index(name) for name in names if name in folded]
        for role, names in facts.rest["roles"].items()
    }
    if not places["site"] or not places["time"] or not set(folded) & set(facts.rest["types"]):
        raise _not_the_feed(keys, facts, delivery.name)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    times = _label(cells, places["time"][0])
    words, code = encode(times)
    labelled = parse_times(
        words, facts.rest["time_pattern"], latest_time(issue.covered_to), whole_hours=True
    )[code]
    site, site_of = encode(_label(cells, places["site"][0]))
    offset = np.timedelta64(1 if facts.time_label == "end" else 0, "h")
    is_label = np.zeros(len(keys), dtype=bool)
    is_label[list(chain.from_iterable(places.values()))] = True
    raw, line, position = cells.take(~is_label[cells.position] & ~among(cells.raw, frozenset({_ABSENT})))
    types: dict[str, list[str]] = facts.rest["types"]
    kinds = list(types)
    own = np.array([kinds.index(key) if key in kinds else -1 for key in folded], dtype=np.int64)
    kind, unsettled = _meant(own[position], labelled[line], kinds, facts)
    shown = trimmed(raw)
    book = ValueCells(
        raw=raw,
        row=cells.number[line],
        column=Labels(keys, position),
        site=Labels(site, site_of[line]),
        parameter=Labels([types[name][0] for name in kinds], kind),
        period=Labels([types[name][1] for name in kinds], kind),
        observed_at=(labelled - offset)[line],
        flag=Labels.same("", len(line)),
        value=numbers(shown),
        blank=among(shown, facts.missing) & ~odd[line],
    )
    book.reject(odd[line], "line-unreadable")
    book.reject(among(times, facts.missing)[line], "time-missing")
    book.reject(unsettled, "column-unsettled")
    problems = _unknown_keys(keys, is_label | (own >= 0)) + _contradiction(book, line, facts)
    return settle(book, delivery, facts, issue, encoding=text.encoding, problems=problems)


def _records(text: str, name: str) -> list[Any]:
    """Return the records of the feed: the properties of its features, or the items of a plain list."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeliveryRefusedError(
            "file-unreadable", f"{name} 不是完整的 JSON：{error}", f"{name} is no complete JSON: {error}"
        ) from error
    if isinstance(body, dict) and isinstance(body.get("features"), list):
        features: list[Any] = body["features"]
        return [item.get("properties") if isinstance(item, dict) else item for item in features]
    if isinstance(body, list):
        return body
    raise DeliveryRefusedError(
        "layout-unknown",
        f"{name} 应为 GeoJSON（features）或站点记录数组",
        f"{name} should be GeoJSON with features, or a list of station records",
    )


def _cells(records: list[Any], facts: LayoutData) -> tuple[Cells, list[str]]:
    """Return every record's fields in the order of all keys, and the keys; a record that is none is one field."""
    sound: Iterable[dict[str, Any]] = [item for item in records if isinstance(item, dict)]
    keys = list(dict.fromkeys(chain.from_iterable(sound))) or [""]
    nothing = dict.fromkeys(keys, _ABSENT)
    held = next((key for key in keys if key.strip().lower() in facts.rest["types"]), keys[-1])
    whole = [
        nothing | item if isinstance(item, dict) else nothing | {held: json.dumps(item, ensure_ascii=False)}
        for item in records
    ]
    pick = itemgetter(*keys) if len(keys) > 1 else lambda item: (item[held],)
    return from_rows([list(pick(item)) for item in whole]), [encodable(key) for key in keys]


def _label(cells: Cells, place: int) -> Any:
    """Return the trimmed texts of a label, one a record; '' where the record lacks it."""
    texts = trimmed(cells.at(place))
    return pc.if_else(pc.equal(texts, _ABSENT), "", texts)


def _meant(
    kind: IntArray, labelled: TimeArray, kinds: list[str], facts: LayoutData
) -> tuple[IntArray, BoolArray]:
    """Return what each cell's key really holds, and where no rule of the layout says.

    Parameters
    ----------
    kind
        n positions in `kinds`, by the cells' own keys; -1 for an unknown key.
    labelled
        n time points; the rule of their day applies.
    """
    rules = facts.rest["ozone"]
    spoken_of = sorted({name for rule in rules for pair in rule["swapped"] for name in pair})
    unsettled = np.isin(kind, [kinds.index(name) for name in spoken_of]) & ~np.isnat(labelled)
    days = labelled.astype("datetime64[D]")
    meant = kind.copy()
    for rule in rules:
        within = (days >= np.datetime64(rule["valid_from"])) & (
            days <= np.datetime64(rule.get("valid_to", date.max))
        )
        unsettled &= ~within
        # one place more, so that an unknown key (-1) stays one
        other = np.append(np.arange(len(kinds)), -1)
        for pair in rule["swapped"]:
            one, two = kinds.index(pair[0]), kinds.index(pair[1])
            other[one], other[two] = two, one
        meant[within] = other[kind[within]]
    return meant, unsettled


def _unknown_keys(keys: list[str], known: BoolArray) -> list[Problem]:
    return [
        Problem("column-unknown", f"键“{key}”不在版式中", f"unknown key {key!r}")
        for key, is_known in zip(keys, known.tolist(), strict=True)
        if not is_known
    ]


def _contradiction(book: ValueCells, line: IntArray, facts: LayoutData) -> list[Problem]:
    """Remark on a delivery in which the hour exceeds the highest of its day at more than a few stations."""
    terms = facts.rest["contradiction"]
    types = facts.rest["types"]
    parameter = np.array([*book.parameter.words, ""])[book.parameter.codes]
    period = np.array([*book.period.words, ""])[book.period.codes]
    by_line = {}
    for side in ("greater", "lesser"):
        mine = (parameter == types[terms[side]][0]) & (period == types[terms[side]][1]) & (book.code == 0)
        by_line[side] = np.full(int(line.max(initial=-1)) + 1, np.nan)
        by_line[side][line[mine]] = book.value[mine]
    both = ~np.isnan(by_line["greater"]) & ~np.isnan(by_line["lesser"])
    turned = int((by_line["greater"][both] > by_line["lesser"][both]).sum())
    total = int(both.sum())
    if total < terms["rows"] or turned <= terms["share"] * total:
        return []
    return [
        Problem(
            "columns-doubtful",
            f"{total} 个站中有 {turned} 个站臭氧 1 小时值大于 24 小时最大值，版式的臭氧列规则可能不再适用",
            f"ozone of the hour exceeds the highest of 24 hours at {turned} of {total} stations: "
            "the layout's rule for the ozone columns may no longer hold",
        )
    ]


def _not_the_feed(keys: list[str], facts: LayoutData, name: str) -> DeliveryRefusedError:
    wanted = ", ".join([*facts.rest["roles"]["site"], *facts.rest["roles"]["time"], *facts.rest["types"]])
    found = ",".join(keys)[:120]
    return DeliveryRefusedError(
        "layout-unknown",
        f"{name} 的记录应含 {wanted}；实为 {found}",
        f"the records of {name} should hold {wanted}; found {found}",
    )


layout, partition, recognise, read = layout_functions("air_cnemc_feed", _recognise, _read)
