"""Header drift (表头漂移): what an unknown heading probably means, as a proposal a person decides on.

Nothing here changes what is loaded: the values of an unknown column stay in quarantine until someone adds
the alias, and are replayed then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from sources.result import Problem
from vocabulary.parameters import normalise_name, parameters
from vocabulary.units import SAME, Conversion

#: likeness of two spellings from which on one is proposed for the other
_LIKE = 0.6
#: likeness of a heading that holds a whole known name (`总磷在线值`)
_HOLDS = 0.8
#: a shorter name is found in too many words
_LEAST = 2


@dataclass(frozen=True)
class Proposal:
    """A heading, the parameter it probably is, the known spelling it resembles, and how much (0 to 1)."""

    heading: str
    parameter: str
    spelling: str
    likeness: float


@cache
def _spellings() -> tuple[tuple[str, str, str], ...]:
    """Return (normalised, as written, parameter) of every name a parameter goes by."""
    return tuple(
        (normalise_name(name), name, key)
        for key, parameter in parameters().items()
        for name in (parameter.zh, *parameter.aliases)
    )


def propose(heading: str, spellings: Iterable[tuple[str, str, str]] | None = None) -> Proposal | None:
    """Return the known name that an unknown heading (without its unit) resembles most, or None.

    >>> propose("总磷在线值").parameter
    'tp'
    """
    wanted = normalise_name(heading)
    best: Proposal | None = None
    for folded, written, parameter in spellings if spellings is not None else _spellings():
        if len(folded) >= _LEAST and folded in wanted:
            # the longest name that is held says most: `总氮` in `硝酸盐总氮`
            score = _HOLDS + (1 - _HOLDS) * len(folded) / len(wanted)
        else:
            score = SequenceMatcher(None, folded, wanted, autojunk=False).ratio()
        if score >= _LIKE and (best is None or score > best.likeness):
            best = Proposal(heading, parameter, written, round(score, 3))
    return best


def unknown_column(heading: str, name: str) -> Problem:
    """Return the remark on an unknown column; `name` is its heading without unit."""
    found = propose(name)
    zh, en = f"列“{heading}”不在版式中", f"unknown column {heading!r}"
    if found is not None:
        zh += f"；疑为“{found.spelling}”（{found.parameter}），若属实请把“{name}”加入别名"
        en += f"; perhaps {found.parameter} ({found.spelling}): if so, add the alias {name!r}"
    return Problem("column-unknown", zh, en)


def changed_unit(heading: str, parameter: str, change: Conversion | None) -> list[Problem]:
    """Return the remark on a known column whose unit is not the parameter's own; it is converted."""
    if change is None or change == SAME:
        return []
    unit = parameters()[parameter].unit
    return [
        Problem(
            "unit-changed",
            f"列“{heading}”的单位不是 {unit}，已换算",
            f"column {heading!r} is not in {unit}; its values were converted",
        )
    ]
