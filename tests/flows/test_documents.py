"""Documents made from a loaded warehouse: their numbers are those of the read commands, and they can be given again."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
import pytest
from sqlalchemy import Connection

import cli
from flows.answers.air import air
from flows.answers.records import PeriodError, indicators, sections
from flows.documents.write import (
    bulletin_document,
    documents_folder,
    documents_index,
    evaluation_document,
    publish_documents,
    write_documents,
)
from reports.documents.model import Document, DocumentError, Heading, Paragraph, Table
from reports.documents.wording import class_text, shown, status_word
from tests.flows.conftest import Night
from tests.flows.slices import Slice, run_load
from vocabulary.clock import utc_of_wall
from vocabulary.district import District, load_district
from warehouse.engine import Warehouse

#: what a site's name may hold
EVIL = '=1+1<script>alert("x")</script>'


@pytest.fixture(scope="module")
def connection(first_night: Night) -> Any:
    warehouse = Warehouse(first_night.made.settings().warehouse_url(), lock_wait=30.0, read_only=True)
    with warehouse.read() as opened:
        yield opened


@pytest.fixture(scope="module")
def chiping(first_night: Night) -> District:
    return load_district(first_night.made.root / "districts" / "chiping")


@pytest.fixture(scope="module")
def final(connection: Connection, chiping: District) -> Document:
    return evaluation_document(connection, chiping, "final")[0]


def table(document: Document, word: str) -> Table:
    return next(part for part in document.parts if isinstance(part, Table) and word in part.caption)


def said(document: Document) -> str:
    return "\n".join(part.text for part in document.parts if isinstance(part, Paragraph))


def test_every_indicator_stands_with_the_figures_of_the_read_command(
    connection: Connection, chiping: District, final: Document
) -> None:
    records = indicators(connection, chiping, 2025)
    assert len(records) == 21
    rows = table(final, "规划指标 2025 年完成情况").rows
    plan = chiping.plan_for(2025)
    assert plan is not None
    for item, record, row in zip(plan.indicator, records, rows, strict=True):
        assert row[0].text == str(record["indicator"])
        assert row[6].text == shown(record["value"], item.decimals)
        assert row[8].text == status_word(record["status"])
        # a row without a figure has its reason, never a blank
        assert row[9].text == record["reason_zh"] != ""
        assert all(cell.text for cell in row)
    counted = table(final, "判定结果统计").rows
    assert sum(int(row[3].text) for row in counted) == 21


def test_binding_and_anticipatory_are_counted_apart(final: Document) -> None:
    # both plans have 12 binding and 9 anticipatory indicators
    counted = table(final, "判定结果统计").rows
    assert [sum(int(row[place].text) for row in counted) for place in (1, 2)] == [12, 9]


def test_sections_of_the_year_stand_with_class_and_target(
    connection: Connection, chiping: District, final: Document
) -> None:
    rows = {row[0].text: row for row in table(final, "2025 年断面水质").rows}
    records = sections(connection, chiping, "2025")
    assert len(rows) == len(records)
    for record in records:
        row = rows[record["name"]]
        assert row[4].text == class_text(record["class"])
        assert row[3].text == class_text(record["target_class"])
    silent = [record["name"] for record in records if record["class"] is None]
    assert silent
    assert all(rows[name][10].text == "本期没有可评价的数据" for name in silent)


def test_air_of_the_year_is_that_of_the_read_command(
    connection: Connection, chiping: District, final: Document
) -> None:
    records = [row for row in air(connection, chiping, "2025") if row["limit"] is not None]
    rows = table(final, "六项污染物评价").rows
    assert sorted(row[3].text for row in rows) == sorted(shown(record["rounded"]) for record in records)
    assert all(row[7].text.endswith("/365") for row in rows)


def test_what_is_not_there_is_said(final: Document) -> None:
    text = said(final)
    assert "减排台账没有规划期内的项目，减排量无从计算。" in text
    assert "该年已经结束，没有需要预测的指标。" in text
    gaps = table(final, "尚不能下结论").rows
    assert all(row[4].text not in ("", "—") for row in gaps)


def test_chapters_of_an_evaluation(final: Document) -> None:
    chapters = [part.text for part in final.parts if isinstance(part, Heading) and part.level == 1]
    assert [text.split("、")[-1] for text in chapters] == [
        "总体情况",
        "指标完成情况",
        "分领域完成情况",
        "环境空气",
        "地表水环境",
        "重点工程减排",
        "变化原因",
        "年末预测与剩余空间",
        "尚缺的数据与结论",
        "其他目标与任务节点",
        "数据质量",
        "附录一　采用的规则与条款",
        "附录二　数据交付的时间范围",
        "附录三　可复核信息",
    ]
    assert final.title == "聊城市茌平区“十四五”生态环境保护规划"
    assert final.subtitle == "终期评估报告（2021—2025 年）"


def test_the_ledger_of_cells_is_that_of_the_deliveries(first_night: Night, final: Document) -> None:
    rows = {row[0].text: row for row in table(final, "交付与完整性").rows}
    for report in first_night.run.summary.sources:
        if report.district == "chiping":
            row = rows[report.title]
            assert row[1].text == str(report.loaded + report.refused)
            assert row[3].text == str(report.counts.get("cells_in", 0))
            assert row[5].text == str(report.counts.get("quarantined", 0))
            assert row[6].text == str(report.counts.get("revised", 0))


def test_the_same_time_of_knowledge_gives_the_same_files(
    connection: Connection, chiping: District, final: Document, tmp_path: Path
) -> None:
    again, found = evaluation_document(connection, chiping, "final")
    assert again == final
    # that one content gives the same bytes is shown in tests/reports/test_documents_render.py
    made = write_documents(again, tmp_path, ("html",), form="final", fingerprint=found.fingerprint())
    assert made.files[0].name == f"chiping-final-2025-{final.as_of.replace('-', '').replace(':', '')}.html"
    assert found.fingerprint() in made.files[0].read_text("utf-8")


@pytest.mark.thorough
def test_an_earlier_time_of_knowledge_gives_the_earlier_document(first_night: Night, tmp_path: Path) -> None:
    shutil.copytree(first_night.made.root, tmp_path / "slice")
    made = Slice(tmp_path / "slice", tmp_path / "slice" / "home")
    district = load_district(made.root / "districts" / "chiping")

    def written(as_of: datetime | None = None) -> Document:
        warehouse = Warehouse(made.settings().warehouse_url(), lock_wait=30.0, read_only=True)
        with warehouse.read() as opened:
            return evaluation_document(opened, district, "final", as_of=as_of)[0]

    before = written()
    later = made.take("chiping", "air/china_sites_20250920.csv")
    run_load(made, later, "air-quotsoft")
    assert written(utc_of_wall(datetime.fromisoformat(before.as_of))) == before
    now = written()
    assert table(now, "交付与完整性").rows != table(before, "交付与完整性").rows
    assert said(now) != said(before)


def test_before_the_first_run_there_is_nothing_to_write(connection: Connection, chiping: District) -> None:
    with pytest.raises(DocumentError, match="还没有运行过"):
        evaluation_document(connection, chiping, "final", as_of=datetime(2001, 1, 1))


def test_years_and_quarters_that_are_none_are_refused(connection: Connection, chiping: District) -> None:
    with pytest.raises(DocumentError, match="没有覆盖 2019 年的规划"):
        evaluation_document(connection, chiping, "yearly", year=2019)
    with pytest.raises(DocumentError, match="2024"):
        evaluation_document(connection, chiping, "mid-term", year=2024)
    # no reading of 2023 was ever loaded in this slice
    with pytest.raises(DocumentError, match="没有 2023 年的指标记录"):
        evaluation_document(connection, chiping, "mid-term")
    with pytest.raises(PeriodError, match="2026-Q1"):
        bulletin_document(connection, chiping, "sections", quarter="2026-03")


def test_bulletin_of_sections_is_that_of_the_read_command(connection: Connection, chiping: District) -> None:
    document, _ = bulletin_document(connection, chiping, "sections")
    # the run's date is 2026-04-01: the first quarter is the last that was over
    assert document.subtitle == "2026 年第一季度"
    rows = {row[0].text: row for row in table(document, "断面水质").rows}
    records = sections(connection, chiping, "2026-Q1")
    assert {name: row[4].text for name, row in rows.items()} == {
        record["name"]: class_text(record["class"]) for record in records
    }
    assert {name: row[7].text for name, row in rows.items()} == {
        record["name"]: {True: "是", False: "否", None: "—"}[record["attained"]] for record in records
    }


def test_bulletin_of_waters_lists_every_registered_body(connection: Connection, chiping: District) -> None:
    document, _ = bulletin_document(connection, chiping, "black-odorous", quarter="2025-Q4")
    listed = table(document, "黑臭水体清单").rows
    bodies = chiping.sites[(chiping.sites["kind"] == "point") & (chiping.sites["medium"] == "surface_water")]
    assert [row[1].text for row in listed] == sorted(bodies["name"], key=list(bodies["name"]).index)
    assert {row[8].text for row in listed} == {"本季度清单没有该水体的状态"}


def test_names_with_mark_up_and_formulas_stay_text(
    connection: Connection, chiping: District, tmp_path: Path
) -> None:
    sites = chiping.sites.assign(name=chiping.sites["name"].mask(chiping.sites["key"] == "CP-S1", EVIL))
    named = replace(chiping, sites=sites)
    document, found = bulletin_document(connection, named, "sections")
    made = write_documents(
        document, tmp_path, ("html", "docx"), form="sections", fingerprint=found.fingerprint()
    )
    page, word = (file.read_bytes() for file in made.files)
    assert b"<script" not in page
    assert b"&lt;script&gt;" in page
    texts = [cell.text for one in docx.Document(io.BytesIO(word)).tables for cell in one.columns[0].cells]
    assert EVIL in texts


def test_the_command_writes_files_lists_them_and_says_where(
    first_night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in first_night.made.environment().items():
        monkeypatch.setenv(name, value)
    words = ["document", "black-odorous", "--district", "chiping", "--format", "html", "--json"]
    monkeypatch.setattr("sys.argv", ["ecoplan", *words, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code in (None, 0)
    (record,) = json.loads(capsys.readouterr().out)
    assert Path(record["file"]).parent == tmp_path
    assert record["dump_sha256"] == first_night.dump_sha256


def test_the_index_names_what_is_there(connection: Connection, chiping: District, tmp_path: Path) -> None:
    assert documents_index(tmp_path) == []
    document, found = bulletin_document(connection, chiping, "black-odorous")
    made = write_documents(
        document, documents_folder(tmp_path), ("html",), form="black-odorous", fingerprint=found.fingerprint()
    )
    (item,) = documents_index(tmp_path)
    assert (tmp_path / "report" / item["path"]).read_bytes() == made.files[0].read_bytes()
    assert (item["title"], item["as_of"]) == (made.record["title"], document.as_of)
    page = publish_documents(tmp_path).read_text("utf-8")
    assert made.files[0].name in page
    made.files[0].unlink()
    assert documents_index(tmp_path) == []
