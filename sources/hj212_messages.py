"""Heads of HJ 212 messages: whose they are, of when, and which of their fields are value positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from sources.assembly import BoolArray, Labels, TimeArray
from sources.hj212_fields import Fields
from sources.hj212_frames import CRC_WRONG, LENGTH_WRONG, MODBUS, STANDARD, Parts
from sources.hj212_meaning import field_name, grid_seconds, is_other_message, is_value_message
from sources.layout import LayoutData
from sources.result import Problem
from sources.times import latest_time, parse_times

#: Flag: bits 2 to 7 are the edition; 2 is HJ 212-2025, the only one that encrypts
_EDITION_2025 = 2

#: how many places a remark names
_NAMED = 5


@dataclass(frozen=True)
class Messages:
    """The head of every part, m parts; `observed_at` NaT and words '' where nothing is stated."""

    cn: Labels
    st: Labels
    mn: Labels
    observed_at: TimeArray
    timed: BoolArray
    values: BoolArray
    others: BoolArray
    encrypted: BoolArray


def messages_of(parts: Parts, fields: Fields, stated: LayoutData, covered_to: datetime) -> Messages:
    """Read the head of every message."""
    count = len(parts.begin)
    # what stands outside of frames may be the rests of several messages: whose they were is not known
    cn, st, mn, flag, moment = (
        Labels(found.words, np.where(parts.frames, found.codes, -1))
        for found in (fields.first_of(name, count) for name in ("CN", "ST", "MN", "Flag", "DataTime"))
    )
    values, others = _which(cn, is_value_message), _which(cn, is_other_message)
    when = parse_times(moment.words, stated.rest["time_pattern"], latest_time(covered_to))
    observed_at = np.concatenate((when, [np.datetime64("NaT", "us")]))[moment.codes].astype("datetime64[us]")
    timed = ~moment.absent
    observed_at, timed = _time_of_fellows(parts, fields, (cn, st, mn), observed_at, timed)
    grid = np.array([*(grid_seconds(word) for word in cn.words), 1], dtype=np.int64)[cn.codes]
    seconds = np.where(np.isnat(observed_at), 0, observed_at.astype("datetime64[s]").astype(np.int64))
    observed_at = np.where(seconds % grid == 0, observed_at, np.datetime64("NaT", "us"))
    edition = np.array([_edition(word) for word in (*flag.words, "")], dtype=np.int64)[flag.codes]
    encrypted = (
        (parts.kind == CRC_WRONG) & (edition == _EDITION_2025) & fields.bodies & moment.absent & values
    )
    return Messages(cn, st, mn, observed_at, timed, values, others, encrypted)


def _edition(flag: str) -> int:
    return int(flag) >> 2 if flag.isascii() and flag.isdigit() and len(flag) < 4 else -1  # noqa: PLR2004 - 0 to 255


def _which(labels: Labels, told: Callable[[str], bool]) -> BoolArray:
    """Return for each entry what a function tells of its word."""
    answers = [told(word) for word in labels.words]
    return np.array([*answers, False], dtype=bool)[labels.codes]


def _time_of_fellows(
    parts: Parts, fields: Fields, labels: tuple[Labels, ...], observed_at: TimeArray, timed: BoolArray
) -> tuple[TimeArray, BoolArray]:
    """Give packets of a message (PNUM > 1) that state no time that of the packets with the same QN."""
    count = len(parts.begin)
    number, request = fields.first_of("PNUM", count), fields.first_of("QN", count)
    packet = ~number.absent & ~request.absent & parts.sound
    if not (packet & ~timed).any():
        return observed_at, timed
    frame = pd.DataFrame(
        {str(at): label.codes for at, label in enumerate((*labels, request))} | {"when": observed_at}
    )[packet]
    group = frame.groupby([str(at) for at in range(len(labels) + 1)], sort=False)["when"]
    one = group.transform("nunique").to_numpy() == 1
    told = group.transform("first").to_numpy().astype("datetime64[us]")
    places = np.flatnonzero(packet)
    given = one & ~timed[places]
    observed_at, timed = observed_at.copy(), timed.copy()
    observed_at[places[given]] = told[given]
    timed[places[given]] = True
    return observed_at, timed


def are_cells(parts: Parts, fields: Fields, heads: Messages) -> BoolArray:
    """Return which fields are value positions.

    In a message of values every field of the body that is no label or mark; anywhere else, unless the
    message is known to hold no values, only what is surely a measured value.
    """
    names = [field_name(name) for name in fields.names]
    may = np.array([not (name.label or name.mark) for name in names], dtype=bool)[fields.name]
    surely = np.array([name.value for name in names], dtype=bool)[fields.name]
    framed = parts.frames[fields.part]
    of_values = framed & fields.in_body & heads.values[fields.part]
    of_others = framed & heads.others[fields.part]
    return (may & of_values | surely & ~of_others) & ~heads.encrypted[fields.part]


def remarks(parts: Parts, heads: Messages) -> list[Problem]:
    """Return remarks on the delivery: unusual check codes, damaged frames, messages without values."""
    problems = []
    modbus, lower = int((parts.kind == MODBUS).sum()), int((parts.lower & parts.sound).sum())
    if modbus or lower:
        standard = int((parts.kind == STANDARD).sum())
        problems.append(
            Problem(
                "crc-mode",
                f"校验码：标准算法 {standard} 帧，Modbus {modbus} 帧，其中小写 {lower} 帧",
                f"check codes: {standard} frames by the standard, {modbus} by Modbus, {lower} of them in lower case",
            )
        )
    damaged = np.flatnonzero((parts.kind == CRC_WRONG) | (parts.kind == LENGTH_WRONG))
    if len(damaged):
        rows = parts.row(parts.begin[damaged[:_NAMED]])
        lines = [*map(str, rows.tolist()), *(["…"] if len(damaged) > _NAMED else [])]
        problems.append(
            Problem(
                "frame-damaged",
                f"共 {int(parts.frames.sum())} 帧，{len(damaged)} 帧损坏（第 {'、'.join(lines)} 行）",
                f"{len(damaged)} of {int(parts.frames.sum())} frames are damaged (lines {', '.join(lines)})",
                int(rows[0]),
            )
        )
    other = parts.sound & heads.others
    if other.any():
        codes, times = np.unique(heads.cn.codes[other], return_counts=True)
        told = [
            f"CN={heads.cn.words[code]}×{count}"
            for code, count in zip(codes.tolist(), times.tolist(), strict=True)
        ]
        problems.append(
            Problem(
                "message-other",
                f"不含监测值的报文：{'、'.join(told)}",
                f"messages without measured values: {', '.join(told)}",
            )
        )
    return problems
