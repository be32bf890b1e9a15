"""Words, rates and sizes of the pages, from `data/service.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

#: languages of the pages, the first one unless somebody asks for another
LANGUAGES: tuple[str, ...] = ("zh", "en")


@cache
def stated() -> dict[str, Any]:
    """Return what the file says."""
    return tomllib.loads(files("service").joinpath("data/service.toml").read_text("utf-8"))


def words(language: str) -> dict[str, Any]:
    """Return the words of a language; of one that has none, those of the first."""
    found: dict[str, Any] = stated()[language if language in LANGUAGES else LANGUAGES[0]]
    return found
