"""A document as one page of HTML: no script, no address outside itself, ready to print on A4."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, Template
from markupsafe import Markup

from reports.documents.charts import chart_svg
from reports.documents.model import Chart, Document, legend
from reports.terminal import plain


def document_html(document: Document) -> str:
    """Return the page; every text is escaped, control characters become blanks.

    Raises
    ------
    DocumentError
        When a chart has a label that cannot be drawn.
    """
    return _template("document_page.html").render(d=document, parts=_shown(document))


def _template(name: str) -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    return environment.from_string(files("reports").joinpath(f"templates/{name}").read_text("utf-8"))


def _shown(document: Document) -> list[dict[str, Any]]:
    """Return the parts with what the template needs beside: kind, number, drawing and legend."""
    shown: list[dict[str, Any]] = []
    charts = 0
    for place, part in enumerate(document.parts):
        record: dict[str, Any] = {"kind": type(part).__name__, "part": part, "place": place}
        if isinstance(part, Chart):
            charts += 1
            # the drawing is made by the charts' own code of texts it has checked and escaped
            record["svg"] = Markup(chart_svg(part, f"c{charts}"))  # noqa: S704  # as said above
            record["legend"] = legend(part)
        shown.append(record)
    return shown
