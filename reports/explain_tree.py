"""A chain of explanation as a tree: for the terminal, and as the shape the page is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from reports.terminal import plain

Record = Mapping[str, Any]

#: steps of one kind below one step that the terminal shows; the page and --json have them all
SHOWN = 12
#: kind of a step -> sign before it, and its style in the terminal
_SIGNS = {
    "result": ("■", "bold"),
    "rule": ("§", "cyan"),
    "input": ("←", ""),
    "files": ("▤", "dim"),
    "rejected": ("✗", "yellow"),
}
_HEADINGS = {
    "zh": ("因子", "时间", "数值", "原文", "行", "列", "平台标记", "质控与说明", "核对"),
    "en": ("parameter", "time", "value", "raw", "row", "column", "provider's mark", "flags, notes", "proved"),
}
#: kinds that are rows of a file
PLACED = ("reading", "earlier", "rejected")


@dataclass(frozen=True)
class Node:
    """A step with the steps below it, and the rows of files below it by file."""

    record: Record
    below: list[Node] = field(default_factory=list)
    rows: list[Record] = field(default_factory=list)

    @property
    def rules(self) -> list[Node]:
        """The rules it rests on."""
        return [child for child in self.below if child.record["kind"] == "rule"]

    @property
    def others(self) -> list[Node]:
        """What else is below it."""
        return [child for child in self.below if child.record["kind"] != "rule"]

    def by_file(self) -> Iterator[tuple[Record, list[Record]]]:
        """Yield the rows file by file: the first of them, and all."""
        ordered = sorted(self.rows, key=lambda row: (str(row["delivery"]), str(row["sha256"])))
        for _, rows in groupby(ordered, key=lambda row: (row["delivery"], row["sha256"])):
            part = list(rows)
            yield part[0], part


def as_tree(records: Sequence[Record]) -> list[Node]:
    """Return the steps as a tree: those without a parent at the top, in order."""
    nodes = {record["id"]: Node(record) for record in records if record["kind"] not in PLACED}
    top = []
    for record in records:
        above = nodes.get(record["parent"])
        if record["kind"] in PLACED:
            if above is not None:
                above.rows.append(record)
        elif above is None:
            top.append(nodes[record["id"]])
        else:
            above.below.append(nodes[record["id"]])
    return top


def show_chain(console: Console, records: Sequence[Record], *, language: str = "zh") -> None:
    """Print a chain as a tree; long lists are cut and say so."""
    for node in as_tree(records):
        tree = Tree(_line(node.record, language), guide_style="dim")
        _grow(tree, node, language)
        console.print(tree)


def _grow(tree: Tree, node: Node, language: str) -> None:
    for child in node.rules:
        _grow(tree.add(_line(child.record, language)), child, language)
    for first, rows in node.by_file():
        branch = tree.add(_file_line(first))
        branch.add(_table(rows, language))
    for _, group in groupby(node.others, key=lambda child: child.record["kind"]):
        children = list(group)
        for child in children[:SHOWN]:
            _grow(tree.add(_line(child.record, language)), child, language)
        if len(children) > SHOWN:
            left = len(children) - SHOWN
            tree.add(
                Text(
                    f"……另有 {left} 项，--json 或 --html 全部列出"
                    if language == "zh"
                    else f"… {left} more, see --json or --html",
                    style="dim",
                )
            )


def _line(record: Record, language: str) -> Text:
    sign, style = _SIGNS.get(record["kind"], ("·", ""))
    text = Text(f"{sign} ", style=style)
    if record["kind"] == "result":
        who = " ".join(
            plain(record[key]) for key in ("district", "site", "name", "at", "period") if record[key]
        )
        text.append(f"{who}\n", style="dim")
    text.append(plain(record[language]))
    facts = [plain(record[key]) for key in ("standard", "clause") if record[key]]
    if record["kind"] in {"rule", "input"} and facts:
        sure = f" [{record['sure']}]" if record["sure"] else ""
        text.append(f"  §{' '.join(facts)}{sure}", style="cyan")
    if record["kind"] == "input" and record["limit"]:
        text.append(f"  {plain(record['limit'])}", style="dim")
    if record["kind"] == "files":
        text.append(f"  {plain(record['delivery'])} {str(record['sha256'])[:12]}…")
        text.append(f"  {plain(record['sheet'])} {record['row']}–{record['row_last']}".replace("  ", " "))
    return text


def _file_line(record: Record) -> Text:
    text = Text("▤ ", style="dim")
    text.append(plain(record["delivery"]))
    text.append(f"\n  sha256 {record['sha256']}", style="dim")
    text.append(f"\n  {record['landed'] or ''}", style="dim")
    return text


def _table(rows: Sequence[Record], language: str) -> Table:
    table = Table(header_style="bold", box=None, padding=(0, 1))
    for heading in _HEADINGS[language]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        place = f"{row['sheet']}!{row['row']}" if row["sheet"] else str(row["row"])
        said = "；".join(part for part in (plain(row[language]), _standing(row, language)) if part)
        proved = {True: Text("✓", style="green"), False: Text("✗", style="red")}.get(row["proved"], Text(""))
        table.add_row(
            Text(plain(row["parameter"])),
            Text(plain(row["at"]).replace("T", " ")[:16]),
            Text(plain(row["value"])),
            Text(plain(row["raw"])),
            Text(place),
            Text(plain(row["column"])),
            Text(plain(row["provider_flag"])),
            Text(said, style="yellow" if row["used"] is False else ""),
            proved,
        )
    return table


def _standing(row: Record, language: str) -> str:
    if row["kind"] != "reading" or row["used"] is not False:
        return ""
    return "" if row[language] else ("未采用" if language == "zh" else "not used")
