"""What the read commands answer: flat records with stable keys (docs/reference/records.md)."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, select

from flows.answers.alerts import episodes_known
from flows.evaluate import registry_of, section_dry, sections_frame
from flows.feeders import subject_sources
from flows.secrets_known import secrets_asked
from flows.settings import Settings
from flows.used_readings import section_readings, section_samples, with_left_out
from indicators.water_evaluation import evaluate_sections
from sources.listing import shown as printable
from vocabulary.clock import now_utc, utc_of_wall, wall_time
from vocabulary.district import District
from vocabulary.rounding import round_half_even
from vocabulary.water_class import class_sign
from warehouse.appeal import state_at
from warehouse.recall import believed, recall_table
from warehouse.schema import deliveries, indicator_results, quarantine, readings, runs, series

_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")
_PERIOD = re.compile(r"^\d{4}(-Q[1-4]|-\d{2}(-\d{2})?)?$")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class PeriodError(ValueError):
    """A period on the command line is not one of those known."""


def _with_silent(found: pd.DataFrame, sections: pd.DataFrame, period: str) -> pd.DataFrame:
    """Add the registered sections of which the period has no reading: silence must not look like absence."""
    silent = sections[~sections["site"].isin(found["site"])]
    if silent.empty:
        return found
    rows = silent[["site", "target_class"]].assign(
        period=period,
        items_used=0,
        worst="",
        multiples="",
        standard="",
        **{"class": pd.NA, "attained": pd.NA},
    )
    together = rows if found.empty else pd.concat([found.astype(object), rows.astype(object)])
    return together.sort_values("site", kind="stable").reset_index(drop=True)


def as_of_utc(text: str | None) -> datetime | None:
    """Read `--as-of`: an ISO time; without a zone it is Asia/Shanghai, a bare date is its end (24:00).

    Returns UTC without zone.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PeriodError(
            f"时间应为 2026-01-15 或 2026-01-15T08:00，实为 {text!r} / expected an ISO date or time, found {text!r}"
        ) from error
    if _DAY.match(text):
        moment += pd.Timedelta(days=1)
    return utc_of_wall(moment)


def bounds(period: str) -> tuple[datetime, datetime]:
    """Return `[start, end)` of a period: `YYYY`, `YYYY-Qn`, `YYYY-MM`, `YYYY-MM-DD` or `first..last`."""
    first, _, last = period.partition("..")
    wrong = PeriodError(
        f"时段应为 2026、2026-Q1、2026-10、2026-10-03 或 2026-01..2026-06，实为 {period!r} / expected a year, "
        f"quarter, month, day or range, found {period!r}"
    )
    if not all(_PERIOD.match(part) for part in (first, last or first)):
        raise wrong
    try:
        start = pd.Period(first.replace("-Q", "Q")).start_time
        # the first moment of the period after: the last one of this is known to microseconds or nanoseconds only
        end = (pd.Period((last or first).replace("-Q", "Q")) + 1).start_time
    except ValueError as error:
        raise wrong from error
    if end <= start:
        raise wrong
    return start.to_pydatetime(), end.to_pydatetime()


