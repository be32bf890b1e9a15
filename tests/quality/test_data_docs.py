"""Great Expectations' own pages: made where they are asked for, pruned like the outcomes, never otherwise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from flows.night import night
from quality import data_docs
from quality.data_docs import build_data_docs, keep_validation
from quality.engine import ALONE
from quality.judge import judge
from tests.flows.slices import empty_slice

EXPORT = "date,hour,type,9101A\n20250310,0,PM2.5,35\n20250310,1,PM2.5,-5\n20250310,2,PM2.5,36\n"


@pytest.fixture
def made(tmp_path):
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250310.csv").write_text(EXPORT, "utf-8")
    return made


def test_a_night_builds_them_where_the_setting_says_so(made):
    night(made.settings(data_docs=True))
    docs = made.home / "data_docs"
    (page,) = (docs / "site" / "validations" / "chiping" / "air-quotsoft").rglob("*.html")
    index = (docs / "site" / "index.html").read_text("utf-8")
    assert page.relative_to(docs / "site").as_posix() in index
    text = page.read_text("utf-8")
    assert "-5" in text
    assert "负值" in text
    assert text.count(page.stem) > 1, "the batch is named"
    (kept,) = (docs / "validations").rglob("*.json")
    assert "unexpected_index_list" not in kept.read_text("utf-8")


def test_without_the_setting_nothing_of_them_is_written(made):
    night(made.settings())
    assert (made.home / "quality").is_dir()
    assert not (made.home / "data_docs").exists()


def test_what_is_old_goes_and_what_is_there_is_not_made_again(make, tmp_path):
    judged = judge(make([{}, {"value": -1.0}]), source="air-quotsoft", documented=True)
    assert judged.document is not None
    day = datetime(2026, 3, 1, 2, 30)
    for name, at in (("2026-02-aa", day), ("2026-03-bb", day + timedelta(days=9))):
        keep_validation(
            tmp_path, judged.document, district="chiping", source="air-quotsoft", name=name, at=at
        )
    index = build_data_docs(tmp_path, now=day + timedelta(days=9), days=30)
    assert index is not None
    pages = {page.stem: page for page in (tmp_path / "site" / "validations").rglob("*.html")}
    assert set(pages) == {"2026-02-aa", "2026-03-bb"}
    stamp = pages["2026-03-bb"].stat().st_mtime_ns, index.stat().st_mtime_ns
    build_data_docs(tmp_path, now=day + timedelta(days=9), days=30)
    assert (pages["2026-03-bb"].stat().st_mtime_ns, index.stat().st_mtime_ns) == stamp
    build_data_docs(tmp_path, now=day + timedelta(days=31), days=30)
    assert [page.stem for page in (tmp_path / "site" / "validations").rglob("*.html")] == ["2026-03-bb"]
    assert "2026-02-aa" not in index.read_text("utf-8")
    build_data_docs(tmp_path, now=day + timedelta(days=90), days=30)
    assert "2026-03-bb" not in index.read_text("utf-8")


def test_nothing_kept_gives_no_pages(tmp_path):
    assert build_data_docs(tmp_path, now=datetime(2026, 3, 1), days=30) is None
    assert list(tmp_path.iterdir()) == []


def test_no_other_thread_judges_while_the_library_has_the_context_of_the_pages(make, tmp_path, monkeypatch):
    judged = judge(make([{}]), source="air-quotsoft", documented=True)
    real, entered = data_docs._context, []

    def watched(folder):
        with ThreadPoolExecutor(1) as other:
            entered.append(other.submit(ALONE.acquire, blocking=False).result())
        return real(folder)

    monkeypatch.setattr(data_docs, "_context", watched)
    day = datetime(2026, 3, 1, 2, 30)
    keep_validation(tmp_path, judged.document, district="chiping", source="air-quotsoft", name="a", at=day)
    assert build_data_docs(tmp_path, now=day, days=60) is not None
    assert entered == [False, False]
