"""Permitted tonnes of a year (许可排放量) as a district's data: districts/<name>/permit_totals.csv.

A total holds for an outlet or for all outlets of an enterprise, in the years between its dates. The file may be
absent: then no total is registered, which is not a total of zero.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from vocabulary.district_files import DistrictError, read_table
from vocabulary.parameters import parameters
from vocabulary.plan import Strict

FILE = "permit_totals.csv"

_MEDIA = {"flue_gas", "wastewater"}
_KEY = ["site", "enterprise", "parameter"]
_DTYPES: dict[str, str] = {
    "site": "str",
    "enterprise": "str",
    "parameter": "str",
    "tonnes": "float64",
    "valid_from": "datetime64[us]",
    "valid_to": "datetime64[us]",
    "clause": "str",
    "document": "str",
    "sure": "str",
    "example": "bool",
}


class _Total(Strict):
    site: str
    enterprise: str
    parameter: str
    tonnes: float = Field(ge=0, allow_inf_nan=False)
    valid_from: date
    valid_to: date | None
    clause: str = Field(min_length=1)
    document: str = Field(min_length=1)
    sure: Literal["V", "V2", "P", "M", "U", "C"]
    example: bool

    @field_validator("parameter")
    @classmethod
    def _known_parameter(cls, key: str) -> str:
        known = parameters().get(key)
        # tonnes bear the name of the limit: where an item is normalised, that one
        masses = known is not None and "mg/" in known.unit and f"{key}_norm" not in parameters()
        if known is None or not masses or not _MEDIA & set(known.media):
            raise ValueError(
                "expected an item of flue gas or wastewater with a mass, as permit_limits.csv names it "
                f"(flue_nox_norm, cod), found {key!r}"
            )
        return key

    @model_validator(mode="after")
    def _one_holder(self) -> _Total:
        if bool(self.site) == bool(self.enterprise):
            raise ValueError("expected either a site or an enterprise, not both and not neither")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"expected valid_to on or after valid_from, found {self.valid_to}")
        return self


def read_permit_totals(folder: Path, sites: pd.DataFrame) -> pd.DataFrame:
    """Read and check the permitted tonnes of a district's outlets.

    Parameters
    ----------
    folder
        Of the district.
    sites
        The district's registry (sites.csv).

    Returns
    -------
    DataFrame
        site or enterprise (the other is empty), parameter (as a limit names it), tonnes (t a year), valid_from,
        valid_to (the last day; NaT while open), clause, document, sure, example. Empty without the file.

    Raises
    ------
    DistrictError
        Names file, line, column and what was expected: also for an outlet or enterprise that is not registered, and
        for two totals that hold on one day.
    """
    file = folder / FILE
    if not file.exists():
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _DTYPES.items()})
    totals = read_table(file, _Total, _DTYPES, (*_KEY, "valid_from"))
    outlets = sites[sites["kind"] == "outlet"]
    for column, known in (("site", outlets["key"]), ("enterprise", outlets["enterprise"])):
        unknown = totals[(totals[column] != "") & ~totals[column].isin(known)]
        if len(unknown):
            word = "an outlet" if column == "site" else "the enterprise of an outlet"
            raise DistrictError(
                file,
                f"line {int(unknown.index[0]) + 2}",
                column,
                f"expected {word} of sites.csv, found {unknown[column].iloc[0]!r}",
            )
    _check_spans(file, totals)
    return totals


def _check_spans(file: Path, totals: pd.DataFrame) -> None:
    """Refuse two totals of one holder and item that hold on the same day."""
    ordered = totals.sort_values([*_KEY, "valid_from"], kind="stable")
    before = ordered.groupby(_KEY, sort=False)["valid_to"].shift()
    follows = ordered.duplicated(_KEY)
    wrong = ordered[follows & (before.isna() | (before >= ordered["valid_from"]))]
    if len(wrong):
        raise DistrictError(
            file,
            f"line {int(wrong.index[0]) + 2}",
            "valid_from",
            "expected it after the valid_to of the total before; two totals may not hold on one day",
        )
