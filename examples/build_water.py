"""Builds the surface-water exports of a district and plants their episodes and dirt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import example_water as water
import numpy as np
import numpy.typing as npt
from example_numbers import BLANK, Ints, stream
from example_planted import Exports, Planted

_CITY = "聊城市"
_API_FROM = np.datetime64("2026-03-01T00", "h")
_CLASS_V_WORSE = 6

#: section, item, first and last sample of the condition, level at begin and peak (1/10000 mg/L), words
_EPISODES = (
    ("CP-S3", "nh3_n", "2025-07-14T08", "2025-07-17T12", 24000, 31000, "历史事件 / an episode of the past"),
    (
        "CP-S3",
        "nh3_n",
        "2026-03-25T08",
        "2026-03-29T04",
        23000,
        35000,
        "已恢复的事件 / an episode that recovers",
    ),
    ("GX-S2", "tp", "2026-03-29T16", "2026-03-31T20", 4600, 5800, "未恢复的事件 / an episode still open"),
)
_SINGLE = ("GX-S1", "nh3_n", "2026-03-12T12", 23000)
_UNDER_REPAIR = ("GX-S3", "nh3_n", "2026-03-18T08", 99000)


class _Section:
    def __init__(self, scenario: dict[str, Any], section: dict[str, Any], exports: Exports) -> None:
        self.scenario, self.section, self.exports = scenario, section, exports
        self.key: str = section["key"]
        self.times = water.sample_times(scenario)
        self.values = water.levels(scenario, section)
        self.situation = np.full(len(self.times), "正常", dtype="<U8")
        self.protected = np.zeros(len(self.times), bool)
        self.special: dict[tuple[int, str], str] = {}

    def at(self, time: str) -> int:
        return int(np.searchsorted(self.times, np.datetime64(time, "h")))

    def note(
        self, kind: str, since: str, until: str, file: str, expect: str, text: str, **facts: Any
    ) -> None:
        zh, en = text.split(" / ")
        source = "water-cnemc-api" if since >= "2026-03" else "water-cnemc-section"
        begin, end = f"{since}:00", f"{until}:00"
        self.exports.planted.append(
            Planted(kind, self.section["district"], source, self.key, file, begin, end, expect, zh, en, facts)
        )

    def episodes(self) -> None:
        for key, item, since, until, begin, peak, words in _EPISODES:
            if key != self.key:
                continue
            first, last = self.at(since), self.at(until)
            count = last - first + 1
            step = np.minimum(
                np.arange(count), np.arange(count)[::-1] if until < "2026-03-31" else np.arange(count)
            )
            rise = begin + (peak - begin) * step // max(int(step.max()), 1)
            self.values[item][first : last + 1] = rise + np.arange(count) % 3 * 40
            self.protected[max(first - 12, 0) : last + 13] = True
            # samples beside the episode are plainly within class V
            for beside in (slice(max(first - 12, 0), first), slice(last + 1, last + 13)):
                limit = self.scenario["water"]["limits"][item][4]
                self.values[item][beside] = np.minimum(self.values[item][beside], limit * 8 // 10)
            highest = int(self.values[item][first : last + 1].max())
            open_end = until >= "2026-03-31"
            self.note(
                "episode",
                since,
                until,
                self.file_of(since),
                "open" if open_end else "resolved",
                words,
                parameter=item,
                peak=highest / 10000,
                samples=count,
                clears="" if open_end else f"{self.times[last + 1]}:00",
            )

    def singles(self) -> None:
        key, item, time, level = _SINGLE
        if key == self.key:
            self.values[item][self.at(time)] = level
            self.protected[self.at(time) - 2 : self.at(time) + 3] = True
            self.note(
                "single",
                time,
                time,
                self.file_of(time),
                "no-episode",
                "单次劣Ⅴ，前后正常 / one reading worse than class V, normal before and after",
                parameter=item,
                value=level / 10000,
            )
        key, item, time, level = _UNDER_REPAIR
        if key == self.key:
            at = self.at(time)
            self.values[item][at] = level
            self.situation[at] = "维护"
            self.protected[at - 2 : at + 3] = True
            self.note(
                "under-repair",
                time,
                time,
                self.file_of(time),
                "no-episode",
                "维护状态下的高值不参评 / a high value under repair does not count",
                parameter=item,
                value=level / 10000,
            )

    def dirt(self) -> None:
        random = stream(self.scenario["seed"], f"water dirt {self.key}")
        repair = (random.integers(0, 1000, size=len(self.times)) < 6) & ~self.protected
        self.situation[repair] = "维护"
        for item in ("cod_mn", "nh3_n", "tp", "tn"):
            blank = repair | ((random.integers(0, 1000, size=len(self.times)) < 4) & ~self.protected)
            self.values[item][blank] = BLANK

    def classes(self) -> Ints:
        found = water.published_class(self.values, self.scenario["water"]["limits"])
        found = np.where(self.situation == "正常", found, 0)
        meant = np.zeros(len(found), bool)
        for key, _, since, until, *_ in _EPISODES:
            if key == self.key:
                meant[self.at(since) : self.at(until) + 1] = True
        if _SINGLE[0] == self.key:
            meant[self.at(_SINGLE[2])] = True
        if not np.array_equal(found == _CLASS_V_WORSE, meant):
            wrong = self.times[(found == _CLASS_V_WORSE) != meant]
            raise ValueError(
                f"{self.key}: worse than class V where it is not planted, or not where it is: {wrong[:5]}"
            )
        return found

    def file_of(self, time: str) -> str:
        if time >= "2026-03":
            stamp = datetime.fromisoformat(f"{time}:00") + timedelta(hours=4)
            return f"{stamp:%Y-%m-%dT%H}.json"
        return f"{water.PROVINCE}/{self.section['name']}/{time[:7]}/{self.section['name']}.csv"


def _repeat(section: _Section, month: str, lines: list[str], chosen: npt.NDArray[np.intp]) -> list[str]:
    """Plant repeated keys into one month's lines: equal copies, and one corrected later."""
    district, name = section.section["district"], section.file_of(f"{month}-01T00")
    start = int(chosen[0])

    def line_of(time: str) -> int:
        return section.at(time) - start

    if (section.key, month) == ("CP-S1", "2025-09"):
        at = line_of("2025-09-05T12")
        lines.insert(at + 1, lines[at])
        section.note(
            "row-repeated",
            "2025-09-05T12",
            "2025-09-05T12",
            name,
            "duplicate",
            "同一行重复 / the same row twice",
        )
    if (section.key, month) == ("CP-S2", "2025-06"):
        at = line_of("2025-06-10T08")
        fields = lines[at].split(",")
        old, fields[13] = fields[13], "9.99"
        lines.append(",".join(fields))
        section.note(
            "row-corrected",
            "2025-06-10T08",
            "2025-06-10T08",
            name,
            "revision",
            "文件末尾重复该时次，总氮更正为 9.99 / the key stands again at the end, total nitrogen corrected to 9.99",
            parameter="tn",
            first=old,
            corrected=9.99,
        )
    if (section.key, month) == ("GX-S2", "2025-05"):
        at = line_of("2025-05-20T16")
        fields = lines[at].split(",")
        fields[13] = "超量程"
        lines[at] = ",".join(fields)
        section.note(
            "text-cell",
            "2025-05-20T16",
            "2025-05-20T16",
            name,
            "not-a-number",
            "数值列中的文字 / words in a value column",
            parameter="tn",
            raw="超量程",
        )
    if district == "chiping" and (section.key, month) == ("CP-S4", "2025-08"):
        section.note(
            "encoding", "2025-08-01T00", "2025-08-31T20", name, "read", "GB18030 编码 / encoded in GB18030"
        )
    return lines


