"""Looking after the warehouse from the command line: migrate, backup, restore, move."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ecoplan
from tests.flows.slices import Slice
from tests.warehouse.old_warehouse import old_warehouse
from warehouse.engine import Warehouse
from warehouse.schema import SCHEMA_VERSION

pytestmark = pytest.mark.xdist_group("cli")


def test_an_older_warehouse_is_refused_until_it_is_migrated(
    small: Slice, ecoplan: Ecoplan, tmp_path: Path
) -> None:
    url = f"duckdb:///{tmp_path / 'old.duckdb'}"
    before = old_warehouse(Warehouse(url))
    for words in (("status",), ("nightly", "--plain"), ("backup", str(tmp_path / "b.zip"))):
        said = ecoplan(small, *words, ECOPLAN_WAREHOUSE=url)
        assert (said.status, said.out) == (4, "")
        assert "ecoplan migrate" in said.err
    said = ecoplan(small, "migrate", "--json", ECOPLAN_WAREHOUSE=url)
    assert said.status == 0
    assert (said.json["from"], said.json["to"], said.json["migrated"]) == (1, SCHEMA_VERSION, True)
    assert ecoplan(small, "migrate", "--json", ECOPLAN_WAREHOUSE=url).json["migrated"] is False
    assert ecoplan(small, "verify", "--json", ECOPLAN_WAREHOUSE=url).json["dump_sha256"] == before


def test_nothing_is_made_by_migrating_what_is_not_there(ecoplan: Ecoplan, tmp_path: Path) -> None:
    said = ecoplan(None, "migrate", ECOPLAN_WAREHOUSE=f"duckdb:///{tmp_path / 'none.duckdb'}")
    assert said.status == 4
    assert list(tmp_path.glob("none*")) == []


def test_a_backup_comes_back_in_an_empty_home_and_nowhere_else(
    small: Slice, ecoplan: Ecoplan, tmp_path: Path
) -> None:
    proof = ecoplan(small, "verify", "--json").json
    path = str(tmp_path / "b.zip")
    assert ecoplan(small, "backup", path, "--json").json["dump_sha256"] == proof["dump_sha256"]
    assert ecoplan(small, "backup", path).status == 4
    assert ecoplan(small, "restore", path).status == 4
    home = {"ECOPLAN_HOME": str(tmp_path / "new")}
    assert ecoplan(small, "restore", path, **home).status == 0
    # `ok` says that the landed bytes are there as well
    assert ecoplan(small, "verify", "--json", **home).json == proof
    assert ecoplan(small, "restore", str(tmp_path / "nothing.zip"), **home).status == 2


def test_a_warehouse_moves_to_another_url(small: Slice, ecoplan: Ecoplan, tmp_path: Path) -> None:
    proof = ecoplan(small, "verify", "--json").json
    url = f"duckdb:///{tmp_path / 'moved.duckdb'}"
    assert ecoplan(small, "move", "--to", url, "--json").json["dump_sha256"] == proof["dump_sha256"]
    assert ecoplan(small, "verify", "--json", ECOPLAN_WAREHOUSE=url).json == proof
    said = ecoplan(small, "move", "--to", url, ECOPLAN_WAREHOUSE="")
    assert said.status == 4
    assert "不是空的" in said.err


def test_a_password_is_never_shown(small: Slice, ecoplan: Ecoplan) -> None:
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/none"
    said = ecoplan(small, "move", "--to", url)
    assert said.status == 4
    wrong = ecoplan(small, "move", "--to", "me:secret@nowhere")
    assert wrong.status == 2
    assert "secret" not in said.out + said.err + wrong.out + wrong.err
