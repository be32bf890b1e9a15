"""A district (区县) as data: its sites, sources, permit limits and plans.

Reads districts/<name>/: district.toml, sites.csv, sources.toml, permit_limits.csv, plan*.toml.
Every file is checked against its schema; an error names the file, the line, the key and what was
expected. Data only: nothing is computed here.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
from pydantic import Field, ValidationError, field_validator

from vocabulary.parameters import parameters
from vocabulary.plan import Plan, Strict

_Model = TypeVar("_Model", bound=Strict)

_SITE_DTYPES: dict[str, str] = {
    "key": "str",
    "name": "str",
    "aliases": "str",
    "kind": "str",
    "medium": "str",
    "level": "str",
    "river": "str",
    "basin": "str",
    "waterbody": "str",
    "target_class": "Int64",
    "enterprise": "str",
    "evaluation": "bool",
    "lon": "float64",
    "lat": "float64",
    "valid_from": "datetime64[us]",
    "valid_to": "datetime64[us]",
    "example": "bool",
    "note": "str",
}

_LIMIT_DTYPES: dict[str, str] = {
    "site": "str",
    "parameter": "str",
    "basis": "str",
    "limit": "float64",
    "unit": "str",
    "o2_ref": "float64",
    "valid_from": "datetime64[us]",
    "valid_to": "datetime64[us]",
    "clause": "str",
    "document": "str",
}


class DistrictError(Exception):
    """A file of a district is not what the schema expects."""

    def __init__(self, file: Path, where: str, key: str, expected: str) -> None:
        super().__init__(f"{file}: {where}: {key}: {expected}")
        self.file = file
        self.where = where
        self.key = key
        self.expected = expected


class Source(Strict):
    """Where one kind of export comes from: a folder (relative to the project) or an address."""

    key: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title_zh: str
    title_en: str
    location: str = Field(min_length=1)
    pattern: str = "*"
    late_days: int = Field(ge=0, le=366)

    @property
    def remote(self) -> bool:
        """Whether the location is an http or https address."""
        return self.location.startswith(("http://", "https://"))

    def folder(self, root: Path) -> Path:
        """Return the folder of a local source; a relative location counts from `root`."""
        if self.remote:
            raise ValueError(f"{self.key}: {self.location} is an address, not a folder")
        return root / self.location


class _Example(Strict):
    is_example: bool
    run_date: date


class _Head(Strict):
    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name_zh: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    timezone: str
    ledger_start: date
    example: _Example | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"expected a time zone name such as Asia/Shanghai, found {name!r}") from error
        return name


class _Sources(Strict):
    source: tuple[Source, ...] = Field(min_length=1)


class _Site(Strict):
    key: str = Field(pattern=r"^[A-Z0-9][A-Z0-9-]*$")
    name: str = Field(min_length=1)
    aliases: str
    kind: Literal["station", "section", "outlet", "point"]
    medium: Literal["air", "surface_water", "flue_gas", "wastewater", "groundwater"]
    level: Literal["国控", "省控", "市控", "区控", ""]
    river: str
    basin: str
    waterbody: Literal["river", "lake", ""]
    target_class: int | None = Field(ge=1, le=5)
    enterprise: str
    evaluation: bool
    lon: float | None = Field(ge=70, le=140)
    lat: float | None = Field(ge=0, le=60)
    valid_from: date
    valid_to: date | None
    example: bool
    note: str


class _Limit(Strict):
    site: str = Field(min_length=1)
    parameter: str
    basis: Literal["hourly", "daily", "instant", "warning"]
    limit: float = Field(gt=0)
    unit: str = Field(min_length=1)
    o2_ref: float | None = Field(ge=0, lt=21)
    valid_from: date
    valid_to: date | None
    clause: str = Field(min_length=1)
    document: str = Field(min_length=1)

    @field_validator("parameter")
    @classmethod
    def _known_parameter(cls, key: str) -> str:
        if key not in parameters():
            raise ValueError(f"expected a key of vocabulary/data/parameters.toml, found {key!r}")
        return key


@dataclass(frozen=True)
class District:
    """One district and everything a user edits about it.

    `sites` and `permit_limits` are frames with the columns of their CSV files; an open `valid_to`
    is NaT, an absent `target_class` is NA. `plans` are ordered by their first year. `run_date` is
    the day an example is run on (None for a real district: the calendar decides).
    """

    key: str
    name_zh: str
    name_en: str
    timezone: str
    ledger_start: date
    is_example: bool
    run_date: date | None
    folder: Path
    sites: pd.DataFrame
    sources: tuple[Source, ...]
    permit_limits: pd.DataFrame
    plans: tuple[Plan, ...]

    def plan_for(self, year: int) -> Plan | None:
        """Return the plan whose series a year belongs to; None when no plan covers it."""
        return next((plan for plan in self.plans if plan.covers(year)), None)

    def source(self, key: str) -> Source:
        """Return a source by key; an unknown key is a DistrictError that lists the known ones."""
        for item in self.sources:
            if item.key == key:
                return item
        known = ", ".join(item.key for item in self.sources)
        raise DistrictError(self.folder / "sources.toml", "[[source]]", key, f"expected one of {known}")

    @property
    def standards_file(self) -> Path | None:
        """The district's overrides of standards, if it has any."""
        file = self.folder / "standards.toml"
        return file if file.exists() else None


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DistrictError(file, "file", file.name, "expected this file to exist") from error
    except UnicodeDecodeError as error:
        raise DistrictError(file, f"byte {error.start}", file.name, "expected UTF-8 text") from error