def known_at(as_of: datetime | None) -> str:
    """Return the known-at time of an answer, Asia/Shanghai."""
    return wall_time(as_of or now_utc()).isoformat(timespec="seconds")


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into plain records: times as ISO text, missing as None."""
    if not len(frame):
        return []
    shown = frame.copy()
    for name in shown.columns:
        if pd.api.types.is_datetime64_any_dtype(shown[name].dtype):
            shown[name] = shown[name].dt.strftime("%Y-%m-%dT%H:%M:%S")
    objects = shown.astype(object)
    records: list[dict[str, Any]] = objects.where(shown.notna(), None).to_dict("records")
    return records


def sections(
    connection: Connection,
    district: District,
    period: str,
    *,
    as_of: datetime | None = None,
    standard: str | None = None,
) -> list[dict[str, Any]]:
    """Return class, worst items, multiples, target and attainment of every registered section.

    A day gives its single samplings in real-time mode, any longer period the evaluation of its means.
    """
    registry = registry_of(district)
    frame = sections_frame(district)
    start, end = bounds(period)
    daily = _DAY.match(period) is not None
    sites = list(frame["site"])
    if daily:
        found = section_samples(
            connection, district, frame, start, end, registry=registry, standard=standard, as_of=as_of
        )
        found["period"] = found["observed_at"].dt.strftime("%Y-%m-%dT%H:%M")
    else:
        used = section_readings(connection, district, sites, start, end, use="evaluation", as_of=as_of)
        dry = section_dry(connection, district, sites, start, end, as_of=as_of)
        found = evaluate_sections(used.kept, frame, period, registry=registry, standard=standard, dry=dry)
        found = with_left_out(_with_silent(found, frame, period), used.count_left(["site"]))
    names = district.sites[["key", "name", "river"]].rename(columns={"key": "site"})
    found = found.merge(names, on="site", how="left").assign(district=district.key, known_at=known_at(as_of))
    # a section without water shows why in the place of a class
    why = found["reason"].fillna("") if "reason" in found else pd.Series("", index=found.index)
    found["label"] = [
        class_sign(int(number)) if pd.notna(number) else word
        for number, word in zip(found["class"], why, strict=True)
    ]
    keys = (
        "district site name river period class label items_used worst multiples target_class attained standard "
        "known_at left_out"
    )
    return as_records(found[keys.split()])


def indicators(
    connection: Connection, district: District, year: int | None, *, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the plan's indicators for a year; without one, the latest year of each plan on record."""
    conditions = [indicator_results.c.district == district.key]
    if year is not None:
        conditions.append(indicator_results.c.period == str(year))
    rows = recall_table(connection, indicator_results, *conditions, as_of=as_of)
    if year is None and not rows.empty:
        latest = rows.groupby("plan")["period"].transform("max")
        rows = rows[rows["period"] == latest]
        # the plan that is under way or ended last, not a template that waits for its targets
        rows = rows[rows["plan"] == rows["plan"].min()]
    rows = rows.sort_values(["plan", "period", "indicator"]).assign(known_at=known_at(as_of))
    places = {(plan.id, item.number): item.decimals for plan in district.plans for item in plan.indicator}
    named = zip(rows["plan"], rows["indicator"], strict=True)
    rows["decimals"] = pd.array([places.get(name, pd.NA) for name in named], dtype="Int64")
    keys = (
        "district plan indicator name period value unit numerator denominator valid target baseline status "
        "projection low high remaining standard known_at reason_zh reason_en left_out decimals"
    )
    records = as_records(rows[keys.split()])
    for record in records:
        for name in ("target", "baseline"):
            record[name] = _number_or_text(record[name])
    return records


def _number_or_text(text: str) -> float | str:
    """Return a plain number as a number; `44.85 %*` and 完成市下达任务 stay text."""
    return float(text) if _NUMBER.match(text) else text


