"""Build the documentation site: the pages of docs/, and those made from code and data, as one static site.

Run by `make docs`. Parameters, reasons, expectations, standards, commands, layouts and the data dictionary are made
from what the program itself uses, so that they cannot be out of date. The pages are staged under ECOPLAN_HOME
(`docs-pages/`), the site goes to `docs/` there. Nothing is fetched: no fonts, no scripts from elsewhere.
"""  # noqa: INP001  # docs/ holds pages, it is no package

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main
from mkdocs.commands.build import build as build_with_mkdocs
from mkdocs.config import load_config
from typer.testing import CliRunner

from cli import app
from flows.settings import Settings
from indicators.registry import Registry, load_standards
from quality.suites import suite_for
from sources.catalogue import LAYOUTS
from vocabulary.parameters import parameters
from vocabulary.reasons import reasons
from warehouse.dictionary import Described, described_table, table_words, tables
from warehouse.schema import SCHEMA_VERSION
from warehouse.views import views

ROOT = Path(__file__).resolve().parent.parent
#: the page that is kept in the repository as well, for those who read there
DICTIONARY = ROOT / "docs" / "reference" / "data-dictionary.md"
#: sections of the site: what stands in them, in order
_SECTIONS = {
    "教程 Tutorial": ("tutorial.md", "adding-a-source.md"),
    "操作指南 How-to": ("operations.md", "how-to/"),
    "参考 Reference": ("reference/", "glossary.md"),
    "说明 Explanation": ("architecture.md", "", "decisions/"),
}
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_DIALOG = 'data-md-component="search" role="dialog"'
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; bars and line breaks within a cell are kept apart from its own."""
    lines = [list(head), ["---"] * len(head), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def parameter_page() -> str:
    """Return every monitoring parameter with its unit, codes and aliases."""
    rows = [
        (
            item.key,
            item.zh,
            item.en,
            item.unit,
            ", ".join(item.media),
            ", ".join(item.codes),
            "、".join(item.aliases),
        )
        for item in parameters().values()
    ]
    head = ("key", "中文", "English", "unit", "media", "HJ codes", "aliases")
    return f"# Parameters 监测因子\n\n{table(head, rows)}"


def reason_page() -> str:
    """Return every reason a cell or delivery is turned away for."""
    rows = [(item.code, item.severity, item.zh, item.en) for item in reasons().values()]
    return f"# Reasons 原因代码\n\n{table(('code', 'severity', '中文', 'English'), rows)}"


def expectation_page() -> str:
    """Return what every layout's rows and deliveries are expected to be."""
    parts = ["# Expectations 质控规则\n"]
    for source in LAYOUTS:
        suite = suite_for(source)
        parts.append(
            f"\n## {source}\n\nVersion {suite.version}. The first expectation that a row fails gives its code.\n\n"
        )
        rows: list[Sequence[object]] = [
            (item.code, item.type, item.args, item.severity, item.basis, item.sure)
            for item in suite.expectations
        ]
        rows += [
            (item.code, item.kind, item.terms, item.severity, item.basis, item.sure) for item in suite.checks
        ]
        parts.append(table(("code", "expectation", "arguments", "severity", "basis", "sure"), rows))
    return "".join(parts)


def standard_page(registry: Registry) -> str:
    """Return every standard with its days and rules."""
    parts = ["# Standards 标准\n"]
    for record in registry.records():
        until = record["valid_to"] or "…"
        parts.append(
            f"\n## {record['id']} {record['title_zh']}\n\n{record['title_en']}. {record['topic']}, in force {record['valid_from']} "
            f"to {until}, sure {record['sure']}. Source: {record['source']}\n\n"
        )
        rules = registry.describe(record["id"])["rules"]
        rows = [(rule["path"], rule["values"], rule["clause"], rule["sure"]) for rule in rules]
        parts.append(table(("rule", "values", "clause", "sure"), rows))
    return "".join(parts)


def command_page() -> str:
    """Return the help of every command."""
    parts = ["# Commands 命令\n"]

    def walk(command: Any, path: list[str]) -> None:
        for name, item in getattr(command, "commands", {}).items():
            walk(item, [*path, name])
        if not hasattr(command, "commands"):
            said = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "110", "TERM": "dumb"}).output
            parts.append(f"\n## {' '.join(path)}\n\n```\n{said.strip()}\n```\n")

    walk(typer.main.get_command(app), [])
    return "".join(parts)


def layout_page() -> str:
    """Return every layout of exports that can be read."""
    rows = []
    for source, reader in LAYOUTS.items():
        facts = reader.layout()
        rows.append((source, facts.medium, facts.channel, facts.version, facts.clause, facts.sure))
    head = ("source", "medium", "channel", "version", "described by", "sure")
    return f"# Layouts 版式\n\n{table(head, rows)}"