def _monthly_files(section: _Section, classes: Ints) -> None:
    months = section.times.astype("datetime64[M]")
    for month in np.unique(months[section.times < _API_FROM]).astype(str).tolist():
        chosen = np.flatnonzero(months == np.datetime64(month))
        state = {
            "values": {item: array[chosen] for item, array in section.values.items()},
            "class": classes[chosen],
            "situation": section.situation[chosen],
        }
        lines = water.csv_lines(section.section, section.times[chosen], state).tolist()
        encoding = "gb18030" if (section.key, month) == ("CP-S4", "2025-08") else "utf-8"
        if (section.key, month) == ("GX-S1", "2025-03"):
            encoding = "utf-8-sig"
            section.note(
                "bom",
                "2025-03-01T00",
                "2025-03-31T20",
                section.file_of("2025-03-01T00"),
                "read",
                "UTF-8 BOM / begins with a UTF-8 BOM",
            )
        path = f"{section.section['district']}/water/sections/{section.file_of(f'{month}-01T00')}"
        section.exports.add(path, water.as_csv(_repeat(section, month, lines, chosen), encoding))


def _answers(sections: list[_Section], classes: dict[str, Ints], exports: Exports) -> None:
    district = sections[0].section["district"]
    times = sections[0].times
    for at in np.flatnonzero(times >= _API_FROM).tolist():
        rows = []
        for section in sections:
            time: np.datetime64 | None = times[at]
            shown = at
            if section.key == "GX-S3" and str(times[at]) == "2026-03-09T04":
                time = None
            if section.key == "GX-S1" and str(times[at]) in {"2026-03-20T12", "2026-03-20T16"}:
                shown = section.at("2026-03-20T08")
                time = times[shown]
            cells = {}
            if section.key == "CP-S2" and str(times[at]) == "2026-03-11T12":
                cells = {"tp": "<span data-toggle='tooltip' title='极值过滤'>--</span>"}
            state = {
                "values": {item: array[shown] for item, array in section.values.items()},
                "class": classes[section.key][shown],
                "situation": "停站" if time is None else str(section.situation[shown]),
                "cells": cells,
            }
            rows.append(water.api_row(section.section, _CITY, time, state))
        path = f"{district}/water/api/{sections[0].file_of(str(times[at]))}"
        exports.add(path, water.as_json(rows))
    for section in sections:
        if section.key == "GX-S3":
            section.note(
                "no-time",
                "2026-03-09T04",
                "2026-03-09T04",
                "2026-03-09T08.json",
                "blank",
                "停站：无时间无数值 / the station stands: no time, no values",
            )
        if section.key == "GX-S1":
            section.note(
                "stale",
                "2026-03-20T12",
                "2026-03-20T16",
                "2026-03-20T16.json",
                "unchanged",
                "两次应答仍为 08:00 的旧值 / two answers still give the reading of 08:00",
                repeated="03-20 08:00",
            )
        if section.key == "CP-S2":
            section.note(
                "filtered",
                "2026-03-11T12",
                "2026-03-11T12",
                "2026-03-11T16.json",
                "blank",
                "总磷被发布方极值过滤 / total phosphorus removed by the publisher's filter",
                parameter="tp",
            )


def build_water(scenario: dict[str, Any], district: str, exports: Exports) -> None:
    """Add a district's section files and API answers and note what is planted in them."""
    sections, classes = [], {}
    for facts in scenario["water"]["section"]:
        if facts["district"] != district:
            continue
        section = _Section(scenario, facts, exports)
        section.episodes()
        section.singles()
        section.dirt()
        classes[section.key] = section.classes()
        _monthly_files(section, classes[section.key])
        sections.append(section)
    _answers(sections, classes, exports)
