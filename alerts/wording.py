"""Text of messages: templates (data), and what makes any inserted text safe in the channel's markup.

Whatever is put into a template, a section's name, a file's name, a column, passes `clean` first and is
escaped for the channel's markup. Only an address made by `alerts.links` is left as it is.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup as Html

from alerts.routing_settings import Markup

_LONGEST = 160
_FULL_WIDTH = {ord(sign): ord(sign) + 0xFEE0 for sign in "<>&[]`*_#"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~!])")
# a tag that chat services act upon although the message is plain text, or was made plain on the way: <at user_id="all">
_TAG = re.compile(r"<(?=[A-Za-z/!@＠])")


class Address(str):
    """An address of our own making: left as it is, and made to be followed where the markup can."""

    __slots__ = ()


def clean(value: object, longest: int = _LONGEST) -> str:
    """Make any text safe to stand inside one line of a message.

    Control and format characters (line breaks, escape sequences, direction overrides, zero-width) become
    blanks, runs of blanks one blank; `@` becomes full width, so that no name can call a whole group, and so
    does the colon of `://`, so that no name becomes an address to follow; more than `longest` characters are
    cut with an ellipsis.
    """
    kept = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in str(value))
    line = " ".join(kept.split()).replace("@", "＠").replace("://", "：//")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def render(template: str, markup: Markup, context: dict[str, Any], *, title: bool = False) -> str:
    """Fill a template of `alerts/templates`; blank lines at both ends are left out."""
    return _environment(markup, title=title).get_template(template).render(context).strip("\n")


def finish(body: str, markup: Markup) -> str:
    """Write the line breaks of a finished body as the markup wants them."""
    if markup == "html":
        return body.replace("\n", "<br>\n")
    if markup == "markdown":
        return body.replace("\n", "  \n")
    return body


@cache
def words() -> dict[str, Any]:
    """Return the words of messages by language, and what else templates/words.toml says."""
    return tomllib.loads(files("alerts").joinpath("templates/words.toml").read_text("utf-8"))


@cache
def _environment(markup: Markup, *, title: bool) -> Environment:
    """Return the templates' environment: every inserted value is cleaned, then escaped for the markup.

    A title is shown as plain text by some services and as markup by others: there the signs of markup are
    replaced by their full-width twins, which are right in both.
    """
    finalize: Callable[[object], str] = _FINALIZE[markup]
    if title and markup != "text":
        finalize = _finalize_title
    return Environment(
        loader=PackageLoader("alerts", "templates"),
        autoescape=markup == "html" and not title,  # noqa: S701 - other markups are escaped by finalize
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )


def _inert(value: object) -> str:
    return _TAG.sub("＜", clean(value))


def _finalize_text(value: object) -> str:
    return str(value) if isinstance(value, Address) else _inert(value)


def _finalize_html(value: object) -> str:
    if isinstance(value, Address):
        return Html('<a href="{0}" style="word-break:break-all">{0}</a>').format(str(value))
    return _inert(value)


def _finalize_markdown(value: object) -> str:
    return f"<{value}>" if isinstance(value, Address) else _MARKDOWN.sub(r"\\\1", _inert(value))


def _finalize_title(value: object) -> str:
    return clean(value).translate(_FULL_WIDTH)


_FINALIZE: dict[Markup, Callable[[object], str]] = {
    "text": _finalize_text,
    "html": _finalize_html,
    "markdown": _finalize_markdown,
}
