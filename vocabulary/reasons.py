"""Why a cell or a delivery was turned away: stable codes with their reason in Chinese and English."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Reason:
    """A reason: `severity` is quarantine (one cell or row), refuse (the delivery), flag, warn or note.

    A note is what a platform does every day: it is told, but it is no finding that needs a person.
    """

    code: str
    severity: str
    zh: str
    en: str


@cache
def reasons() -> dict[str, Reason]:
    """Return every reason by code, from vocabulary/data/reasons.toml."""
    data = tomllib.loads(files("vocabulary").joinpath("data/reasons.toml").read_text("utf-8"))
    return {
        code: Reason(code=code, severity=item["severity"], zh=item["zh"], en=item["en"])
        for code, item in data.items()
    }


class DeliveryRefusedError(Exception):
    """The delivery (一次交付) as a whole is not what it claims to be; its bytes are kept.

    `code` is a key of reasons.toml; `zh` and `en` say what was found and what was expected.
    """

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {zh} / {en}")
        self.code = code
        self.zh = zh
        self.en = en
