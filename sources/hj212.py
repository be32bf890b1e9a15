"""Reader of HJ 212 messages: logs of a receiver, raw streams as `ecoplan listen` keeps them, JSON lines.

Source: sources/data/hj212.toml; HJ/T 212-2005, HJ 212-2017, HJ 212-2025. A cell is one value of a message of
measured values (`w01018-Avg=27.3`). Flags and times are no cells; known messages without values
are counted in a remark. A value in a damaged frame, or in the tail of a frame whose head was lost, is a
cell turned away with its reason. An encrypted message counts as one cell. Packets of one message (PNUM,
PNO) are read each on its own; one that states no time takes that of its fellow packets.

Passwords (PW) never reach a reading or a rejected cell: only values of the message's body do. The landed
bytes are kept untouched, as every delivery's are, passwords included: the landing zone is to be guarded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import FloatArray, Labels, ValueCells, among, encode, numbers, settle, trimmed
from sources.cells import IntArray
from sources.delivery import Delivery
from sources.hj212_fields import Fields, fields_of, texts
from sources.hj212_frames import CRC_WRONG, LENGTH_WRONG, OUTSIDE, Parts, parts_of
from sources.hj212_meaning import facts, field_name, meaning
from sources.hj212_messages import Messages, are_cells, messages_of, remarks
from sources.layout import LayoutData
from sources.naming import issue_of, partition_of
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

_FRAME = re.compile(r"##\d{4}")
_MESSAGE = re.compile(r"##\d{4}[^\n]{0,200}?CN=\d{4}")

#: how much of an encrypted message a rejected cell shows
_SHOWN = 120


@dataclass(frozen=True)
class _Meanings:
    """What each of n cells means."""

    parameter: Labels
    period: Labels
    exponent: IntArray
    factor: FloatArray
    code: Labels


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return facts()


def partition(name: str) -> str | None:
    """Return the day (or month) the name speaks of, or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    if not _FRAME.search(head):
        return 0.0
    return (1.0 if partition(name) else 0.9) if _MESSAGE.search(head) else 0.3


def read(content: bytes, delivery: Delivery) -> ReadResult:
    """Read one log into readings.

    Parameters
    ----------
    content
        The landed bytes; they need not be text.
    delivery
        Whose bytes they are.

    Raises
    ------
    DeliveryRefusedError
        `file-empty` without content, `layout-unknown` when there is neither a frame nor a value,
        `no-cells` when no message holds values.
    """
    stated = layout()
    if not content.strip():
        raise DeliveryRefusedError("file-empty", "文件没有内容", "the file has no content")
    parts = parts_of(content, stated.rest["json_field"])
    fields = fields_of(parts)
    issue = issue_of(delivery.name, delivery.modified_at, stated.names)
    heads = messages_of(parts, fields, stated, issue.covered_to)
    cells = np.flatnonzero(are_cells(parts, fields, heads))
    problems = remarks(parts, heads)
    if not parts.frames.any() and len(cells) == 0:
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{delivery.name} 中没有 HJ 212 数据帧（##、四位长度、数据段、校验码）",
            f"{delivery.name} holds no HJ 212 frame (##, four digits of length, data segment, check code)",
        )
    book = _book(parts, fields, heads, cells, stated)
    if len(book.row) == 0:
        raise DeliveryRefusedError(
            "no-cells",
            f"{delivery.name} 有 {int(parts.frames.sum())} 帧，均不含监测值",
            f"{delivery.name} holds {int(parts.frames.sum())} frames, none with measured values",
        )
    result = settle(book, delivery, stated, issue, encoding=_encoding(content), problems=problems)
    return replace(result, rejects=_per_frame(result.rejects, stated.rest["counted_per_frame"]))


