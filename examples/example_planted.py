"""What is planted in the example exports: one fact each, written to planted.toml and README.md."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Planted:
    """One planted fact. `expect` says in one word what a right reader makes of it.

    `since` and `until` are starts of intervals in wall time of Asia/Shanghai, both included.
    """

    kind: str
    district: str
    source: str
    site: str
    file: str
    since: str
    until: str
    expect: str
    text_zh: str
    text_en: str
    facts: dict[str, str | int | float] = field(default_factory=dict)


@dataclass
class Exports:
    """Files by path below examples/exports, and what is planted in them."""

    files: dict[str, bytes] = field(default_factory=dict)
    planted: list[Planted] = field(default_factory=list)

    def add(self, path: str, content: bytes) -> None:
        """Add a file; a path may be written once."""
        if path in self.files:
            raise ValueError(f"{path} would be written twice")
        self.files[path] = content


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def as_toml(planted: list[Planted]) -> str:
    """Write the facts as TOML."""
    lines = [
        "# Written by examples/generate.py: what is planted in examples/exports, by an author who knows.",
        "# Tests take it as the truth; it is not made by the program under test.",
        "",
    ]
    for item in planted:
        lines.append("[[planted]]")
        lines += [
            f"{name} = {_quoted(str(getattr(item, name)))}"
            for name in (
                "kind",
                "district",
                "source",
                "site",
                "file",
                "since",
                "until",
                "expect",
                "text_zh",
                "text_en",
            )
        ]
        if item.facts:
            pairs = ", ".join(
                f"{key} = {_quoted(value) if isinstance(value, str) else value}"
                for key, value in item.facts.items()
            )
            lines.append(f"facts = {{ {pairs} }}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def as_table(planted: list[Planted]) -> str:
    """Write the facts as a Markdown table."""
    rows = [
        "| 区县 | 点位 | 时间 | 植入 | what is planted | expected |",
        "|---|---|---|---|---|---|",
    ]
    for item in planted:
        when = item.since if item.since == item.until else f"{item.since} … {item.until}"
        rows.append(
            f"| {item.district} | {item.site} | {when} | {item.text_zh} | {item.text_en} (`{item.file}`) | {item.expect} |"
        )
    return "\n".join(rows)
