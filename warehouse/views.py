"""Read-only views for tools that speak SQL: stable names, plain columns, Chinese comments, the same on both engines.

The views are data (warehouse/data/views.toml), their columns described in warehouse/data/dictionary.toml. They are made
with a new warehouse, again by `ecoplan migrate`, and by the first writer of a program whose views differ. `v_about` says
which they are. Nothing of ours reads them.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, text

from vocabulary.parameters import parameters
from warehouse.dictionary import Described, described_view

#: the view that says which views these are
ABOUT = "v_about"
#: the view of what parameters are called
PARAMETERS = "v_parameters"


@dataclass(frozen=True)
class View:
    """One view: its columns in order, and the query that fills them."""

    name: str
    zh: str
    en: str
    columns: tuple[str, ...]
    sql: str

    @property
    def statement(self) -> str:
        """The statement that makes it."""
        names = ", ".join(self.columns)
        # the embedded engine comments only on columns that the query itself names
        return f"create view {self.name} as select {names} from ({self.sql.strip()}) as q ({names})"

    def described(self) -> list[Described]:
        """Return what each column holds, in order."""
        return described_view(self.name, self.columns)


@cache
def views() -> tuple[View, ...]:
    """Return every view, in order."""
    data = tomllib.loads(files("warehouse").joinpath("data/views.toml").read_text("utf-8"))
    found = [
        View(item["name"], item["zh"], item["en"], tuple(item["columns"]), item["sql"])
        for item in data["view"]
    ]
    found.append(_parameter_view())
    return (*found, _about(data["version"], found))


def _parameter_view() -> View:
    rows = ", ".join(
        f"({_quoted(item.key)}, {_quoted(item.zh)}, {_quoted(item.en)}, {_quoted(item.unit)})"
        for item in parameters().values()
    )
    return View(
        PARAMETERS,
        "监测因子的名称与单位",
        "names and units of parameters",
        ("parameter", "name_zh", "name_en", "unit"),
        f"select * from (values {rows}) as p (parameter, name_zh, name_en, unit)",
    )


def _about(version: str, others: list[View]) -> View:
    whole = "\0".join(
        part
        for view in others
        for part in (view.statement, view.zh, *[str(item) for item in view.described()])
    )
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return View(
        ABOUT,
        "这些视图的版本",
        "which views these are",
        ("views_version", "views_digest"),
        f"select {_quoted(version)}, {_quoted(digest)}",
    )


def make_views(connection: Connection, *, fresh: bool = False) -> None:
    """Make every view with its comments, in the caller's transaction; `fresh` says that none is there yet."""
    if not fresh:
        drop_views(connection)
    _run(connection, [view.statement for view in views()])
    _run(connection, _comments())


def drop_views(connection: Connection) -> None:
    """Take our views away: a table that a view rests on cannot be changed on every engine."""
    _run(connection, [f"drop view if exists {view.name}" for view in views()])


def views_are_current(connection: Connection) -> bool:
    """Tell whether the warehouse has the views of this program."""
    found = connection.execute(
        text("select count(*) from information_schema.tables where table_name = :name"), {"name": ABOUT}
    ).scalar_one()
    if not found:
        return False
    stated = connection.execute(text(f"select views_digest from {ABOUT}")).scalar_one_or_none()
    return stated is not None and _quoted(stated) in views()[-1].sql


def _comments() -> list[str]:
    """Return the statements that comment on every view and column, Chinese first."""
    found = []
    for view in views():
        found.append(f"comment on view {view.name} is {_quoted(f'{view.zh} / {view.en}')}")
        found += [
            f"comment on column {view.name}.{column.name} is {_quoted(f'{column.zh} / {column.en}')}"
            for column in view.described()
        ]
    return found


def _run(connection: Connection, statements: list[str]) -> None:
    """Run statements at once: one by one they cost a turn each. Without parameters, so that % is a percent sign."""
    connection.exec_driver_sql(";\n".join(statements), execution_options={"no_parameters": True})


def _quoted(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"