def _line_of(text: str, location: Sequence[str | int]) -> int:
    """Find the 1-based line of a TOML key by its path, e.g. ("indicator", 2, "target", 0, "value").

    Walks down the table headers; where the key itself is absent, the line of its table is returned.
    """
    lines = text.splitlines()
    line, path = 0, ""
    parts = list(location)
    for at, part in enumerate(parts):
        if isinstance(part, int):
            continue
        path = f"{path}.{part}" if path else part
        following = parts[at + 1] if at + 1 < len(parts) else None
        if isinstance(following, int):
            wanted, heads = following, [rf"^\s*\[\[{re.escape(path)}\]\]"]
        else:
            wanted, heads = 0, [rf"^\s*\[{re.escape(path)}\]", rf"^\s*{re.escape(part)}\s*="]
        hits = [n for n in range(line, len(lines)) if any(re.match(head, lines[n]) for head in heads)]
        if wanted >= len(hits):
            break
        line = hits[wanted]
    return line + 1


def _first_fault(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    fault = error.errors(include_url=False)[0]
    given = fault.get("input")
    shown = "" if fault["type"] == "missing" or isinstance(given, dict) else f" (found {given!r})"
    more = f"; {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return fault["loc"], f"{fault['msg']}{shown}{more}"


def _toml(file: Path, model: type[_Model]) -> _Model:
    text = _read_text(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DistrictError(file, "TOML", file.name, str(error)) from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        location, expected = _first_fault(error)
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in location) or "file"
        raise DistrictError(file, f"line {_line_of(text, location)}", key, expected) from error


def _table(file: Path, model: type[Strict], dtypes: dict[str, str], once: tuple[str, ...]) -> pd.DataFrame:
    """Read a small CSV, checking header, every row against `model`, and that `once` is not repeated."""
    reader = csv.reader(io.StringIO(_read_text(file), newline=""))
    header = next(reader, [])
    if header != list(dtypes):
        raise DistrictError(
            file, "line 1", "header", f"expected {','.join(dtypes)}, found {','.join(header)}"
        )
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for cells in reader:
        line = reader.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            expected = f"expected {len(header)} fields, found {len(cells)}"
            raise DistrictError(file, f"line {line}", "row", expected)
        given = {
            name: (cell if dtypes[name] == "str" else cell.strip() or None)
            for name, cell in zip(header, cells, strict=True)
        }
        try:
            row = model.model_validate(given).model_dump()
        except ValidationError as error:
            location, expected = _first_fault(error)
            key = str(location[0]) if location else "row"
            raise DistrictError(file, f"line {line}", key, expected) from error
        identity = tuple(row[name] for name in once)
        if identity in seen:
            expected = f"{identity} stands already on line {seen[identity]}; expected it once"
            raise DistrictError(file, f"line {line}", ",".join(once), expected)
        seen[identity] = line
        rows.append(row)
    columns = {name: pd.Series([row[name] for row in rows], dtype="object") for name in dtypes}
    frame = pd.DataFrame(columns)
    dates = [name for name, kind in dtypes.items() if kind.startswith("datetime64")]
    for name in dates:
        frame[name] = pd.to_datetime(frame[name])
    return frame.astype(dtypes)


def _check_references(folder: Path, sites: pd.DataFrame, limits: pd.DataFrame) -> None:
    unknown = limits.loc[~limits["site"].isin(sites.loc[sites["kind"] == "outlet", "key"])]
    if len(unknown):
        line = int(unknown.index[0]) + 2
        key = str(unknown["site"].iloc[0])
        raise DistrictError(
            folder / "permit_limits.csv",
            f"line {line}",
            "site",
            f"expected an outlet of sites.csv, found {key!r}",
        )
    names = sites["aliases"].str.split(";").explode()
    names = pd.concat([names[names != ""].str.strip(), sites["key"]]).sort_index(kind="stable")
    twice = names[names.duplicated()]
    if len(twice):
        line = int(twice.index[0]) + 2
        raise DistrictError(
            folder / "sites.csv",
            f"line {line}",
            "aliases",
            f"{twice.iloc[0]!r} names two sites; expected every alias once",
        )


def load_district(folder: Path) -> District:
    """Read and check one district's folder.

    Parameters
    ----------
    folder
        e.g. districts/chiping; its name must be the `key` in district.toml.

    Returns
    -------
    District
        Frozen; sites and permit limits as frames, plans ordered by first year.

    Raises
    ------
    DistrictError
        Names file, line, key and what was expected.
    """
    file = folder / "district.toml"
    head = _toml(file, _Head)
    if head.key != folder.name:
        raise DistrictError(
            file, "line 1", "key", f"expected the folder's name {folder.name!r}, found {head.key!r}"
        )
    sources = _toml(folder / "sources.toml", _Sources).source
    keys = [source.key for source in sources]
    for key in keys:
        if keys.count(key) > 1:
            raise DistrictError(
                folder / "sources.toml", "[[source]]", "key", f"{key!r} stands twice; expected once"
            )
    sites = _table(folder / "sites.csv", _Site, _SITE_DTYPES, ("key",))
    limits = _table(
        folder / "permit_limits.csv",
        _Limit,
        _LIMIT_DTYPES,
        ("site", "parameter", "basis", "valid_from"),
    )
    _check_references(folder, sites, limits)
    plan_files = sorted(folder.glob("plan*.toml"))
    if not plan_files:
        raise DistrictError(folder / "plan.toml", "file", "plan.toml", "expected at least one plan*.toml")
    plans = sorted((_toml(item, Plan) for item in plan_files), key=lambda plan: plan.first_year)
    for earlier, later in pairwise(plans):
        if later.first_year <= earlier.last_year:
            raise DistrictError(
                folder,
                "plan*.toml",
                "first_year",
                f"{earlier.id} and {later.id} overlap; expected one plan a year",
            )
    return District(
        key=head.key,
        name_zh=head.name_zh,
        name_en=head.name_en,
        timezone=head.timezone,
        ledger_start=head.ledger_start,
        is_example=head.example is not None and head.example.is_example,
        run_date=head.example.run_date if head.example is not None and head.example.is_example else None,
        folder=folder,
        sites=sites,
        sources=sources,
        permit_limits=limits,
        plans=tuple(plans),
    )


def load_districts(root: Path) -> dict[str, District]:
    """Read every district below a folder (each has a district.toml); key -> District, by key.

    Raises
    ------
    DistrictError
        When the folder has no district, or one of them does not fit its schema.
    """
    folders = sorted(file.parent for file in root.glob("*/district.toml"))
    if not folders:
        raise DistrictError(root, "folder", "district.toml", "expected at least one <district>/district.toml")
    return {folder.name: load_district(folder) for folder in folders}
