"""Ingest: read, judge and load one batch of landed deliveries in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flows.facts import expected_of, facts_of
from flows.gather import BATCH_BYTES, BATCH_FILES, Gathered, Pending
from flows.run import Run, SourceReport
from quality.batch import Expected
from quality.data_docs import keep_validation
from quality.judge import Judgement, Refusal, judge
from quality.results import write_results
from sources.catalogue import read_delivery
from sources.landing import LandingZone
from sources.result import ReadResult
from sources.sites import register
from vocabulary.clock import now_utc
from vocabulary.district import District, Source
from vocabulary.reading import empty_readings, empty_rejects
from vocabulary.reasons import DeliveryRefusedError, reasons
from warehouse.load import Unit, known_units, load_batch
from warehouse.verify import COUNTS

#: deliveries of a batch that are named for one reason; the rest are counted
_TOLD = 3


@dataclass(frozen=True)
class Examined:
    """A batch as read and judged: one unit a delivery, the verdict, every rejected cell, remarks.

    `delivery` in the frames is the place of the delivery in `units`.
    """

    units: list[Unit]
    judged: Judgement
    away: pd.DataFrame
    problems: list[str]


def batches(gathered: Gathered) -> Iterator[list[Pending]]:
    """Cut what is pending, in its order, into batches bounded in files and bytes.

    A night is one batch a source; a backfill has as many as its memory needs.
    """
    batch: list[Pending] = []
    size = 0
    for item in gathered.pending:
        full = len(batch) >= BATCH_FILES or size + item.delivery.size > BATCH_BYTES
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.delivery.size
    if batch:
        yield batch


def ingest(run: Run, district: District, source: Source, batch: list[Pending], report: SourceReport) -> None:
    """Read, judge and load a batch; what is refused is written to the ledger with its reason."""
    with run.warehouse.kept_open():
        settle(run, district, source, batch, examine(run, district, source, batch), report)


def settle(
    run: Run,
    district: District,
    source: Source,
    batch: list[Pending],
    found: Examined,
    report: SourceReport,
) -> None:
    """Load what was examined in one transaction; a dry run only reports what it would load."""
    units, judged, away = found.units, found.judged, found.away
    report.findings += found.problems
    _tell(report, judged)
    if not run.dry_run:
        folder = run.settings.home / "quality" / district.key / source.key
        name = f"{batch[0].partition or 'undated'}-{units[0].sha256[:12]}"
        write_results(judged, folder / f"{name}.json")
        if judged.document is not None:
            place = run.settings.home / "data_docs"
            where = {"district": district.key, "source": source.key, "name": name}
            keep_validation(place, judged.document, **where, at=now_utc())
    else:
        _expect(report, units, judged, away)
        return
    with run.warehouse.begin() as connection:
        known = known_units(connection, district.key, source.key)
        report.known += sum(unit.sha256 in known for unit in units)
        units, (accepted, away) = _without(known, units, judged.accepted, away)
        loaded = load_batch(connection, units, accepted, away, now=now_utc())
    balances: list[dict[str, Any]] = loaded.balance.to_dict("records")
    for unit, balance in zip(units, balances, strict=True):
        _enter(report, unit, {name: int(balance[name]) for name in COUNTS})


def _judged(
    run: Run, source: Source, units: list[Unit], read: list[ReadResult], readings: pd.DataFrame
) -> Judgement:
    """Judge a batch with what is known of its deliveries; a ledger that is not there yet expects nothing."""
    expected: dict[int, Expected] = {}
    if run.warehouse.exists():
        with run.warehouse.read() as connection:
            expected = expected_of(connection, units, run.run_date)
    facts = {
        place: facts_of(result, unit.partition, expected.get(place))
        for place, (unit, result) in enumerate(zip(units, read, strict=True))
    }
    return judge(
        readings,
        source=source.key,
        deliveries=[unit.name for unit in units],
        facts=facts,
        documented=run.settings.data_docs and not run.dry_run,
    )


def _tell(report: SourceReport, judged: Judgement) -> None:
    """Put what a person should know of loaded deliveries among the findings; of many like it, the first few."""
    warned = [
        remark
        for remark in judged.remarks
        if remark.severity == "warn" and remark.delivery not in judged.refused
    ]
    for code in dict.fromkeys(remark.code for remark in warned):
        of_code = [remark for remark in warned if remark.code == code]
        report.findings += [
            f"{judged.deliveries[remark.delivery]}: {remark.zh} / {remark.en}" for remark in of_code[:_TOLD]
        ]
        if len(of_code) > _TOLD:
            rest = len(of_code) - _TOLD
            report.findings.append(
                f"{code}: 另有 {rest} 份同样，见质控结果页 / {rest} more deliveries alike, see the quality pages"
            )


def examine(run: Run, district: District, source: Source, batch: list[Pending]) -> Examined:
    """Read and judge a batch of landed deliveries of one source; nothing is written."""
    zone = LandingZone(run.landing)
    units: list[Unit] = []
    read: list[ReadResult] = []
    problems: list[str] = []
    for item in batch:
        unit, result = _read(run, zone, item)
        units.append(unit)
        read.append(result)
        problems += [
            f"{unit.name}: {problem.zh} / {problem.en}"
            for problem in result.problems
            if reasons()[problem.code].severity != "note"
        ]
    readings, rejects = _together(read)
    readings, rejects = register(readings, district.sites), register(rejects, district.sites)
    judged = _judged(run, source, units, read, readings)
    units = [_refused(unit, judged.refused.get(place)) for place, unit in enumerate(units)]
    return Examined(units, judged, _away(judged, rejects), problems)


def _read(run: Run, zone: LandingZone, item: Pending) -> tuple[Unit, ReadResult]:
    """Read one delivery; a refusal becomes a unit of state refused that holds no cells."""
    delivery = item.delivery
    content = item.path.read_bytes() if run.dry_run else zone.read(delivery.sha256)
    unit = Unit(
        district=delivery.district,
        source=delivery.source,
        partition=item.partition,
        sha256=delivery.sha256,
        name=delivery.name,
        size=delivery.size,
        issued_at=delivery.modified_at,
        modified_at=delivery.modified_at,
        encoding="",
        cells_in=0,
        blank=0,
    )
    try:
        result = read_delivery(content, delivery)
    except DeliveryRefusedError as refusal:
        unit = _refused(unit, refusal)
        nothing = ReadResult(empty_readings(), empty_rejects(), 0, 0, unit.issued_at, False, "")
        return unit, nothing
    unit = replace(
        unit,
        issued_at=result.issued_at,
        encoding=result.encoding,
        cells_in=result.cells_in,
        blank=result.blank,
    )
    return unit, result


def _refused(unit: Unit, refusal: Refusal | DeliveryRefusedError | None) -> Unit:
    if refusal is None:
        return unit
    return replace(unit, state="refused", code=refusal.code, detail_zh=refusal.zh, detail_en=refusal.en)


def _together(read: list[ReadResult]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the frames of a batch under one another, with the place of their delivery."""
    readings = [result.readings.assign(delivery=place) for place, result in enumerate(read)]
    rejects = [result.rejects.assign(delivery=place) for place, result in enumerate(read)]
    return pd.concat(readings, ignore_index=True), pd.concat(rejects, ignore_index=True)


