"""What a file is and what it would load, without a warehouse and without writing anything."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from flows.facts import facts_of
from quality.judge import judge
from sources.delivery import Delivery, delivery_name
from sources.encoding import MAX_BYTES
from sources.result import Problem, ReadResult
from sources.sniff import REFUSED, Sniffed, sniff
from vocabulary.clock import wall_time
from vocabulary.reasons import DeliveryRefusedError


def sniff_file(path: Path) -> dict[str, object]:
    """Return the record of one file, as `ecoplan sniff` prints it.

    Returns
    -------
    dict
        file, source (None: no layout knows it), confidence (0 to 1), cells, accepted, quarantined, blank,
        period_from, period_to (start of the first and of the last interval, ISO text, '' without
        readings), encoding, others, problems (texts joined by '；').

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    stat = path.stat()
    content = path.read_bytes() if stat.st_size <= MAX_BYTES else b""
    modified_at = wall_time(datetime.fromtimestamp(stat.st_mtime, UTC).replace(tzinfo=None))
    delivery = Delivery(
        district="",
        source="",
        name=delivery_name(path.absolute().as_posix()),
        sha256=hashlib.sha256(content).hexdigest(),
        size=stat.st_size,
        modified_at=modified_at,
    )
    if stat.st_size > MAX_BYTES:
        found = Sniffed(None, 0.0, {}, None, [_too_large(stat.st_size)])
    else:
        try:
            found = sniff(content, delivery)
        except DeliveryRefusedError as refusal:
            found = Sniffed(None, 0.0, {}, None, [Problem(refusal.code, refusal.zh, refusal.en)])
    return {"file": str(path)} | _record(found)


def _too_large(size: int) -> Problem:
    return Problem(
        "file-too-large",
        f"{size} 字节，超过上限 {MAX_BYTES} 字节",
        f"{size} bytes, more than the {MAX_BYTES} allowed",
    )


def _record(found: Sniffed) -> dict[str, object]:
    confidence, problems = found.confidence, list(found.problems)
    result, accepted = found.result, pd.DataFrame()
    if result is not None and found.source is not None and len(result.readings):
        judged = judge(result.readings, source=found.source, facts={0: facts_of(result)})
        accepted = judged.accepted
        for refusal in judged.refused.values():
            confidence = round(confidence * REFUSED, 2)
            problems.append(
                Problem(refusal.code, f"将被拒收：{refusal.zh}", f"will be refused: {refusal.en}")
            )
        problems += _reasons(result, judged.quarantined)
    elif result is not None:
        problems += _reasons(result, pd.DataFrame())
    times = accepted["observed_at"] if len(accepted) else pd.Series([], dtype="datetime64[us]")
    cells = 0 if result is None else result.cells_in
    blank = 0 if result is None else result.blank
    return {
        "source": found.source,
        "confidence": confidence,
        "cells": cells,
        "accepted": len(accepted),
        "quarantined": cells - blank - len(accepted),
        "blank": blank,
        "period_from": times.min().isoformat() if len(times) else "",
        "period_to": times.max().isoformat() if len(times) else "",
        "encoding": "" if result is None else result.encoding,
        "others": ";".join(f"{source}={score:g}" for source, score in found.others.items()),
        "problems": "；".join(dict.fromkeys(f"{problem.zh} / {problem.en}" for problem in problems)),
    }


def _reasons(result: ReadResult, quarantined: pd.DataFrame) -> list[Problem]:
    """Return one remark a reason for which cells would go to quarantine."""
    parts = [frame[["code", "cells"]] for frame in (result.rejects, quarantined) if len(frame)]
    if not parts:
        return []
    counts = pd.concat(parts).groupby("code")["cells"].sum().sort_index()
    return [
        Problem(str(code), f"隔离 {cells} 个单元格（{code}）", f"{cells} cells quarantined ({code})")
        for code, cells in counts.items()
    ]
