"""A district (区县) as data: its sites, sources, permit limits and plans.

Reads districts/<name>/: district.toml, sites.csv, sources.toml, permit_limits.csv, plan*.toml; where they are there,
permit_totals.csv and outline.geojson.
Every file is checked against its schema; an error names the file, the line, the key and what was
expected. Data only: nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
from pydantic import Field, field_validator

from vocabulary.district_files import DistrictError, line_of, read_table, read_text, read_toml
from vocabulary.district_outline import Outline, read_outline
from vocabulary.district_sources import Source
from vocabulary.district_totals import read_permit_totals
from vocabulary.parameters import parameters
from vocabulary.plan import Plan, Strict

__all__ = ["District", "DistrictError", "Source", "load_district", "load_districts"]

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
    "limit_lower": "float64",
    "unit": "str",
    "o2_ref": "float64",
    "valid_from": "datetime64[us]",
    "valid_to": "datetime64[us]",
    "clause": "str",
    "document": "str",
}


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
    limit_lower: float | None = Field(ge=0)
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

    `sites`, `permit_limits` and `permit_totals` are frames with the columns of their CSV files; an open
    `valid_to` is NaT, an absent `target_class` is NA. `plans` are ordered by their first year. `run_date` is
    the day an example is run on (None for a real district: the calendar decides). `outline` is what the
    map draws under the sites (None where none is given).
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
    permit_totals: pd.DataFrame
    outline: Outline | None
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
    head = read_toml(file, _Head)
    if head.key != folder.name:
        raise DistrictError(
            file, "line 1", "key", f"expected the folder's name {folder.name!r}, found {head.key!r}"
        )
    sources = read_toml(folder / "sources.toml", _Sources).source
    keys = [source.key for source in sources]
    for key in keys:
        if keys.count(key) > 1:
            raise DistrictError(
                folder / "sources.toml", "[[source]]", "key", f"{key!r} stands twice; expected once"
            )
    sites = read_table(folder / "sites.csv", _Site, _SITE_DTYPES, ("key",))
    limits = read_table(
        folder / "permit_limits.csv",
        _Limit,
        _LIMIT_DTYPES,
        ("site", "parameter", "basis", "valid_from"),
    )
    _check_references(folder, sites, limits)
    plan_files = sorted(folder.glob("plan*.toml"))
    if not plan_files:
        raise DistrictError(folder / "plan.toml", "file", "plan.toml", "expected at least one plan*.toml")
    found = {item: read_toml(item, Plan) for item in plan_files}
    for item, plan in found.items():
        if plan.district != head.key:
            expected = f"expected {head.key!r}, found {plan.district!r}"
            raise DistrictError(item, f"line {line_of(read_text(item), ('district',))}", "district", expected)
    plans = sorted(found.values(), key=lambda plan: plan.first_year)
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
        permit_totals=read_permit_totals(folder, sites),
        outline=read_outline(folder),
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
