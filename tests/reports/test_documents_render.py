"""One content, two files: what is escaped, what repeats, what stays the same from run to run."""

from __future__ import annotations

import io
import re
import zipfile

import docx
import pytest
from docx.oxml.ns import qn
from freezegun import freeze_time

from reports.documents.charts import chart_png, chart_svg
from reports.documents.composing import Composer, chinese_number
from reports.documents.model import (
    Chart,
    Document,
    DocumentError,
    Panel,
    Series,
    Table,
    cells,
    legend,
    number,
)
from reports.documents.page import document_html
from reports.documents.word import document_docx
from reports.documents.wording import pollutants, rounded, shown, zh_part

#: what a site, a note or a file name may hold; none of it may become mark-up, a field or a formula
EVIL = '=HYPERLINK("x")<script>alert(1)</script>&amp;\x07\x1b[31m'
TAME = '=HYPERLINK("x")<script>alert(1)</script>&amp;  [31m'


def document(*, name: str = "徒骇河断面") -> Document:
    composer = Composer()
    composer.chapter("总体情况")
    composer.section("断面")
    composer.say(name)
    composer.note(name)
    composer.items([name], "无")
    composer.table(
        name, ("断面", "浓度"), [cells(name, number("0.150", "bad"))] * 40, (3, 1), empty="没有断面"
    )
    composer.chapter("宽表")
    composer.table("宽表", ("甲", "乙"), [cells("a", "b")], (1, 1), empty="没有", wide=True)
    composer.note("宽表的说明")
    composer.table("缺数据的表", ("甲",), [], (1,), empty="2023 年没有监测数据")
    composer.chart(
        name,
        [
            Panel(
                "1 (µg/m³)", ("21", "22"), (Series(name, (1.0, None)), Series("目标", (2.0, 2.0), "limit"))
            ),
            Panel("2", ("1", "2"), (Series("核定", (1, 2), "bar"), Series("上报", (2, 3), "bar"))),
        ],
        columns=2,
    )
    return Document(
        "x-final-2025", name, "终期评估", name, "2026-01-15T08:00:01", (name,), tuple(composer.parts)
    )


@pytest.fixture(scope="module")
def evil() -> tuple[str, bytes]:
    return document_html(document(name=EVIL)), document_docx(document(name=EVIL))


@pytest.fixture(scope="module")
def tame() -> tuple[str, bytes]:
    return document_html(document()), document_docx(document())


def test_html_escapes_every_text(evil: tuple[str, bytes]) -> None:
    page, _ = evil
    assert "<script" not in page
    assert "\x07" not in page
    assert "\x1b" not in page
    # title twice, fact, paragraph, note, list, caption and label of table and chart, cells, legend
    assert page.count("&lt;script&gt;") >= 10
    assert "&amp;amp;" in page


def test_word_keeps_evil_texts_as_texts(evil: tuple[str, bytes]) -> None:
    file = docx.Document(io.BytesIO(evil[1]))
    assert [p.text for p in file.paragraphs if p.style.name == "List Bullet"] == [TAME]
    assert file.tables[0].cell(1, 0).text == TAME
    fields = [e.text.strip() for e in file.element.iter(qn("w:instrText"))]
    assert fields == []  # the only fields are page numbers, and they are in the footer


def test_word_has_headings_tables_whose_header_repeats_and_page_numbers(tame: tuple[str, bytes]) -> None:
    file = docx.Document(io.BytesIO(tame[1]))
    headings = [(p.style.name, p.text) for p in file.paragraphs if p.style.name.startswith("Heading")]
    assert headings == [("Heading 1", "一、总体情况"), ("Heading 2", "（一）断面"), ("Heading 1", "二、宽表")]
    long, wide = file.tables
    assert [cell.text for cell in long.rows[0].cells] == ["断面", "浓度"]
    assert len(long.rows) == 41
    assert [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in long.rows[:2]] == [True, False]
    fields = [e.text.strip() for e in file.sections[0].footer._element.iter(qn("w:instrText"))]
    assert fields == ["PAGE", "NUMPAGES"]
    # a wide table has a page on its side, with the heading before it and the note after it
    assert [s.page_width > s.page_height for s in file.sections] == [False, True, False]
    assert [cell.text for cell in wide.rows[1].cells] == ["a", "b"]
    assert "缺数据的表：2023 年没有监测数据" in [p.text for p in file.paragraphs]


