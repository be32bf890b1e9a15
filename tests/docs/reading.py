"""Read the commands and snippets of the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: what is read: every page of the repository that people follow
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples" / "README.md"],
    key=lambda page: page.as_posix(),
)
#: first words of a line that is a command
_PROGRAMS = re.compile(
    r"^(?:ecoplan|make|git|prefect|python|pip|uv|systemctl|docker|curl|psql|sudo|npm|\.?[\w./-]*/bin/[\w.-]+)(?: |$)"
)
#: a fence may be indented, as a step of a list is
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n|^\n(?= {4}))+", re.MULTILINE)
_INLINE = re.compile(r"`(ecoplan [^`\n]+)`")
_CRON = re.compile(r"^(?:[\d*/]+ +){5}")


@dataclass(frozen=True)
class Line:
    """A command as it stands on a page, without its comment, prompt and times."""

    page: str
    text: str


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, kind: str | None = None) -> Iterator[str]:
    """Yield the code blocks of a page: fenced ones (of a kind), and indented ones where no kind is asked for."""
    text = text_of(page)
    for found, block in _FENCED.findall(text):
        if kind is None or found == kind:
            yield block
    if kind is None:
        for match in _INDENTED.finditer(_FENCED.sub("", text)):
            yield re.sub(r"^ {4}", "", match[0], flags=re.MULTILINE)


def commands(page: Path) -> list[Line]:
    """Return the commands of a page's code blocks, in order."""
    found = []
    for block in blocks(page):
        for raw in block.splitlines():
            line = _CRON.sub("", raw.strip().removeprefix("$ "))
            line = re.split(r" +#", line)[0].strip()
            if _PROGRAMS.match(line):
                found.append(Line(page.relative_to(ROOT).as_posix(), line))
    return found


def mentioned(page: Path) -> list[Line]:
    """Return the ecoplan commands that a page's text names."""
    name = page.relative_to(ROOT).as_posix()
    return [Line(name, found) for found in _INLINE.findall(_FENCED.sub("", text_of(page)))]
