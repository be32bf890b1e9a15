"""A document as a word-processor file (.docx): real headings, tables whose header repeats, page numbers.

Fonts are named, not embedded: 仿宋 for the text and 黑体 for headings, as official papers use them; where a
machine has neither, the reader's program puts its own Chinese font. The same document gives the same bytes:
times of the file and of its parts are the time of knowledge.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import docx
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Length, Mm, Pt, RGBColor

from reports.documents.charts import chart_png
from reports.documents.model import (
    Bullets,
    Cell,
    Chart,
    Document,
    Heading,
    Note,
    Paragraph,
    Part,
    Table,
    legend,
)
from reports.terminal import plain

_BODY, _HEAD, _LATIN = "仿宋", "黑体", "Times New Roman"
_INK, _QUIET = RGBColor(0x1B, 0x1B, 0x1B), RGBColor(0x44, 0x44, 0x44)
_TONES = {"good": "E3F2E6", "warn": "FDF3D7", "bad": "FBE3E4", "info": "E2F1F4"}
_HEADER_FILL = "EEF1F4"
_PAGE, _MARGIN, _WIDE_MARGIN = (Mm(210), Mm(297)), Mm(22), Mm(15)
#: earliest time that a zip archive can tell
_ZIP_FIRST = 1980


def document_docx(document: Document) -> bytes:
    """Return the file; control characters become blanks, nothing of a text is read as a field or formula.

    Raises
    ------
    DocumentError
        When a chart has a label that cannot be drawn.
    """
    file = docx.Document()
    _styles(file)
    _page(file.sections[0], wide=False)
    _footer(file.sections[0])
    _title(file, document)
    wide, charts = False, 0
    for part, beside in zip(document.parts, _on_its_side(document.parts), strict=True):
        if beside != wide:
            wide = beside
            _page(file.add_section(WD_SECTION.NEW_PAGE), wide=wide)
        if isinstance(part, Chart):
            charts += 1
            _chart(file, part, f"c{charts}")
        else:
            _part(file, part)
    moment = datetime.fromisoformat(document.as_of)
    _properties(file, document, moment)
    buffer = io.BytesIO()
    file.save(buffer)
    return _same_bytes(buffer.getvalue(), moment)


def _on_its_side(parts: tuple[Part, ...]) -> list[bool]:
    """Tell which parts stand on a page on its side: wide tables, a heading before and a note after one."""
    wide = [isinstance(part, Table) and part.wide for part in parts]
    before, after = [*wide[1:], False], [False, *wide[:-1]]
    return [
        own or (leads and isinstance(part, Heading)) or (follows and isinstance(part, Note))
        for part, own, leads, follows in zip(parts, wide, before, after, strict=True)
    ]


def _part(file: Any, part: Part) -> None:
    if isinstance(part, Heading):
        file.add_heading(plain(part.text), level=part.level)
    elif isinstance(part, Paragraph):
        file.add_paragraph(plain(part.text), style="Body Text")
    elif isinstance(part, Note):
        _small(file.add_paragraph(), plain(part.text))
    elif isinstance(part, Bullets):
        for item in part.items:
            file.add_paragraph(plain(item), style="List Bullet")
    elif isinstance(part, Table):
        _table(file, part)


def _styles(file: Any) -> None:
    # the reader's program chooses mainland shapes of the signs
    for language in file.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-CN")
    for name, font, size, bold in (
        ("Normal", _BODY, 11, False),
        ("Body Text", _BODY, 12, False),
        ("List Bullet", _BODY, 12, False),
        ("Caption", _HEAD, 10, False),
        ("Title", _HEAD, 20, True),
        ("Subtitle", _HEAD, 16, False),
        ("Heading 1", _HEAD, 15, True),
        ("Heading 2", _HEAD, 13, True),
        ("Heading 3", _HEAD, 12, True),
    ):
        style = file.styles[name]
        style.font.size, style.font.bold, style.font.italic = Pt(size), bold, False
        style.font.color.rgb = _INK
        _fonts(style.element.get_or_add_rPr(), font)
    body = file.styles["Body Text"].paragraph_format
    body.first_line_indent, body.space_after, body.line_spacing = Pt(24), Pt(4), 1.4
    file.styles["Caption"].paragraph_format.keep_with_next = True


def _fonts(properties: Any, font: str) -> None:
    """Name the fonts of Latin and of East Asian text; themes of the template would take their place."""
    fonts = properties.find(qn("w:rFonts"))
    if fonts is None:
        fonts = OxmlElement("w:rFonts")
        properties.insert(0, fonts)
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name, value in (("ascii", _LATIN), ("hAnsi", _LATIN), ("cs", _LATIN), ("eastAsia", font)):
        fonts.set(qn(f"w:{name}"), value)


def _page(section: Any, *, wide: bool) -> None:
    short, long = _PAGE
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (long, short) if wide else (short, long)
    margin = _WIDE_MARGIN if wide else _MARGIN
    section.left_margin = section.right_margin = margin
    section.top_margin = section.bottom_margin = margin


def _footer(section: Any) -> None:
    """Write the page number; later sections follow this one."""
    paragraph = section.footer.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for text, field in (("— ", "PAGE"), (" / ", "NUMPAGES")):
        paragraph.add_run(text)
        for kind in ("begin", field, "end"):
            run = paragraph.add_run()
            if kind == field:
                element = OxmlElement("w:instrText")
                element.set(qn("xml:space"), "preserve")
                element.text = f" {field} "
            else:
                element = OxmlElement("w:fldChar")
                element.set(qn("w:fldCharType"), kind)
            run._r.append(element)  # noqa: SLF001  # fields have no public writer
    paragraph.add_run(" —")


def _title(file: Any, document: Document) -> None:
    for text, style in ((document.title, "Title"), (document.subtitle, "Subtitle")):
        paragraph = file.add_paragraph(plain(text), style=style)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for line in document.facts:
        paragraph = file.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _small(paragraph, plain(line))


def _small(paragraph: Any, text: str, *, size: float = 9.5) -> None:
    run = paragraph.add_run(text)
    run.font.size, run.font.color.rgb = Pt(size), _QUIET
    paragraph.paragraph_format.space_after = Pt(3)


def _table(file: Any, part: Table) -> None:
    if not part.rows:
        file.add_paragraph(f"{plain(part.caption)}：{plain(part.empty)}", style="Body Text")
        return
    file.add_paragraph(plain(part.caption), style="Caption")
    table = file.add_table(rows=1 + len(part.rows), cols=len(part.head), style="Table Grid")
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    _narrow_margins(table)
    widths = _widths(file.sections[-1], part)
    for place, width in enumerate(widths):
        table.columns[place].width = width
    head = part.header()
    size = 8.5 if part.wide or len(part.head) > 7 else 9.5  # noqa: PLR2004  # beyond that many columns words break
    for row, texts in zip(table.rows, (head, *part.rows), strict=True):
        _keep_whole(row, header=texts is head)
        for cell, given, width in zip(row.cells, texts, widths, strict=True):
            cell.width = width
            _cell(cell, given, header=texts is head, size=size)
    file.add_paragraph().paragraph_format.space_after = Pt(2)


def _narrow_margins(table: Any) -> None:
    """Leave 1 mm beside the texts, so that figures of eight digits stay in one line."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        element = OxmlElement(f"w:{side}")
        element.set(qn("w:w"), "57")
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    table._tbl.tblPr.append(margins)  # noqa: SLF001  # tables have no public writer for it


