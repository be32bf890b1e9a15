"""The pages of the documentation: every command and snippet runs, every page is in the site, the dictionary is current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import text

from warehouse.engine import Warehouse

ROOT = Path(__file__).resolve().parents[2]
#: pages whose sql and python blocks are run as they stand; commands are run by test_commands.py
_RUN = ("docs/tutorial.md", "docs/how-to/explain.md", "docs/how-to/sql.md")


def blocks(page: str, kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [str(block) for block in found]


_QUERIES = [block for page in _RUN for block in blocks(page, "sql")]


@pytest.fixture(scope="module")
def building() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_sql_has_queries() -> None:
    assert len(_QUERIES) >= 4


@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query.split("from ")[1].split()[0])
def test_every_query_runs_on_the_embedded_engine(home: dict[str, str], query: str) -> None:
    url = f"duckdb:///{home['ECOPLAN_HOME']}/ecoplan.duckdb"
    with Warehouse(url, lock_wait=30.0, read_only=True).read() as connection:
        rows = connection.execute(text(query.rstrip().rstrip(";"))).all()
    # the last of the ledger's must find nothing, the others something
    assert bool(rows) == ("<>" not in query) or "aqi > 100" in query


@pytest.mark.postgres
@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query.split("from ")[1].split()[0])
def test_every_query_runs_on_the_server(postgres_uri: str, query: str) -> None:
    from tests.conftest import fresh_postgres

    with fresh_postgres(postgres_uri).read() as connection:
        connection.execute(text(query.rstrip().rstrip(";"))).all()


@pytest.mark.parametrize("snippet", [block for page in _RUN for block in blocks(page, "python")])
def test_every_python_snippet_runs(
    home: dict[str, str], snippet: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    exec(compile(snippet, "docs/how-to/sql.md", "exec"), {})  # noqa: S102 - the page's own words are under test
    assert "2025-07" in capsys.readouterr().out


def test_the_data_dictionary_in_the_repository_is_the_one_of_the_schema(building: ModuleType) -> None:
    kept = (ROOT / "docs/reference/data-dictionary.md").read_text("utf-8")
    assert kept == building.dictionary_page(), "out of date: run `make docs` and commit the page"


@pytest.fixture(scope="module")
def staged(building: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "docs"
    building.stage(folder)
    return Path(folder)


def test_every_page_is_staged_and_in_the_navigation_once(building: ModuleType, staged: Path) -> None:
    pages = {page.relative_to(staged).as_posix() for page in staged.rglob("*.md")}
    written = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert written <= pages
    assert {"index.md", "reference/commands.md", "reference/layouts.md"} <= pages
    named = [
        page
        for entry in building.navigation(staged)
        for value in entry.values()
        for page in ([value] if isinstance(value, str) else value)
    ]
    assert sorted(named) == sorted(pages)


def test_links_of_staged_pages_stay_within_the_site(staged: Path) -> None:
    broken: list[str] = []
    for page in staged.rglob("*.md"):
        plain = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s#]+)[^)]*\)", re.sub(r"`[^`]*`", "", plain))
        broken += [
            f"{page.name}: {target}"
            for target in targets
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).resolve().is_file()
        ]
    assert not broken


@pytest.mark.thorough
def test_the_site_is_built_without_a_warning_and_asks_for_nothing_from_elsewhere(
    building: ModuleType, tmp_path: Path
) -> None:
    site = building.build_site(tmp_path)
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 30
    outside = {
        asked
        for page in pages
        for asked in re.findall(
            r"""<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//[^"]+|<link[^>]*href="(?:https?:)?//[^"]+""",
            page.read_text("utf-8"),
        )
    }
    assert not outside