def _away(judged: Judgement, rejects: pd.DataFrame) -> pd.DataFrame:
    """Return every rejected cell of the batch; a delivery refused whole stands for its readings in one row."""
    parts = [part for part in (rejects, judged.quarantined, judged.refused_cells()) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else rejects


def _without(
    known: set[str], units: list[Unit], *frames: pd.DataFrame
) -> tuple[list[Unit], list[pd.DataFrame]]:
    """Leave out deliveries that another process loaded meanwhile."""
    kept = [place for place, unit in enumerate(units) if unit.sha256 not in known]
    moved = pd.Series(range(len(kept)), index=kept, dtype="int64")
    rest = []
    for frame in frames:
        own = frame[frame["delivery"].isin(kept)]
        rest.append(own.assign(delivery=moved.loc[own["delivery"]].to_numpy(dtype="int64")))
    return [units[place] for place in kept], rest


def _enter(report: SourceReport, unit: Unit, counts: dict[str, int]) -> None:
    """Put a delivery into the report with its counts; one that is refused is a finding."""
    if unit.state == "refused":
        report.findings.append(
            f"{unit.name}: 拒收（{unit.code}）{unit.detail_zh} / refused: {unit.detail_en}"
        )
    report.add({"name": unit.name, "sha256": unit.sha256, "state": unit.state, "code": unit.code, **counts})
    report.loaded += unit.state == "loaded"
    report.refused += unit.state == "refused"


def _expect(report: SourceReport, units: list[Unit], judged: Judgement, away: pd.DataFrame) -> None:
    """Say what a dry run would load: what is new and what is a revision is only known on loading."""
    accepted = judged.accepted["delivery"].value_counts()
    turned_away = away.groupby("delivery")["cells"].sum()
    for place, unit in enumerate(units):
        counts = dict.fromkeys(COUNTS, 0) | {
            "cells_in": unit.cells_in,
            "new": int(accepted.get(place, 0)),
            "quarantined": int(turned_away.get(place, 0)),
            "blank": unit.blank,
        }
        _enter(report, unit, counts)
