"""Metrics for Prometheus: of the warehouse, the outbox and the last runs; as a textfile and for `/metrics`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Connection, func, select

from flows.heartbeat import HeartbeatError, read_beat
from flows.run import Run, write_whole
from vocabulary.clock import utc_of_wall
from warehouse.schema import deliveries, episodes, outbox, quarantine
from warehouse.verify import COUNTS

#: kinds of runs whose last summary is shown
_KINDS = ("nightly", "backfill", "sweep", "load")


def metrics_file(home: Path) -> Path:
    """Return where the textfile lies that node_exporter's textfile collector reads."""
    return home / "metrics.prom"


def exposition(connection: Connection, home: Path) -> bytes:
    """Return all metrics in Prometheus' text format.

    Parameters
    ----------
    connection
        The warehouse; only read.
    home
        The machine's folder: run summaries and the heartbeat.
    """
    registry = CollectorRegistry()
    registry.register(_Collected([*_of_warehouse(connection), *_of_runs(home), *_of_heartbeat(home)]))
    return generate_latest(registry)


def write_metrics(run: Run) -> Path:
    """Write the textfile after a run, whole, and return it."""
    path = metrics_file(run.settings.home)
    with run.warehouse.read() as connection:
        write_whole(path, exposition(connection, run.settings.home))
    return path


class _Collected:
    """Metrics that were counted already; a registry asks for them once."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return every family."""
        return self._families