def test_word_names_chinese_fonts_for_east_asian_text(tame: tuple[str, bytes]) -> None:
    file = docx.Document(io.BytesIO(tame[1]))
    fonts = {
        name: file.styles[name].element.rPr.find(qn("w:rFonts")).get(qn("w:eastAsia"))
        for name in ("Normal", "Heading 1", "Title")
    }
    assert fonts == {"Normal": "仿宋", "Heading 1": "黑体", "Title": "黑体"}


def test_the_same_document_gives_the_same_bytes_at_any_time(tame: tuple[str, bytes]) -> None:
    first = tame
    with freeze_time("2031-07-02 23:11:59"):
        second = document_html(document()), document_docx(document())
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first[1])) as packed:
        # an archive tells times in steps of two seconds
        assert {item.date_time for item in packed.infolist()} == {(2026, 1, 15, 8, 0, 0)}
    told = docx.Document(io.BytesIO(first[1])).core_properties
    assert f"{told.created:%Y-%m-%d %H:%M:%S}" == "2026-01-15 08:00:01"
    assert told.created == told.modified


def test_page_stands_alone_and_its_ids_are_its_own(tame: tuple[str, bytes]) -> None:
    page = tame[0]
    assert "<script" not in page
    outside = set(re.findall(r'(?:src|href|url)\s*[=(]\s*"?(https?:[^")\s]+)', page))
    assert outside == set()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    # what is referred to is there
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_charts_keep_text_and_never_draw_what_their_font_has_not() -> None:
    chart = next(part for part in document().parts if isinstance(part, Chart))
    drawn = chart_svg(chart, "c1")
    assert ">1 (µg/m³)</text>" in drawn
    assert not re.search(r"[\u4e00-\u9fff]", drawn)
    assert chart_png(chart, "c1").startswith(b"\x89PNG")
    chinese = Chart("图", (Panel("一月", ("1",), (Series("a", (1.0,)),)),))
    with pytest.raises(DocumentError, match="一月"):
        chart_svg(chinese, "c1")


def test_legend_names_each_word_once_with_its_mark() -> None:
    twice = (Series("年值", (1.0,)), Series("目标", (1.0,), "limit"))
    chart = Chart("图", (Panel("1", ("1",), twice), Panel("2", ("1",), twice)))
    assert [(mark, word) for mark, word, _ in legend(chart)] == [("●", "年值"), ("┄", "目标")]


def test_a_row_that_does_not_fit_its_header_is_refused() -> None:
    with pytest.raises(DocumentError, match="a row of 1 cells under 2"):
        Table("表", ("甲", "乙"), (cells("a"),), (1, 1), "无")


def test_figures_of_records_are_never_rounded_and_absent_ones_said() -> None:
    assert [shown(67.0, 1), shown(38.9, 0), shown(0.000325, 6), shown(12.25, 1)] == [
        "67.0",
        "38.9",
        "0.000325",
        "12.25",
    ]
    assert [shown(float("nan"), 1), shown(None), shown("完成市下达任务")] == ["—", "—", "完成市下达任务"]


def test_figures_worked_out_are_rounded_half_to_even() -> None:
    # GB/T 8170-2008, 3.2: 0.125 -> 0.12, 0.135 -> 0.14
    assert [rounded(0.125, 2), rounded(0.135, 2), rounded(7.0, 1)] == ["0.12", "0.14", "7.0"]


def test_words_of_main_pollutants_and_of_two_languages() -> None:
    assert pollutants("cod_mn,do", "cod_mn=0.2") == "高锰酸盐指数（0.2 倍）、溶解氧"
    assert pollutants("", "") == "—"
    assert zh_part("还需核定 1.9 t / 1.9 t still to be recognised") == "还需核定 1.9 t"
    assert zh_part("8.5 mg/L / 9") == "8.5 mg/L / 9"


def test_numbers_of_chapters() -> None:
    assert [chinese_number(n) for n in (1, 10, 12, 20, 21)] == ["一", "十", "十二", "二十", "二十一"]
