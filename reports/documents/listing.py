"""The page that lists the documents made so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from reports.terminal import plain


def documents_html(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the list as one page.

    Parameters
    ----------
    documents
        title, district, as_of, and files (name, format) of each; names are relative to the page.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    template = environment.from_string(
        files("reports").joinpath("templates/document_index.html").read_text("utf-8")
    )
    return template.render(documents=documents)