def status(
    connection: Connection, districts: dict[str, District], *, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return one record a source: freshness, coverage, open work; and one a run of the last ten."""
    moment = as_of or now_utc()
    records: list[dict[str, Any]] = []
    for district in districts.values():
        records += [_source_status(connection, district, source.key, moment) for source in district.sources]
        records.append(_open_work(connection, district, as_of))
    query = select(runs).where(runs.c.started_at <= moment).order_by(runs.c.started_at.desc()).limit(10)
    records += [
        {
            "kind": "run",
            "district": "",
            "source": "",
            "run": row["kind"],
            "run_date": f"{row['run_date']:%Y-%m-%d}",
            "started_at": wall_time(row["started_at"]).isoformat(timespec="seconds"),
            "ended_at": wall_time(row["ended_at"]).isoformat(timespec="seconds") if ended else None,
            "status": row["status"] if ended or row["ended_at"] is None else "running",
        }
        for row in connection.execute(query).mappings()
        for ended in [row["ended_at"] is not None and row["ended_at"] <= moment]
    ]
    return records


def _source_status(
    connection: Connection, district: District, source: str, moment: datetime
) -> dict[str, Any]:
    mine = (
        deliveries.c.district == district.key,
        deliveries.c.source == source,
        deliveries.c.loaded_at <= moment,
    )
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(deliveries.c.state == "refused"),
            func.max(deliveries.c.observed_to),
            func.max(deliveries.c.loaded_at),
            func.coalesce(func.sum(deliveries.c.cells_in), 0),
            func.coalesce(func.sum(deliveries.c.quarantined), 0),
            func.coalesce(func.sum(deliveries.c.blank), 0),
        ).where(*mine)
    ).one()
    cells = int(row[4])
    return {
        "kind": "source",
        "district": district.key,
        "source": source,
        "deliveries": int(row[0]),
        "refused": int(row[1]),
        "latest_reading": row[2].isoformat() if row[2] else None,
        "loaded_at": wall_time(row[3]).isoformat(timespec="seconds") if row[3] else None,
        "cells_in": cells,
        "quarantined": int(row[5]),
        "coverage": _share(cells - int(row[5]) - int(row[6]), cells),
    }


def _share(part: int, whole: int) -> float | None:
    """Return a share to four places; None of nothing."""
    return float(round_half_even([part / whole], 4)[0]) if whole else None


def _open_work(connection: Connection, district: District, as_of: datetime | None) -> dict[str, Any]:
    unregistered = _unregistered(connection, district, as_of)
    waits = state_at(as_of) == "open"
    if as_of is not None:
        waits = and_(quarantine.c.known_from <= as_of, waits)
    waiting = select(func.coalesce(func.sum(quarantine.c.cells), 0)).select_from(
        quarantine.join(deliveries, quarantine.c.delivery_id == deliveries.c.id)
    )
    happening = [
        item
        for item in episodes_known(connection, {district.key: district}, as_of)
        if item["state"] in {"firing", "acknowledged"}
    ]
    return {
        "kind": "open-work",
        "district": district.key,
        "source": "",
        "quarantine_open": int(
            connection.execute(waiting.where(deliveries.c.district == district.key, waits)).scalar_one()
        ),
        "episodes_open": len(happening),
        "unregistered_sites": len(unregistered),
        "unregistered": ";".join(unregistered[:50]),
    }


def _unregistered(connection: Connection, district: District, as_of: datetime | None) -> list[str]:
    """Return the sites with readings that are in no registry; readings known under a key since are not theirs.

    What ledgers, returns and documents speak of (projects, the district itself) is no site.
    """
    strangers = select(series.c.id).where(
        series.c.district == district.key, series.c.site.not_in(district.sites["key"].tolist())
    )
    stands = believed(readings, as_of)
    of_sites = select(deliveries.c.id).where(
        deliveries.c.district == district.key, deliveries.c.source.not_in(subject_sources())
    )
    told = (
        select(readings.c.series_id)
        .where(readings.c.series_id.in_(strangers), readings.c.delivery_id.in_(of_sites), stands)
        .distinct()
    )
    sites = select(series.c.site).where(series.c.id.in_(told)).distinct()
    return sorted(connection.execute(sites).scalars())


def doctor(settings: Settings, districts: dict[str, District]) -> list[dict[str, str]]:
    """Return settings with their origin, and what districts, sources and folders there are."""
    records = [*settings.explain(), *secrets_asked(districts)]
    for district in districts.values():
        for source in district.sources:
            where = printable(source.location)
            if not source.remote:
                folder = source.folder(settings.base())
                where += "" if Path(folder).is_dir() else "（文件夹不存在 missing folder）"
            records.append(
                {"setting": f"{district.key}/{source.key}", "value": where, "origin": "sources.toml"}
            )
    return records