def _widths(section: Any, part: Table) -> list[Length]:
    whole = section.page_width - section.left_margin - section.right_margin
    return [Length(int(whole * width / sum(part.widths))) for width in part.widths]


def _keep_whole(row: Any, *, header: bool) -> None:
    """Keep a row on one page, and repeat the header on every page."""
    properties = row._tr.get_or_add_trPr()  # noqa: SLF001  # rows have no public writer for these
    for name in ("w:cantSplit", *(("w:tblHeader",) if header else ())):
        properties.append(OxmlElement(name))


def _cell(cell: Any, given: Cell, *, header: bool, size: float) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(0)
    paragraph.paragraph_format.line_spacing = 1.1
    if given.number:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(plain(given.text))
    run.font.size, run.font.bold = Pt(size), header
    _fonts(run._r.get_or_add_rPr(), _HEAD if header else _BODY)  # noqa: SLF001  # no public writer for East Asian fonts
    fill = _HEADER_FILL if header else _TONES.get(given.tone)
    if fill:
        shade = OxmlElement("w:shd")
        for name, value in (("val", "clear"), ("color", "auto"), ("fill", fill)):
            shade.set(qn(f"w:{name}"), value)
        cell._tc.get_or_add_tcPr().append(shade)  # noqa: SLF001  # cells have no public writer for it


def _chart(file: Any, part: Chart, name: str) -> None:
    section = file.sections[-1]
    picture = file.add_paragraph()
    picture.paragraph_format.keep_with_next = True
    picture.add_run().add_picture(
        io.BytesIO(chart_png(part, name)),
        width=Length(section.page_width - section.left_margin - section.right_margin),
    )
    # what the picture says to those who do not see it
    for described in picture._p.iter(qn("wp:docPr")):  # noqa: SLF001  # pictures have no public writer for it
        described.set("descr", plain(part.caption))
        described.set("name", name)
    words = file.add_paragraph()
    words.paragraph_format.keep_with_next = True
    for mark, word, colour in legend(part):
        sign = words.add_run(f"{mark} ")
        sign.font.color.rgb, sign.font.size = RGBColor.from_string(colour[1:]), Pt(9.5)
        run = words.add_run(f"{plain(word)}　")
        run.font.size = Pt(9.5)
    caption = file.add_paragraph(plain(part.caption), style="Caption")
    caption.paragraph_format.keep_with_next = False


def _properties(file: Any, document: Document, moment: datetime) -> None:
    properties = file.core_properties
    properties.title = plain(f"{document.title} {document.subtitle}")
    properties.subject, properties.author = plain(document.district), "ecoplan"
    properties.last_modified_by, properties.comments = "ecoplan", plain(f"as of {document.as_of}")
    properties.language, properties.revision = "zh-CN", 1
    properties.created = properties.modified = properties.last_printed = moment.replace(microsecond=0)


def _same_bytes(content: bytes, moment: datetime) -> bytes:
    """Pack a file anew with fixed times, so that it does not tell when it was written."""
    stamp = max(moment, datetime(_ZIP_FIRST, 1, 1))
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in given.namelist():
            part = zipfile.ZipInfo(name, date_time=stamp.timetuple()[:6])
            part.compress_type, part.create_system = zipfile.ZIP_DEFLATED, 0
            packed.writestr(part, given.read(name))
    return buffer.getvalue()
