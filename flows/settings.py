"""Machine settings: where the warehouse, the run's files and the districts are.

Values come from the environment (`ECOPLAN_*`) or their defaults; `explain` says which. Secrets are not
settings: channels and sources name the environment variable or Prefect block that holds them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

#: the folder that holds districts/ and, in a checkout, everything else
ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Settings of one machine."""

    model_config = SettingsConfigDict(env_prefix="ECOPLAN_", extra="ignore")

    home: Path = Field(default=ROOT / "var", description="what runs make")
    warehouse: str = Field(default="", description="SQLAlchemy URL of the warehouse")
    districts: Path = Field(default=ROOT / "districts", description="one folder a district")
    language: Literal["zh", "en"] = Field(default="zh", description="language of the terminal")
    lock_wait: float = Field(default=600.0, description="seconds to wait for the embedded warehouse")
    retry_seconds: tuple[float, ...] = Field(
        default=(5.0, 30.0), description="pauses before a source is tried again"
    )
    quality_days: int = Field(
        default=60,
        ge=1,
        description="days for which outcomes of judging are kept whole; then as sums of the month",
    )
    data_docs: bool = Field(
        default=False, description="Great Expectations' own pages of what is judged, under home/data_docs"
    )
    watch: Path = Field(
        default=ROOT / "flows" / "data" / "watch.toml", description="by when nights must begin and end"
    )
    runner: Literal["threads", "dask"] = Field(
        default="threads", description="who reads and judges the units of a backfill"
    )
    workers: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        ge=1,
        description="units that are read and judged at a time",
    )
    dask_address: str = Field(default="", description="scheduler of a Dask cluster; none: one of our own")
    backups: Path | None = Field(default=None, description="where maintenance puts its backups")
    keep_backups: int = Field(default=7, ge=1, description="backups of maintenance that are kept")
    keep_runs_days: int = Field(
        default=400, ge=1, description="days for which summaries and flow runs are kept"
    )
    site: bool = Field(
        default=True,
        description="whether every run makes site, workbooks and explanations; else `ecoplan report` does",
    )
    pull_timeout: float = Field(default=30.0, description="seconds for one HTTP answer")

    def warehouse_url(self) -> str:
        """Return the warehouse's URL; without a setting it is a DuckDB file under `home`."""
        return self.warehouse or f"duckdb:///{self.home.resolve() / 'ecoplan.duckdb'}"

    def base(self) -> Path:
        """Return the folder that relative source locations start from."""
        return self.districts.resolve().parent

    def explain(self) -> list[dict[str, str]]:
        """Return one record a setting: name, value (passwords hidden), and where it came from."""
        records = []
        for name in type(self).model_fields:
            variable = f"ECOPLAN_{name.upper()}"
            value = self.warehouse_url() if name == "warehouse" else str(getattr(self, name))
            if name == "warehouse":
                value = make_url(value).render_as_string(hide_password=True)
            origin = f"环境变量 {variable}" if variable in os.environ else "默认值 default"
            records.append({"setting": name, "value": value, "origin": origin})
        return records
