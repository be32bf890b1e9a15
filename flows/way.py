"""The way of a reading, once: gather, ingest, flag, evaluate, alert, indicators, report.

One algorithm for nightly, catch-up, backfill and one-off loads; what is missing is told by the ledger.
How a step is carried out is the caller's choice: plainly, or as Prefect tasks (flows/nightly.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from flows.alert.record import record_alerts, send_messages
from flows.evaluate import evaluate_district
from flows.flagging import flag_district
from flows.gather import Gathered, Window, gather
from flows.ingest import batches, ingest
from flows.progress import record_indicators
from flows.publish import publish
from flows.run import Do, Run, SourceReport
from sources.landing import LandingError
from sources.pull import PullError
from vocabulary.district import District, Source
from warehouse.engine import WarehouseError

log = logging.getLogger(__name__)

#: what a source may fail of without a defect of the program: its message says all, no trace is wanted
_EXPECTED = (PullError, LandingError, OSError)


def plainly(_name: str, step: Callable[..., Any], *arguments: Any) -> Any:
    """Carry out a step here and now, without Prefect."""
    return step(*arguments)


@dataclass(frozen=True)
class Wish:
    """What is asked of the way."""

    window: Window = field(default_factory=Window)
    source: str | None = None
    sources: tuple[str, ...] | None = None
    files: tuple[Path, ...] | None = None
    silent: bool = False

    def wants(self, source: str) -> bool:
        """Tell whether a source is asked for; without a wish every source is."""
        return self.source in {None, source} and (self.sources is None or source in self.sources)


#: gathers and loads every source that is wished for
Load = Callable[[Run, Wish, Do], None]


def walk(run: Run, wish: Wish, do: Do = plainly, load: Load | None = None) -> None:
    """Walk the way for every district and source of the run; the summary says what happened.

    A source that fails is reported and never stops the others. `load` is how sources are gathered and
    loaded: none is one after another, `flows.units.Filling` side by side.
    """
    with _stage(run, "load"):
        (load or _one_after_another)(run, wish, do)
    if run.dry_run:
        return
    with _stage(run, "evaluate"):
        for district in run.districts.values():
            do(f"重算与预警 {district.key}", evaluate_and_alert, run, district, wish.silent)
    with _stage(run, "send"):
        do("发送消息", send_messages, run)
    with _stage(run, "report"):
        do("发布报告", publish, run)


def _one_after_another(run: Run, wish: Wish, do: Do) -> None:
    for district in run.districts.values():
        for source in district.sources:
            if wish.wants(source.key):
                _walk_source(run, district, source, wish, do)


def _walk_source(run: Run, district: District, source: Source, wish: Wish, do: Do) -> None:
    report = SourceReport(district.key, source.key, source.title_zh)
    run.summary.sources.append(report)
    try:
        gathered: Gathered = do(
            f"收取 {district.key}/{source.key}", gather, run, district, source, wish.window, wish.files
        )
        report.found, report.known = gathered.found, gathered.known
        report.failure = "; ".join(gathered.failures)
        for batch in batches(gathered):
            span = batch[0].partition
            if batch[-1].partition != span:
                span += f"..{batch[-1].partition}"
            do(
                f"入库 {district.key}/{source.key} {span} ({len(batch)})",
                ingest,
                run,
                district,
                source,
                batch,
                report,
            )
            run.say(
                f"{district.name_zh} {source.title_zh} {span}：{len(batch)} 份已入库",
                f"{district.name_en} {source.title_en} {span}: {len(batch)} loaded",
            )
    except (WarehouseError, SQLAlchemyError):
        # not the source's fault, and no other source could be loaded either
        raise
    except _EXPECTED as error:
        report.failure = str(error)
    except Exception as error:
        # one failing source must not stop the others; it is reported, and the run fails
        log.exception("source %s of %s failed", source.key, district.key)
        report.failure = f"{type(error).__name__}: {error}"


def evaluate_and_alert(run: Run, district: District, silent: bool) -> None:
    """Flag and recompute what changed and move the episodes, in one transaction."""
    with run.warehouse.begin() as connection:
        flagged = flag_district(connection, district)
        done = evaluate_district(connection, run, district)
        for name, count in [*flagged.items(), *done.counts.items()]:
            run.summary.evaluated[name] = run.summary.evaluated.get(name, 0) + count
        # a rule may speak of indicators
        record_indicators(connection, run, district, done)
        record_alerts(connection, run, district, done, silent=silent)


@contextmanager
def _stage(run: Run, name: str) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        run.summary.stages[name] = round(time.monotonic() - started, 3)
