"""A chain of explanation as one HTML page: escaped, offline, without scripts, Chinese first with English beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from reports.explain_tree import as_tree
from reports.site.render import unit
from reports.terminal import plain


def explain_html(
    records: Sequence[Mapping[str, Any]], *, title: str, known_at: str, command: str = "", key: str = ""
) -> str:
    """Return the page of a chain.

    Parameters
    ----------
    records
        As `ecoplan explain --json` gives them.
    title
        What is explained, e.g. `CP-S3 2026-03-25`.
    known_at
        The time for which it holds, Asia/Shanghai.
    command
        How to ask the same on the command line.
    key
        What the page rests on, kept within it: SHA-256 in hex.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": plain, "unit": unit}
    template = environment.from_string(files("reports").joinpath("templates/explain.html").read_text("utf-8"))
    return template.render(nodes=as_tree(records), title=title, known_at=known_at, command=command, key=key)
