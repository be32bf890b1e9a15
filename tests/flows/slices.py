"""Small slices of the example exports in folders of their own, and what a test asks of a run over them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import text

from flows.night import load_files, night
from flows.proof import prove
from flows.run import Run
from flows.settings import Settings
from warehouse.engine import Warehouse

ROOT = Path(__file__).resolve().parents[2]
EXPORTS = ROOT / "examples" / "exports"
PLANTED = tomllib.loads((ROOT / "examples" / "planted.toml").read_text("utf-8"))["planted"]
#: source key -> its folder below examples/exports/<district>
FOLDERS = {
    "air-quotsoft": "air",
    "water-cnemc-section": "water/sections",
    "water-cnemc-api": "water/api",
    "outlet-hourly": "outlets",
    "water-monthly": "water/monthly",
    "groundwater-points": "groundwater",
    "black-odorous-register": "waters",
    "reduction-ledger": "reductions",
    "statistics-return": "returns",
    "target-documents": "targets",
    "dust-events": "events",
}
PATTERNS = {
    "air-quotsoft": "china_sites_*.csv",
    "water-cnemc-section": "**/*.csv",
    "water-cnemc-api": "*.json",
    "outlet-hourly": "**/*.csv",
    "water-monthly": "*.xlsx",
    "groundwater-points": "*.csv",
    "black-odorous-register": "*.csv",
    "reduction-ledger": "*.csv",
    "statistics-return": "*.csv",
    "target-documents": "*.csv",
    "dust-events": "*.csv",
}
COUNTS = ("new", "revised", "unchanged", "duplicate", "quarantined", "blank")
#: files keep one time whoever checked them out: it orders revisions that nothing else orders
_MODIFIED = 1_775_000_000


@dataclass(frozen=True)
class Slice:
    """A folder with districts/ and exports/, and the home of the runs over it."""

    root: Path
    home: Path
    #: whether its nights make the site and the workbooks, which most tests do not look at
    site: bool = False

    def take(self, district: str, *patterns: str) -> list[Path]:
        """Copy example exports into the slice; return where they are now, by name."""
        taken = []
        for pattern in patterns:
            found = sorted((EXPORTS / district).glob(pattern))
            assert found, f"no example export fits {district}/{pattern}"
            for file in found:
                place = self.exports(district) / file.relative_to(EXPORTS / district)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
                os.utime(place, (_MODIFIED, _MODIFIED))
                taken.append(place)
        return taken

    def exports(self, district: str) -> Path:
        return self.root / "examples" / "exports" / district

    def folder(self, district: str, source: str) -> Path:
        return self.exports(district) / FOLDERS[source]

    def use(self, sources: Mapping[str, Iterable[str]], locations: Mapping[str, str] | None = None) -> None:
        """Keep only these districts and sources; `locations` (district/source) stand in for folders."""
        for district in sorted((self.root / "districts").iterdir()):
            if district.name not in sources:
                shutil.rmtree(district)
                continue
            entries = []
            for key in sources[district.name]:
                place = f"examples/exports/{district.name}/{FOLDERS[key]}"
                location = (locations or {}).get(f"{district.name}/{key}", place)
                (self.root / place).mkdir(parents=True, exist_ok=True)
                entries.append(
                    f'[[source]]\nkey = "{key}"\ntitle_zh = "{key}"\ntitle_en = "{key}"\n'
                    f'location = "{location}"\npattern = "{PATTERNS[key]}"\nlate_days = 2\n'
                )
            (district / "sources.toml").write_text("\n".join(entries), encoding="utf-8")

    def settings(self, home: Path | None = None, **given: Any) -> Settings:
        facts = {
            "home": home or self.home,
            "districts": self.root / "districts",
            "lock_wait": 5.0,
            "site": self.site,
        }
        return Settings(**(facts | given))

    def environment(self, home: Path | None = None) -> dict[str, str]:
        return {
            "ECOPLAN_HOME": str(home or self.home),
            "ECOPLAN_DISTRICTS": str(self.root / "districts"),
            "ECOPLAN_SITE": str(self.site).lower(),
        }


def only_rules(file: Path, kept: Collection[str]) -> None:
    """Leave only these rules in an `alerts.toml`."""
    head, *blocks = file.read_text("utf-8").split("[[rule]]")
    last, mark, rest = blocks[-1].partition("[[channel]]")
    blocks[-1] = last
    chosen = [block for block in blocks if any(f'id = "{rule}"' in block for rule in kept)]
    file.write_text(head + "".join(f"[[rule]]{block}" for block in chosen) + mark + rest, "utf-8")


def empty_slice(root: Path, rules: Collection[str] = ("section-worse-than-v",)) -> Slice:
    """Both districts as they are, and no exports yet.

    Of the alert rules only the one about single readings: a slice is full of holes, of which others rightly speak.
    """
    shutil.copytree(ROOT / "districts", root / "districts")
    for district in sorted((root / "districts").iterdir()):
        only_rules(district / "alerts.toml", rules)
        for folder in FOLDERS.values():
            (root / "examples" / "exports" / district.name / folder).mkdir(parents=True)
    return Slice(root, root / "home")


#: district and sources of a tiny slice
TINY = {"chiping": ("air-quotsoft", "water-cnemc-api")}


def tiny_slice(root: Path) -> Slice:
    """One district, two sources, five deliveries: a corrected air day and the begin of an episode."""
    made = empty_slice(root)
    made.use(TINY)
    take_tiny(made)
    return made


def take_tiny(made: Slice) -> None:
    """Let the five deliveries of a tiny slice arrive."""
    made.take("chiping", "air/china_sites_20250310*.csv", "water/api/2026-03-25T1[26].json")
    made.take("chiping", "water/api/2026-03-25T20.json")


@cache
def _folder_of_empty_warehouse() -> tempfile.TemporaryDirectory[str]:
    """A folder with a warehouse that has its tables and nothing in them, made once a process."""
    folder = tempfile.TemporaryDirectory()
    Warehouse(f"duckdb:///{folder.name}/empty.duckdb").engine().dispose()
    return folder


def with_tables(settings: Settings) -> Settings:
    """Give a new home a copy of an empty warehouse: making its tables takes a twentieth of a first night.

    That a first run makes them itself is proved where commands run (tests/cli, tests/crash, tests/docs).
    """
    file = settings.home / "ecoplan.duckdb"
    if not settings.warehouse and not settings.home.exists():
        settings.home.mkdir(parents=True)
        shutil.copyfile(Path(_folder_of_empty_warehouse().name) / "empty.duckdb", file)
    return settings


def run_night(made: Slice, home: Path | None = None, **given: Any) -> tuple[Run, int]:
    settings = made.settings(home)
    return night(settings if given.get("dry_run") else with_tables(settings), **given)


def run_load(
    made: Slice, files: list[Path], source: str, home: Path | None = None, **given: Any
) -> tuple[Run, int]:
    settings = made.settings(home)
    settings = settings if given.get("dry_run") else with_tables(settings)
    return load_files(settings, files, district="chiping", source=source, **given)


def proof_of(settings: Settings) -> dict[str, Any]:
    """What `ecoplan verify` says."""
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
    with warehouse.read() as connection:
        return prove(connection, settings)


def sure_hash(settings: Settings) -> str:
    """The dump hash of a warehouse whose ledger holds."""
    proof = proof_of(settings)
    assert proof["failures"] == []
    return str(proof["dump_sha256"])


def rows(settings: Settings, query: str) -> pd.DataFrame:
    """What a statement gives, read from outside the program."""
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
    with warehouse.read() as connection:
        result = connection.execute(text(query))
        return pd.DataFrame(result.mappings().all(), columns=list(result.keys()))


def messages(home: Path) -> list[dict[str, Any]]:
    """Every message in the files of the file channel."""
    found = []
    for file in sorted((home / "messages").glob("**/*")):
        if file.is_file():
            found += [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return found


def tree(*folders: Path) -> dict[str, tuple[str, int]]:
    """Every file and folder below, with its bytes' hash and its time of change."""
    found = {}
    for folder in folders:
        for place in [folder, *sorted(folder.rglob("*"))]:
            content = place.read_bytes() if place.is_file() else b""
            found[str(place)] = (hashlib.sha256(content).hexdigest(), place.stat().st_mtime_ns)
    return found


def balance_holds(run: Run) -> None:
    """Assert that every delivery of the run gave account of every cell."""
    for report in run.summary.sources:
        for delivery in report.deliveries:
            assert delivery["cells_in"] == sum(delivery[name] for name in COUNTS), delivery
