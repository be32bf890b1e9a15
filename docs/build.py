"""Write the reference pages that are data: parameters, reasons, expectations, standards, commands.

Run by `make docs`; the pages go to `docs/` under ECOPLAN_HOME (default var/), so that they are never
out of date in the repository.
"""  # noqa: INP001  # docs/ holds pages, it is no package

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main
from typer.testing import CliRunner

from cli import app
from flows.settings import Settings
from indicators.registry import Registry, load_standards
from quality.suites import suite_for
from sources.catalogue import LAYOUTS
from vocabulary.parameters import parameters
from vocabulary.reasons import reasons


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


def build(folder: Path) -> list[Path]:
    """Write every page into `folder` and return them."""
    pages = {
        "parameters.md": parameter_page(),
        "reasons.md": reason_page(),
        "expectations.md": expectation_page(),
        "standards.md": standard_page(load_standards()),
        "commands.md": command_page(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in pages]


if __name__ == "__main__":
    for page in build(Settings().home / "docs"):
        typer.echo(page)