def dictionary_page() -> str:
    """Return every table, view and column of the warehouse."""

    def columns(found: Iterable[Described]) -> str:
        rows = [
            (f"`{item.name}`", item.type, "可空 null" if item.optional else "", item.zh, item.en)
            for item in found
        ]
        return table(("column", "type", "", "含义", "meaning"), rows)

    parts = [
        "# Data dictionary 数据字典\n\n",
        f"Schema version {SCHEMA_VERSION}. Made by `make docs` from the schema and `warehouse/data/dictionary.toml`; both engines have the\n",
        "same tables and views. 监测时间为北京时间，`known_from`、`known_until` 与名称以 `_utc` 结尾的为 UTC。\n\n",
        "The [views](#views-视图) are for everybody and stable; the [tables](#tables-数据表) are the program's own and change with its version.\n",
        "\n## Views 视图\n",
    ]
    for view in views():
        names = [(f"`{item.name}`", item.zh, item.en) for item in view.described()]
        head = table(("column", "含义", "meaning"), names)
        parts.append(f"\n### {view.name}\n\n{view.zh}。{view.en[0].upper()}{view.en[1:]}.\n\n{head}")
    parts.append("\n## Tables 数据表\n")
    for item in tables():
        zh, en = table_words(item.name)
        said = columns(described_table(item))
        parts.append(f"\n### {item.name}\n\n{zh}。{en[0].upper()}{en[1:]}.\n\n{said}")
    return "".join(parts)


def build(folder: Path) -> list[Path]:
    """Write every page made from code and data into `folder` and return them."""
    pages: dict[str, Callable[[], str]] = {
        "parameters.md": parameter_page,
        "reasons.md": reason_page,
        "expectations.md": expectation_page,
        "standards.md": lambda: standard_page(load_standards()),
        "commands.md": command_page,
        "layouts.md": layout_page,
        "data-dictionary.md": dictionary_page,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in pages.items():
        (folder / name).write_text(made(), "utf-8")
    return [folder / name for name in pages]


def stage(folder: Path) -> list[Path]:
    """Put every page of the site into `folder`, links between them set right, and return them.

    A link to a file that is no page (a module, a data file) becomes the file's path in words.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = {page: page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    found |= {ROOT / "README.zh-CN.md": Path("index.md"), ROOT / "README.md": Path("readme.md")}
    others = ("CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md")
    found |= {ROOT / name: Path(name.lower().replace("/", "-")) for name in others}
    for page, place in found.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_relinked(page, place, found), "utf-8")
    build(folder / "reference")
    shutil.copytree(ROOT / "docs" / "assets", folder / "assets")
    return sorted(folder.rglob("*.md"))


def _relinked(page: Path, place: Path, found: Mapping[Path, Path]) -> str:
    """Return a page's text with its links as they are on the site; code stays as it is."""

    def link(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        name, mark, fragment = target.partition("#")
        if re.match(r"[a-z]+:", target) or not name:
            return match[0]
        file = (page.parent / name).resolve()
        if file in found:
            return f"[{text}]({os.path.relpath(found[file], place.parent)}{mark}{fragment})"
        shown = f"`{file.relative_to(ROOT)}`" if file.is_relative_to(ROOT) else f"`{name}`"
        return text if shown.strip("`") in text else f"{text}（{shown}）"

    parts = _FENCE.split(page.read_text("utf-8"))
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def navigation(folder: Path) -> list[dict[str, Any]]:
    """Return the navigation: every staged page once, under the section it belongs to."""
    pages = sorted(page.relative_to(folder).as_posix() for page in folder.rglob("*.md"))
    left = [page for page in pages if page != "index.md"]
    nav: list[dict[str, Any]] = [{"首页 Home": "index.md"}]
    placed: dict[str, list[str]] = {title: [] for title in _SECTIONS}
    # what is named goes first, what only stands at the top of docs/ is explanation
    for title, starts in _SECTIONS.items():
        for start in (start for start in starts if start):
            mine = [
                page for page in left if page == start or (start.endswith("/") and page.startswith(start))
            ]
            placed[title] += mine
            left = [page for page in left if page not in mine]
    last = list(_SECTIONS)[-1]
    placed[last] = placed[last][:1] + left + placed[last][1:]
    return [*nav, *[{title: mine} for title, mine in placed.items()]]


def build_site(home: Path) -> Path:
    """Stage the pages below `home`, build the site, and return its folder.

    Raises
    ------
    mkdocs.exceptions.Abort
        When a link leads nowhere or a page is in no section.
    """
    pages, site = home / "docs-pages", home / "docs"
    stage(pages)
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    config = load_config(
        str(ROOT / "mkdocs.yml"),
        docs_dir=str(pages),
        site_dir=str(site),
        nav=navigation(pages),
        strict=True,
    )
    build_with_mkdocs(config)
    for page in site.rglob("*.html"):
        # the theme leaves its search without a name for those who hear the page
        text = page.read_text("utf-8")
        page.write_text(text.replace(_DIALOG, f'{_DIALOG} aria-label="搜索 Search"'), "utf-8")
    return site


if __name__ == "__main__":
    DICTIONARY.write_text(dictionary_page(), "utf-8")
    typer.echo(build_site(Settings().home.resolve()) / "index.html")