def _encoding(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:  # frames are found in bytes; the name only tells what stands between them
        return "binary"
    return "utf-8"


def _book(parts: Parts, fields: Fields, heads: Messages, cells: IntArray, stated: LayoutData) -> ValueCells:
    """Place every cell and turn away what cannot be taken."""
    part, name = fields.part[cells], fields.name[cells]
    what = _meanings(heads, part, fields.names, name)
    raw = _masked(fields.raw.take(pa.array(cells)))
    text = trimmed(raw)
    value = numbers(text, stated.rest["number_pattern"], what.exponent) * what.factor
    kind = parts.kind[part]
    row = parts.row(np.where(kind == OUTSIDE, fields.offset[cells], parts.begin[part]))
    locked = np.flatnonzero(heads.encrypted)
    if len(locked):
        # an encrypted message counts as one cell
        begin = parts.start[locked]
        shown = texts(parts.data, begin, np.minimum(parts.stop[locked], begin + _SHOWN))
        raw = pa.concat_arrays([raw, _masked(shown)])
    extra = np.concatenate((part, locked))
    none = np.full(len(locked), -1, dtype=np.int64)
    book = ValueCells(
        raw=raw,
        row=np.concatenate((row, parts.row(parts.begin[locked]))),
        column=Labels([*fields.names, "CP"], np.concatenate((name, none + 1 + len(fields.names)))),
        site=Labels(heads.mn.words, heads.mn.codes[extra]),
        parameter=Labels(what.parameter.words, np.concatenate((what.parameter.codes, none))),
        period=Labels(what.period.words, np.concatenate((what.period.codes, none))),
        observed_at=heads.observed_at[extra],
        flag=_flags(fields, part, name, stated.rest["flag_separator"], len(locked)),
        value=np.concatenate((value, np.full(len(locked), np.nan))),
        blank=np.concatenate((among(text, stated.missing), np.zeros(len(locked), dtype=bool))),
    )
    book.reject(heads.encrypted[extra], "frame-encrypted")
    _reject_damage(book, parts, extra, stated)
    for code in what.code.words:
        book.reject(np.concatenate((what.code.codes == what.code.words.index(code), none >= 0)), code)
    _reject_repeated(book, extra)
    book.reject(~heads.timed[extra], "time-missing")
    return book


def _masked(shown: pa.Array) -> pa.Array:
    """Return texts without passwords, which a damaged message may hold anywhere."""
    return pc.replace_substring_regex(shown, r"(?i)PW=[^;&,]*", "PW=***")


def _meanings(heads: Messages, part: IntArray, names: list[str], name: IntArray) -> _Meanings:
    """Look up what each distinct (CN, ST, name) means."""
    messages, media = [*heads.cn.words, ""], [*heads.st.words, ""]
    cn = np.where(heads.cn.codes < 0, len(messages) - 1, heads.cn.codes)[part]
    st = np.where(heads.st.codes < 0, len(media) - 1, heads.st.codes)[part]
    key, which = np.unique((cn * len(media) + st) * len(names) + name, return_inverse=True)
    known = [
        meaning(
            messages[one // len(names) // len(media)],
            media[one // len(names) % len(media)],
            names[one % len(names)],
        )
        for one in key.tolist()
    ]

    def labels(words: list[str]) -> Labels:
        distinct = [word for word in dict.fromkeys(words) if word]
        codes = np.array([distinct.index(word) if word else -1 for word in words], dtype=np.int64)
        return Labels(distinct, codes[which])

    return _Meanings(
        parameter=labels([one.parameter for one in known]),
        period=labels([one.period for one in known]),
        exponent=np.array([one.change.exponent for one in known], dtype=np.int64)[which],
        factor=np.array([one.change.factor for one in known], dtype=np.float64)[which],
        code=labels([one.code for one in known]),
    )


def _flags(fields: Fields, part: IntArray, name: IntArray, separator: str, more: int) -> Labels:
    """Return each cell's flag: that of its factor in the same frame, else the frame's own in the body.

    Several different flags of one factor are joined, so that none is lost.
    """
    names = [field_name(word) for word in fields.names]
    factors = {factor: at for at, factor in enumerate(dict.fromkeys(item.factor.lower() for item in names))}
    factor = np.array([factors[item.factor.lower()] for item in names], dtype=np.int64)
    wanted = facts().rest["fields"]["flag"].lower()
    of_factor = np.array([item.mark and item.suffix == wanted for item in names], dtype=bool)[fields.name]
    bare = fields.in_body & fields.named(frozenset({wanted}))
    nobody = len(factors)
    chosen = np.flatnonzero(of_factor | bare)
    words, codes = encode(trimmed(fields.raw.take(pa.array(chosen))))
    owner = np.where(bare[chosen], nobody, factor[fields.name[chosen]])
    told = pd.DataFrame({"key": fields.part[chosen] * (nobody + 1) + owner, "flag": codes}).drop_duplicates()
    told = told[np.array([bool(word) for word in words], dtype=bool)[told["flag"].to_numpy(dtype=np.int64)]]
    several = told["key"].duplicated(keep=False)
    joint = (
        told[several]
        .groupby("key", sort=True)["flag"]
        .agg(lambda some: separator.join(words[code] for code in some))
    )
    words = [*words, *joint.to_list()]
    keys = np.concatenate((told["key"][~several].to_numpy(np.int64), joint.index.to_numpy(np.int64)))
    flags = np.concatenate(
        (told["flag"][~several].to_numpy(np.int64), np.arange(len(words) - len(joint), len(words)))
    )
    order = np.argsort(keys, kind="stable")
    keys, flags = keys[order], flags[order]

    def looked_up(key: IntArray) -> IntArray:
        if len(keys) == 0:
            return np.full(len(key), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        return np.where(keys[at] == key, flags[at], -1).astype(np.int64)

    own = looked_up(part * (nobody + 1) + factor[name] if len(name) else part)
    common = looked_up(part * (nobody + 1) + nobody)
    found = np.where(own >= 0, own, common)
    return Labels(words, np.concatenate((found, np.full(more, -1, dtype=np.int64))))


def _reject_damage(book: ValueCells, parts: Parts, part: IntArray, stated: LayoutData) -> None:
    """Turn away the cells of damaged frames and of frames without a head."""
    kind = parts.kind[part]
    dummies = [int(code, 16) for code in stated.rest["dummy_codes"]]
    book.reject(kind == OUTSIDE, "frame-headless")
    book.reject(kind == LENGTH_WRONG, "frame-length")
    book.reject((kind == CRC_WRONG) & np.isin(parts.declared[part], dummies), "frame-crc-dummy")
    book.reject(kind == CRC_WRONG, "frame-crc")


def _reject_repeated(book: ValueCells, part: IntArray) -> None:
    """Of several fields of a frame that state one reading, keep the first."""
    good = np.flatnonzero((book.code == 0) & ~book.blank & ~book.parameter.absent)
    key = part[good] * (len(book.parameter.words) + 1) + book.parameter.codes[good]
    _, first = np.unique(key, return_index=True)
    again = np.zeros(len(part), dtype=bool)
    again[good] = True
    again[good[first]] = False
    book.reject(again, "column-repeated")


def _per_frame(rejects: pd.DataFrame, codes: list[str]) -> pd.DataFrame:
    """Let one row stand for all cells of a frame that were turned away for the same ordinary reason."""
    many = rejects["code"].isin(codes)
    if not many.any():
        return rejects
    keys = ["site", "observed_at", "row", "code"]
    group = rejects[many].groupby(keys, sort=False, dropna=False)
    counts = group["cells"].transform("sum")
    first = rejects[many][group.cumcount() == 0]
    first = first.assign(cells=counts[first.index], column=(first["column"] + "…").astype("str"))
    alone = first["cells"] == 1
    first = first.assign(column=rejects["column"][first.index].where(alone, first["column"]))
    return pd.concat([rejects[~many], first]).sort_index(kind="stable").reset_index(drop=True)
