"""A chain of explanation: from a stated value down to the row of a landed file, as flat records.

Each record is a step and names the step above it (`parent`), so that one list serves the terminal, the page
and `--json` (docs/reference/records.md). The kinds are

- `result` what is stated · `rule` the rule and clause it rests on · `input` a figure that went in ·
- `reading` one reading and its place in a file · `files` readings of one file, counted ·
- `earlier` what was believed before · `rejected` a cell that was turned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, and_, select

from flows.answers.records import known_at
from flows.landed import with_landed
from flows.used_readings import flags_in_words
from indicators.registry import Standard
from reports.site.render import unit
from sources.landing import LandingZone
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.reasons import reasons
from warehouse import bulk
from warehouse.appeal import state_at
from warehouse.recall import recall_readings
from warehouse.schema import deliveries, quarantine, readings, series

#: keys of a record, in order
KEYS: tuple[str, ...] = (
    *("id", "parent", "kind", "district", "site", "name", "parameter", "period", "at", "value", "unit"),
    *("zh", "en", "limit", "standard", "clause", "sure", "provider_flag", "flags", "used", "n_readings"),
    *("delivery", "sha256", "sheet", "row", "row_last", "column", "raw", "landed", "landed_text", "proved"),
    *("known_from", "known_until", "known_at"),
)
#: readings under one figure that are listed one by one; more are counted by file
LISTED = 60
_READING = ["site", "parameter", "period", "observed_at"]
_PLACE = ["delivery", "sha256", "sheet", "row", "column", "raw"]
_INTEGERS = ("id", "parent", "n_readings", "row", "row_last")


@dataclass(frozen=True)
class Asked:
    """What is asked: the warehouse, the district, as known when, and how much of it is wanted.

    `parameter` narrows an explanation to one item; `everything` lists every reading that went in.
    """

    connection: Connection
    district: District
    home: Path
    as_of: datetime | None = None
    parameter: str | None = None
    everything: bool = False

    @property
    def zone(self) -> LandingZone:
        """The landing zone beside the warehouse."""
        return LandingZone(self.home / "landing")

    def recall(
        self,
        start: datetime,
        end: datetime,
        *,
        sites: Sequence[str] | None = None,
        wanted: Sequence[str] | None = None,
        periods: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return readings of the district with where they stand, as known at the time asked for."""
        return recall_readings(
            self.connection,
            district=self.district.key,
            start=start,
            end=end,
            sites=sites,
            parameters=wanted,
            periods=periods,
            as_of=self.as_of,
            provenance=True,
        )

    def wanted_in(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Tell which rows are of the parameter asked for; all of them where none is."""
        if self.parameter is None:
            return np.ones(len(rows), dtype=np.bool_)
        return np.asarray(rows["parameter"] == self.parameter, dtype=np.bool_)


@dataclass
class Chain:
    """Steps under way; `step` returns the number that the steps below name as their parent."""

    asked: Asked
    parts: list[pd.DataFrame] = field(default_factory=list)
    count: int = 0

    def step(self, kind: str, parent: int | None, zh: str, en: str, **facts: Any) -> int:
        """Add one step and return its number."""
        self.count += 1
        record = {"id": self.count, "parent": parent, "kind": kind, "zh": zh, "en": en, **facts}
        self.parts.append(pd.DataFrame([record], dtype=object))
        return self.count

    def rule(
        self, parent: int, standard: Standard, path: str, zh: str, en: str, limit: str | None = None
    ) -> int:
        """Add a rule of a standard by its path, with its clause and how sure it is."""
        rule = standard.rule(path)
        return self.step(
            "rule",
            parent,
            zh,
            en,
            standard=standard.label,
            clause=rule["clause"],
            sure=rule["sure"],
            limit=limit,
        )

    def leaves(
        self,
        parent: int,
        found: pd.DataFrame,
        *,
        listed: bool = True,
        lowest: bool = False,
        used: pd.Series | bool | None = True,
        notes: tuple[str, str] = ("", ""),
    ) -> None:
        """Add the readings under a figure: one by one, or counted by file with the most extreme one spelled out.

        Parameters
        ----------
        found
            As `Asked.recall` gives them.
        listed
            False, or more than `LISTED` rows: counted by file, unless everything is asked for.
        lowest
            The extreme is the smallest value (dissolved oxygen), not the largest.
        used
            Whether the figure rests on them; a series goes by row.
        notes
            What is said of every one of them, in Chinese and English.
        """
        if found.empty:
            return
        rows = found.assign(used=used, said_zh=notes[0], said_en=notes[1])
        rows = rows.sort_values([*_READING, "sha256", "row"], ignore_index=True)
        if not self.asked.everything and (not listed or len(rows) > LISTED):
            self._counted(parent, rows)
            place = rows["value"].idxmin() if lowest else rows["value"].idxmax()
            rows = rows.loc[[0 if pd.isna(place) else place]]
        self._readings(parent, rows)

    def _counted(self, parent: int, rows: pd.DataFrame) -> None:
        files = (
            rows.groupby(["delivery", "sha256", "sheet"], sort=False)
            .agg(n_readings=("row", "size"), row_last=("row", "max"), row=("row", "min"))
            .reset_index()
        )
        self.files(parent, files.assign(used=bool(rows["used"].all())))

    def files(self, parent: int, files: pd.DataFrame) -> None:
        """Add files: columns delivery, sha256, sheet, n_readings, row (first) and row_last."""
        count = files["n_readings"].astype("int64").astype("str")
        said = files.assign(zh=count + " 个监测值", en=count + " readings", parent=parent, kind="files")
        self.many(said.assign(landed="landing/" + said["sha256"].str.slice(0, 2) + "/" + said["sha256"]))

    def graft(self, parent: int, steps: list[dict[str, Any]]) -> None:
        """Hang another chain below a step."""
        if not steps:
            return
        rows = pd.DataFrame(steps, dtype=object)
        above = rows["parent"].map(
            lambda number: parent if number is None or pd.isna(number) else number + self.count
        )
        self.many(rows.assign(parent=above))

    def _readings(self, parent: int, rows: pd.DataFrame) -> None:
        """Add readings with their flags, with what stands in the landed file, and with what was believed before."""
        asked = self.asked
        words = flags_in_words(asked.connection, asked.district, rows, as_of=asked.as_of)
        told = with_landed(rows.merge(words, on=_READING, how="left"), asked.zone)
        why = [text.split(" / ") if text else ["", ""] for text in told["landed_why"]]
        said = {
            language: [
                "；".join(text for text in texts if isinstance(text, str) and text)
                for texts in zip(
                    told[f"said_{language}"],
                    told[f"flags_{language}"],
                    [texts[place] for texts in why],
                    strict=True,
                )
            ]
            for place, language in enumerate(("zh", "en"))
        }
        steps = told.assign(
            zh=said["zh"], en=said["en"], parent=parent, kind="reading", at=told["observed_at"], n_readings=1
        )
        steps["unit"] = steps["parameter"].map({key: item.unit for key, item in parameters().items()})
        self.many(steps)
        if len(rows) <= LISTED:
            self._earlier(parent, rows)

    def _earlier(self, parent: int, rows: pd.DataFrame) -> None:
        """Add what was believed of these readings before, the oldest first."""
        asked = self.asked
        past = [readings.c.known_until.is_not(None), readings.c.known_until > readings.c.known_from]
        if asked.as_of is not None:
            past.append(readings.c.known_until <= asked.as_of)
        columns = [series.c.site, series.c.parameter, series.c.period, readings.c.observed_at]
        columns += [readings.c[name] for name in ("value", "provider_flag", "raw", "sheet", "row", "column")]
        query = (
            select(
                *columns,
                readings.c.known_from,
                readings.c.known_until,
                deliveries.c.name.label("delivery"),
                deliveries.c.sha256,
            )
            .select_from(
                readings.join(series, series.c.id == readings.c.series_id).join(
                    deliveries, deliveries.c.id == readings.c.delivery_id
                )
            )
            .where(
                series.c.district == asked.district.key,
                series.c.site.in_(rows["site"].unique().tolist()),
                series.c.parameter.in_(rows["parameter"].unique().tolist()),
                readings.c.observed_at.between(
                    rows["observed_at"].min().to_pydatetime(), rows["observed_at"].max().to_pydatetime()
                ),
                *past,
            )
        )
        found = bulk.fetch(asked.connection, query)
        if found.empty:
            return
        found["observed_at"] = found["observed_at"].astype("datetime64[us]")
        found = found.merge(rows[_READING], on=_READING).sort_values([*_READING, "known_from"])
        told = with_landed(found, asked.zone)
        self.many(
            told.assign(
                parent=parent,
                kind="earlier",
                at=told["observed_at"],
                used=False,
                n_readings=1,
                zh="曾认定，后被修订",
                en="believed before, then revised",
            )
        )

    def rejected(self, parent: int, sites: Sequence[str], start: datetime, end: datetime) -> None:
        """Add the cells of these sites and times that were turned away, with their reason."""
        asked = self.asked
        # what was replayed since is a reading now
        stands = state_at(asked.as_of) != "replayed"
        if asked.as_of is not None:
            stands = and_(quarantine.c.known_from <= asked.as_of, stands)
        names = ("site", "parameter", "period", "raw", "sheet", "row", "column", "code", "known_from")
        query = (
            select(
                *[quarantine.c[name] for name in names],
                quarantine.c.observed_at.label("at"),
                quarantine.c.cells.label("n_readings"),
                state_at(asked.as_of).label("state"),
                deliveries.c.name.label("delivery"),
                deliveries.c.sha256,
            )
            .select_from(quarantine.join(deliveries, deliveries.c.id == quarantine.c.delivery_id))
            .where(
                deliveries.c.district == asked.district.key,
                quarantine.c.site.in_(list(sites)),
                and_(quarantine.c.observed_at >= start, quarantine.c.observed_at < end),
                stands,
            )
            .order_by(quarantine.c.observed_at, quarantine.c.parameter, quarantine.c.id)
        )
        found = bulk.fetch(asked.connection, query)
        found = found[asked.wanted_in(found)]
        if found.empty:
            return
        words = reasons()
        told = with_landed(found, asked.zone)
        known = {code: words[code] for code in told["code"].unique() if code in words}
        told["zh"] = [known[code].zh if code in known else code for code in told["code"]]
        told["en"] = [known[code].en if code in known else code for code in told["code"]]
        self.many(told.assign(parent=parent, kind="rejected", used=False, clause=told["code"]))

    def many(self, rows: pd.DataFrame) -> None:
        """Add many steps at once: a frame with any of `KEYS`."""
        numbers = range(self.count + 1, self.count + len(rows) + 1)
        self.count += len(rows)
        kept = rows.assign(id=numbers)
        self.parts.append(kept[[name for name in KEYS if name in kept]].astype(object))

    def records(self) -> list[dict[str, Any]]:
        """Return the steps as flat records with every key, in their order."""
        asked = self.asked
        if not self.parts:
            return []
        rows = pd.concat(self.parts, ignore_index=True).reindex(columns=list(KEYS))
        sites = asked.district.sites.drop_duplicates("key", keep="last").set_index("key")["name"]
        rows["district"] = asked.district.key
        rows["name"] = rows["site"].map(sites.to_dict())
        rows["known_at"] = known_at(asked.as_of)
        return [
            {key: _plain(key, value) for key, value in record.items()} for record in rows.to_dict("records")
        ]


def _plain(key: str, value: Any) -> Any:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if key in _INTEGERS:
        return int(value)
    if key in {"used", "proved"}:
        return bool(value)
    if key == "value":
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else value


def said_number(value: Any, places: int = 10) -> str:
    """Write a number as short as it is; '' where there is none."""
    return "" if value is None or pd.isna(value) else f"{float(value):.{places}g}"


def words_of(parameter: str) -> tuple[str, str]:
    """Return what a parameter is called in Chinese and English; the key where it is not known."""
    known = parameters().get(parameter)
    return (known.zh, known.en) if known else (parameter, parameter)


def unit_key(parameter: str) -> str:
    """Return a parameter's canonical unit as the vocabulary writes it, '' where it is not known."""
    known = parameters().get(parameter)
    return "" if known is None else known.unit


def unit_of(parameter: str) -> str:
    """Return a parameter's canonical unit as people write it, '' where it has none."""
    known = parameters().get(parameter)
    return "" if known is None else unit(known.unit)