def _family(
    name: str, says: str, labels: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> GaugeMetricFamily:
    """Make one family; of a row the last is the value, None is left out."""
    family = GaugeMetricFamily(name, says, labels=labels)
    for *words, value in rows:
        if value is not None:
            family.add_metric([str(word) for word in words], float(value))
    return family


def _of_warehouse(connection: Connection) -> list[GaugeMetricFamily]:
    by = (deliveries.c.district, deliveries.c.source)
    sums = [func.coalesce(func.sum(deliveries.c[name]), 0).label(name) for name in COUNTS]
    query = select(*by, func.max(deliveries.c.observed_to), func.max(deliveries.c.loaded_at), *sums).group_by(
        *by
    )
    found = [tuple(row) for row in connection.execute(query.order_by(*by))]
    cells = {(row[0], row[1]): dict(zip(COUNTS, row[4:], strict=True)) for row in found}
    states = select(*by, deliveries.c.state, func.count()).group_by(*by, deliveries.c.state)
    waiting = select(outbox.c.channel, outbox.c.state, func.count()).group_by(
        outbox.c.channel, outbox.c.state
    )
    oldest = (
        select(outbox.c.channel, func.min(outbox.c.created_at))
        .where(outbox.c.state == "waiting")
        .group_by(outbox.c.channel)
    )
    happening = select(episodes.c.district, episodes.c.rule, episodes.c.state, func.count()).group_by(
        episodes.c.district, episodes.c.rule, episodes.c.state
    )
    held = (
        select(deliveries.c.district, quarantine.c.code, func.sum(quarantine.c.cells))
        .join(deliveries, quarantine.c.delivery_id == deliveries.c.id)
        .where(quarantine.c.state == "open")
        .group_by(deliveries.c.district, quarantine.c.code)
    )
    source = ("district", "source")
    return [
        _family(
            "ecoplan_cells",
            "Cells of loaded exports by outcome; cells_in is their sum",
            (*source, "outcome"),
            [(*key, name, count) for key, counts in cells.items() for name, count in counts.items()],
        ),
        _family(
            "ecoplan_latest_reading_timestamp_seconds",
            "Time of the newest reading of a source",
            source,
            [(row[0], row[1], _seconds(utc_of_wall(row[2])) if row[2] else None) for row in found],
        ),
        _family(
            "ecoplan_last_loaded_timestamp_seconds",
            "When a delivery of a source was loaded last",
            source,
            [(row[0], row[1], _seconds(row[3]) if row[3] else None) for row in found],
        ),
        _family(
            "ecoplan_coverage_ratio",
            "Share of a source's cells that became readings",
            source,
            [(*key, _coverage(counts)) for key, counts in cells.items()],
        ),
        _family("ecoplan_deliveries", "Deliveries by state", (*source, "state"), _rows(connection, states)),
        _family(
            "ecoplan_quarantine_open_cells",
            "Cells in quarantine that wait for a person",
            ("district", "code"),
            _rows(connection, held),
        ),
        _family(
            "ecoplan_outbox_messages",
            "Messages of the outbox by channel and state",
            ("channel", "state"),
            _rows(connection, waiting),
        ),
        _family(
            "ecoplan_outbox_oldest_waiting_timestamp_seconds",
            "Since when the oldest waiting message of a channel waits",
            ("channel",),
            [(channel, _seconds(since)) for channel, since in _rows(connection, oldest)],
        ),
        _family(
            "ecoplan_episodes",
            "Episodes by rule and state",
            ("district", "rule", "state"),
            _rows(connection, happening),
        ),
    ]


def _rows(connection: Connection, query: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in connection.execute(query))


def _coverage(counts: Mapping[str, Any]) -> float | None:
    cells = int(counts["cells_in"])
    return 1 - (int(counts["quarantined"]) + int(counts["blank"])) / cells if cells else None


def _of_runs(home: Path) -> list[GaugeMetricFamily]:
    """Metrics of the last summary of each kind of run."""
    last = {kind: summary for kind in _KINDS if (summary := _last_summary(home, kind)) is not None}
    ended = [(kind, _moment(summary.get("ended_at"))) for kind, summary in last.items()]
    stages = [
        (kind, name, seconds) for kind, summary in last.items() for name, seconds in summary["stages"].items()
    ]
    cells = [
        (kind, report["district"], report["source"], name, count)
        for kind, summary in last.items()
        for report in summary["sources"]
        for name, count in report["counts"].items()
    ]
    failed = [
        (kind, report["district"], report["source"], bool(report["failure"]))
        for kind, summary in last.items()
        for report in summary["sources"]
    ]
    return [
        _family(
            "ecoplan_run_exit_status",
            "Exit status of the last run: 0 done, 1 findings, 3 failed",
            ("kind",),
            [(kind, summary["exit_status"]) for kind, summary in last.items()],
        ),
        _family("ecoplan_run_ended_timestamp_seconds", "When the last run ended", ("kind",), ended),
        _family(
            "ecoplan_run_stage_seconds", "Duration of a stage of the last run", ("kind", "stage"), stages
        ),
        _family(
            "ecoplan_run_cells",
            "Cells of the last run by outcome",
            ("kind", "district", "source", "outcome"),
            cells,
        ),
        _family(
            "ecoplan_run_source_failed",
            "Whether a source failed in the last run",
            ("kind", "district", "source"),
            failed,
        ),
    ]


def _last_summary(home: Path, kind: str) -> dict[str, Any] | None:
    for path in sorted((home / "runs").glob(f"*-{kind}-*.json"), reverse=True)[:3]:
        try:
            said = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            # a person may have cut it; the one before it is shown
            continue
        if isinstance(said, dict):
            return said
    return None


def _of_heartbeat(home: Path) -> list[GaugeMetricFamily]:
    try:
        beat = read_beat(home)
    except HeartbeatError:
        beat = None
    rows = [] if beat is None else [(_moment(beat.stage_at),)]
    running = [] if beat is None else [(not beat.ended_at,)]
    return [
        _family("ecoplan_heartbeat_timestamp_seconds", "When a night gave its last sign", (), rows),
        _family("ecoplan_night_running", "Whether a night is under way by its heartbeat", (), running),
    ]


def _moment(text: object) -> float | None:
    return _seconds(datetime.fromisoformat(str(text)).replace(tzinfo=None)) if text else None


def _seconds(moment_utc: datetime) -> float:
    return moment_utc.replace(tzinfo=UTC).timestamp()
