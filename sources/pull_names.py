"""Names of pulled deliveries: what a server states, and what a template makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import unquote

from sources.delivery import delivery_name
from vocabulary.district_sources import TEMPLATE_FIELD

_EXTENDED = re.compile(r"(?i);\s*filename\*\s*=\s*([\w-]+)'[\w-]*'([^;\s]+)")
_PLAIN = re.compile(r'(?i);\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')
_FORMATS = {"date": "%Y-%m-%d", "from": "%Y-%m-%d", "to": "%Y-%m-%d", "until": "%Y-%m-%d"}

_CHARACTER_SETS = frozenset({"utf-8", "gb18030", "gbk", "gb2312", "iso-8859-1", "us-ascii"})

#: what a file name may be long
_LONGEST = 200


def stated_name(disposition: str) -> str:
    r"""Return the file name of a Content-Disposition header (RFC 6266): one label, never a path.

    Empty where none is stated. Names that are not ASCII come extended (`filename*=UTF-8''…`),
    percent-encoded, or as the bare bytes of UTF-8 or GBK, which a header hands over as Latin-1.

    >>> stated_name('attachment; filename="..\\..\\etc/2026-03.csv"')
    '2026-03.csv'
    """
    header = f";{disposition.partition(';')[2]}"
    # of an unknown character set the plain form may do
    if (match := _EXTENDED.search(header)) and match[1].lower() in _CHARACTER_SETS:
        return _label(unquote(match[2], encoding=match[1], errors="replace"))
    if not (match := _PLAIN.search(header)):
        return ""
    name = match[2] if match[1] is None else re.sub(r'\\(["\\])', r"\1", match[1])
    return _label(unquote(_as_written(name)))


def _as_written(name: str) -> str:
    try:
        written = name.encode("latin-1")
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030"):
        try:
            return written.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _label(name: str) -> str:
    return delivery_name(name).rsplit("/", 1)[-1][-_LONGEST:]


def filled(template: str, values: Mapping[str, date | datetime | int], *, quote: bool = False) -> str:
    """Return a template with its fields filled; `quote` makes them fit for an address."""

    def field(match: re.Match[str]) -> str:
        value = values[match[1]]
        if isinstance(value, int):
            return f"{value:{match[2] or ''}}"
        default = "%Y-%m-%dT%H" if match[1] == "now" else _FORMATS[match[1]]
        return _quoted(value.strftime(match[2] or default)) if quote else value.strftime(match[2] or default)

    return TEMPLATE_FIELD.sub(field, template)


def _quoted(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._~:/-]", lambda sign: "".join(f"%{b:02X}" for b in sign[0].encode()), text)
