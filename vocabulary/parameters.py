"""Monitoring parameters (监测因子) as data: keys, units, codes and aliases."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_CLASS_SIGNS = str.maketrans({"Ⅰ": "I", "Ⅱ": "II", "Ⅲ": "III", "Ⅳ": "IV", "Ⅴ": "V"})


@dataclass(frozen=True)
class Parameter:
    """One monitoring parameter; `unit` is the canonical unit of a reading's value."""

    key: str
    zh: str
    en: str
    media: tuple[str, ...]
    unit: str
    codes: tuple[str, ...]
    codes_2005: tuple[str, ...]
    aliases: tuple[str, ...]


@cache
def parameters() -> dict[str, Parameter]:
    """Return every parameter by key, in the order of vocabulary/data/parameters.toml."""
    data = tomllib.loads(files("vocabulary").joinpath("data/parameters.toml").read_text("utf-8"))
    return {
        item["key"]: Parameter(
            key=item["key"],
            zh=item["zh"],
            en=item["en"],
            media=tuple(item["media"]),
            unit=item["unit"],
            codes=tuple(item.get("codes", ())),
            codes_2005=tuple(item.get("codes_2005", ())),
            aliases=tuple(item["aliases"]),
        )
        for item in data["parameter"]
    }


def normalise_name(text: str) -> str:
    """Fold a header or name for matching: NFKC, no blanks or line breaks, upper case.

    Class signs Ⅰ…Ⅴ are mapped explicitly, so that NFKC cannot surprise.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_CLASS_SIGNS))
    return re.sub(r"\s+", "", folded).upper()


@cache
def aliases(medium: str) -> dict[str, str]:
    """Return normalised alias -> parameter key for one medium."""
    found: dict[str, str] = {}
    for parameter in parameters().values():
        if medium in parameter.media:
            for alias in (parameter.key, *parameter.aliases):
                found[normalise_name(alias)] = parameter.key
    return found
