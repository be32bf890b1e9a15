"""The site's folder: only what changed is written, others' files stay, and the folder is swapped whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.site import folder as site_folder
from reports.site.folder import MANIFEST, keys_of, others_files, publish_folder

PAGES = {"index.html": b"one", "chiping/air.html": b"two", "assets/site.css": b"three"}
KEYS = {"index.html": "k1", "chiping/air.html": "k2"}


def publish(place: Path, pages: dict[str, bytes], kept: dict[str, str] | None = None):
    return publish_folder(
        place, pages, kept or {}, {path: key for path, key in KEYS.items() if path in pages}
    )


def numbers(place: Path) -> dict[str, int]:
    return {
        path.relative_to(place).as_posix(): path.stat().st_ino for path in place.rglob("*") if path.is_file()
    }


@pytest.fixture(params=["exchange", "renames"])
def report(request, tmp_path, monkeypatch) -> Path:
    """A folder to publish to, on a system that swaps folders in one step and on one that cannot."""
    if request.param == "renames":
        monkeypatch.setattr(site_folder, "_renameat2", lambda: None)
    return tmp_path / "home" / "report"


def test_pages_are_written_once_and_then_stay(report):
    first = publish(report, PAGES)
    assert first.written == ("assets/site.css", "chiping/air.html", "index.html")
    assert {path: (report / path).read_bytes() for path in PAGES} == PAGES
    before = numbers(report)
    again = publish(report, PAGES)
    assert (again.written, again.kept, again.removed) == ((), 3, ())
    assert numbers(report) == before, "not even linked anew"
    assert keys_of(report) == KEYS


def test_only_the_page_that_changed_is_written(report):
    publish(report, PAGES)
    before = numbers(report)
    done = publish(
        report, {"index.html": b"ONE", "assets/site.css": b"three"}, kept={"chiping/air.html": "k2"}
    )
    assert (done.written, done.kept) == (("index.html",), 2)
    after = numbers(report)
    assert (report / "index.html").read_bytes() == b"ONE"
    assert {path for path in before if before[path] != after[path]} == {"index.html", MANIFEST}
    assert [place.name for place in report.parent.iterdir()] == ["report"], "nothing is left beside it"


def test_a_page_of_what_is_no_more_goes(report):
    publish(report, PAGES)
    done = publish(report, {"index.html": b"one", "assets/site.css": b"three"})
    assert done.removed == ("chiping/air.html",)
    assert not (report / "chiping" / "air.html").exists()


def test_files_of_others_stay_what_they_are(report):
    (report / "documents").mkdir(parents=True)
    (report / "documents" / "总结.docx").write_bytes(b"their own")
    (report / "quality").mkdir()
    (report / "quality" / ".look").write_bytes(b"look")
    before = numbers(report)
    publish(report, PAGES)
    publish(report, PAGES | {"index.html": b"ONE"})
    assert others_files(report) == ["documents/总结.docx", "quality/.look"]
    assert {path: numbers(report)[path] for path in before} == before


def test_what_others_write_while_it_is_swapped_is_not_lost(report, monkeypatch):
    publish(report, PAGES)
    (report / "revisions-1.html").write_bytes(b"old")
    swap = site_folder._swap

    def others_write_first(fresh: Path, target: Path) -> None:
        (target / "documents").mkdir()
        (target / "documents" / "new.html").write_bytes(b"new")
        (target / "revisions-1.html").unlink()
        (target / "revisions-1.html").write_bytes(b"newer")
        swap(fresh, target)

    monkeypatch.setattr(site_folder, "_swap", others_write_first)
    publish(report, PAGES | {"index.html": b"ONE"})
    assert (report / "documents" / "new.html").read_bytes() == b"new"
    assert (report / "revisions-1.html").read_bytes() == b"newer"
    assert (report / "index.html").read_bytes() == b"ONE"


def test_a_page_that_lost_its_content_is_written_again(report):
    publish(report, PAGES)
    (report / "index.html").write_bytes(b"")
    assert keys_of(report) == {"chiping/air.html": "k2"}, "its key does not count: it is made again"
    assert publish(report, PAGES).written == ("index.html",)
    assert (report / "index.html").read_bytes() == b"one"


def test_a_failure_leaves_the_old_site(report, monkeypatch):
    publish(report, PAGES)

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_folder, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        publish(report, PAGES | {"index.html": b"ONE"})
    assert {path: (report / path).read_bytes() for path in PAGES} == PAGES
    assert [place.name for place in report.parent.iterdir()] == ["report"]


def test_without_hard_links_files_are_copied(report, monkeypatch):
    publish(report, PAGES)

    def none(*_paths: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(site_folder.os, "link", none)
    publish(report, PAGES | {"index.html": b"ONE"})
    assert (report / "chiping" / "air.html").read_bytes() == b"two"


def test_a_damaged_list_costs_a_whole_build_and_no_more(report):
    publish(report, PAGES)
    (report / MANIFEST).write_text("{not json", "utf-8")
    assert keys_of(report) == {}
    assert publish(report, PAGES).written == tuple(sorted(PAGES))
