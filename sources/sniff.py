"""Which layout is this file? The surest of all that know it, or what the nearest would need to know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sources.catalogue import LAYOUTS, head_of, read_delivery
from sources.delivery import Delivery
from sources.drift import propose
from sources.result import Problem, ReadResult
from sources.table import split_heading
from vocabulary.parameters import aliases, normalise_name
from vocabulary.reasons import DeliveryRefusedError

#: records at the top in which a header is looked for
_HEADER_WITHIN = 10
#: headings shown in a proposal
_SHOWN = 12
#: what is left of a layout's sureness when the file, read so, is refused: by its reader, or by the judge
REFUSED = 0.5


@dataclass(frozen=True)
class Sniffed:
    """What a file is.

    Attributes
    ----------
    source
        Key of the surest layout, None when none knows the file.
    confidence
        0 to 1; halved when the layout's reader refuses the file.
    others
        The other layouts that know it, with their sureness, the surest first.
    result
        The file as this layout reads it, None when nothing does.
    problems
        What its reader remarked or refused, or what an unknown file would need.
    """

    source: str | None
    confidence: float
    others: dict[str, float]
    result: ReadResult | None
    problems: list[Problem]


def sniff(content: bytes, delivery: Delivery) -> Sniffed:
    """Tell the layout of an export; `delivery.source` is not looked at.

    Raises
    ------
    DeliveryRefusedError
        When nothing could be read from it at all: empty, too large, unsafe to open.
    """
    head = head_of(content)
    scores = {source: reader.recognise(head, delivery.name) for source, reader in LAYOUTS.items()}
    sure = sorted(((score, source) for source, score in scores.items() if score > 0), key=_surest_first)
    if not sure:
        return Sniffed(None, 0.0, {}, None, [unknown_layout(head)])
    refused: tuple[float, str, DeliveryRefusedError] | None = None
    for score, source in sure:
        others = {other: found for found, other in sure if other != source}
        try:
            result = read_delivery(content, _as(delivery, source))
        except DeliveryRefusedError as refusal:
            refused = refused or (score, source, refusal)
            continue
        return Sniffed(source, score, others, result, list(result.problems))
    if refused is None:
        raise AssertionError("no layout read or refused the file")
    score, source, first = refused
    others = {other: found for found, other in sure if other != source}
    problem = Problem(first.code, first.zh, first.en)
    return Sniffed(source, round(score * REFUSED, 2), others, None, [problem])


def _surest_first(item: tuple[float, str]) -> tuple[float, str]:
    return -item[0], item[1]


def _as(delivery: Delivery, source: str) -> Delivery:
    return Delivery(
        delivery.district, source, delivery.name, delivery.sha256, delivery.size, delivery.modified_at
    )


def unknown_layout(head: str) -> Problem:
    """Say which layout is nearest to an unknown file, and which of its headings that one lacks."""
    best = max(
        ((len(known), source, known, fields) for fields in _headers(head) for source, known in _held(fields)),
        default=(0, "", frozenset[str](), list[str]()),
        key=lambda found: (found[0], found[1]),
    )
    count, source, known, fields = best
    if not count:
        return Problem("layout-unknown", "没有一种版式认得此文件", "no layout knows this file")
    strange = [field for field in fields if field not in known][:_SHOWN]
    proposals = [(field, propose(split_heading(field)[0])) for field in strange]
    zh = "；".join(
        f"“{field}”疑为 {found.parameter}" if found else f"“{field}”未知" for field, found in proposals
    )
    en = "; ".join(
        f"{field!r} is perhaps {found.parameter}" if found else f"{field!r} is unknown"
        for field, found in proposals
    )
    return Problem(
        "layout-unknown",
        f"没有一种版式认得此文件；最接近 {source}（认得 {len(fields)} 列中的 {count} 列）：{zh}",
        f"no layout knows this file; nearest is {source} ({count} of {len(fields)} headings): {en}",
    )


def _headers(head: str) -> list[list[str]]:
    """Return the lines at the top as headings, blanks left out."""
    lines = [line for line in head.lstrip("\ufeff").splitlines() if line.strip()][:_HEADER_WITHIN]
    split = [[field.strip().strip('"').strip() for field in line.split(",")] for line in lines]
    return [[field for field in fields if field] for fields in split]


def _held(fields: list[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield every layout with the headings it has a word for."""
    for source, reader in LAYOUTS.items():
        facts = reader.layout()
        words = {normalise_name(word) for word in _words(facts.rest)} | set(aliases(facts.medium))
        yield (
            source,
            frozenset(
                field
                for field in fields
                if normalise_name(field) in words or normalise_name(split_heading(field)[0]) in words
            ),
        )


def _words(data: Any) -> Iterator[str]:
    """Yield every text and key in a layout's data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from _words(value)
    elif isinstance(data, list):
        for value in data:
            yield from _words(value)
