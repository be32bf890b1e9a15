"""The dead-man's watch: a night that did not begin, stopped, hangs, is late or failed is told once.

It reads the heartbeat, the run summaries and a small state file of its own, never the warehouse: it works
while a night holds the warehouse, where there is none yet, and where it is broken.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import socket
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerts.channels import Channel, build_channels
from alerts.outgoing import ChannelError, Outgoing
from alerts.rules import AlertRulesError, load_alerts
from flows.block_secrets import MachineSecrets
from flows.heartbeat import Beat, HeartbeatError, read_beat
from flows.run import DONE, FAILED, FINDINGS, write_whole
from flows.settings import Settings
from vocabulary.clock import now_utc, wall_time
from vocabulary.district import load_districts

State = Literal["well", "waiting", "not-started", "stopped", "stuck", "late", "failed", "unreadable"]
Minutes = Annotated[int, Field(ge=0)]

#: what each trouble is called
_TITLES: dict[str, tuple[str, str]] = {
    "not-started": ("夜间运行没有开始", "the night has not begun"),
    "stopped": ("夜间运行中断，进程已不在", "the night has stopped, its process is gone"),
    "stuck": ("夜间运行停滞", "the night is stuck"),
    "late": ("夜间运行未按时结束", "the night has not ended by its hour"),
    "failed": ("夜间运行失败", "the night has failed"),
    "unreadable": ("心跳文件无法读取", "the heartbeat cannot be read"),
    "well": ("夜间运行已恢复正常", "the nights are well again"),
}

#: what a look is called that finds no trouble
_CALM = {"waiting": ("未到时限", "within its time"), "well": ("正常", "well")}


class WatchSettingsError(Exception):
    """The file that says by when nights must be done is missing or wrong."""


class Expectation(BaseModel):
    """By when a night must have begun and ended (`flows/data/watch.toml`); `due` is Asia/Shanghai."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["nightly"]
    due: dt.time
    early_minutes: Minutes
    start_grace_minutes: Minutes
    finish_minutes: Minutes
    stuck_minutes: Annotated[int, Field(ge=1)]
    valid_from: dt.date
    valid_to: dt.date | None = None
    clause: Annotated[str, Field(min_length=1)]
    sure: Literal["V", "V2", "P", "M", "U", "C"]

    def last_due(self, now: dt.datetime) -> dt.datetime:
        """Return when the last night was due, Asia/Shanghai wall time."""
        today = dt.datetime.combine(now.date(), self.due)
        return today if today <= now else today - dt.timedelta(days=1)


class _WatchFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, Field(min_length=1)]
    watch: Annotated[tuple[Expectation, ...], Field(min_length=1)]


def load_expectations(path: Path) -> tuple[Expectation, ...]:
    """Read and check the hours of nights.

    Raises
    ------
    WatchSettingsError
        When the file cannot be read or a key is missing, unknown or wrong; the message names both.
    """
    try:
        return _WatchFile.model_validate(tomllib.loads(path.read_text("utf-8"))).watch
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WatchSettingsError(f"{path}: 无法读取 / cannot be read: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise WatchSettingsError(f"{path}: {faults}") from error


@dataclass(frozen=True)
class Verdict:
    """What the watch finds of the night that was due last; `due` and `now` are Asia/Shanghai wall times."""

    kind: str
    state: State
    due: dt.datetime
    now: dt.datetime
    beat: Beat | None
    detail: str = ""

    @property
    def is_trouble(self) -> bool:
        """Whether a person is to be told."""
        return self.state not in {"well", "waiting"}


def examine(expected: Expectation, beat: Beat | None, now: dt.datetime) -> Verdict:
    """Judge the night that was due last by its heartbeat.

    Parameters
    ----------
    expected
        The hours of the night.
    beat
        The last heartbeat, if there is any.
    now
        Asia/Shanghai wall time.
    """
    due = expected.last_due(now)

    def found(state: State, detail: str = "") -> Verdict:
        return Verdict(expected.kind, state, due, now, beat, detail)

    begun = None if beat is None else wall_time(dt.datetime.fromisoformat(beat.started_at))
    if beat is None or begun is None or begun < due - dt.timedelta(minutes=expected.early_minutes):
        if now < due + dt.timedelta(minutes=expected.start_grace_minutes):
            return found("waiting")
        # the night before may still be at work, and tonight's waits for it
        running = beat is not None and not beat.ended_at and not _is_gone(beat)
        return found("late" if running else "not-started")
    if beat.ended_at:
        return found("failed", beat.failure) if (beat.exit_status or 0) >= FAILED else found("well")
    return found(_at_work(expected, beat, due, now))


def _at_work(expected: Expectation, beat: Beat, due: dt.datetime, now: dt.datetime) -> State:
    """Judge a night that has begun and not ended."""
    if _is_gone(beat):
        return "stopped"
    at_step = wall_time(dt.datetime.fromisoformat(beat.stage_at))
    if now - at_step >= dt.timedelta(minutes=expected.stuck_minutes):
        return "stuck"
    return "late" if now >= due + dt.timedelta(minutes=expected.finish_minutes) else "waiting"


def _is_gone(beat: Beat) -> bool:
    """Tell whether the night's process has ended on this machine without a word; False of another machine."""
    if beat.host != socket.gethostname():
        return False
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@dataclass
class Watched:
    """What one look found and what was told of it."""

    verdicts: list[Verdict] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0 well, 1 a night needs a person, 3 a channel did not take the message."""
        if self.failed:
            return FAILED
        return FINDINGS if any(verdict.is_trouble for verdict in self.verdicts) else DONE

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record a watched kind of run."""
        return [_record(verdict, self) for verdict in self.verdicts]


def _record(verdict: Verdict, watched: Watched) -> dict[str, Any]:
    beat = verdict.beat
    return {
        "kind": verdict.kind,
        "state": verdict.state,
        "due": verdict.due.isoformat(timespec="minutes"),
        "run": beat.run if beat else "",
        "run_date": beat.run_date if beat else "",
        "started_at": _wall(beat.started_at) if beat else None,
        "stage": beat.stage if beat else "",
        "stage_at": _wall(beat.stage_at) if beat else None,
        "ended_at": _wall(beat.ended_at) if beat and beat.ended_at else None,
        "status": beat.status if beat else "",
        "told": ";".join(watched.told),
        "failed": "; ".join(f"{key}: {error}" for key, error in watched.failed.items()),
    }


def keep_watch(
    settings: Settings,
    *,
    at: dt.datetime | None = None,
    channels: Mapping[str, Channel] | None = None,
    stream: IO[str] | None = None,
) -> Watched:
    """Look after the nights once: tell of trouble once a night and channel, and of its end once.

    Parameters
    ----------
    settings
        The machine's settings; `watch` is the file of the hours.
    at
        Asia/Shanghai wall time to look from (for a drill); none: now.
    channels
        Where messages leave; none: the channels of every district's `alerts.toml`, each once.
    stream
        Where a console channel writes; none: standard output.

    Raises
    ------
    WatchSettingsError, vocabulary.district.DistrictError, alerts.rules.AlertRulesError
        When a file that says what to watch or whom to tell is wrong.
    """
    now = at or wall_time(now_utc())
    watched = Watched()
    settings.home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.home / "watch.lock", timeout=settings.lock_wait):
        memory = _Memory.read(settings.home / "watch.json")
        for expected in load_expectations(settings.watch):
            if not expected.valid_from <= now.date() <= (expected.valid_to or dt.date.max):
                continue
            try:
                verdict = examine(expected, read_beat(settings.home), now)
            except HeartbeatError as error:
                verdict = Verdict(expected.kind, "unreadable", expected.last_due(now), now, None, str(error))
            watched.verdicts.append(verdict)
            notice = memory.notice(verdict)
            if notice is None:
                continue
            reached = _channels(settings, stream) if channels is None else channels
            _tell(verdict, notice, reached, watched, last_finished(settings.home))
            memory.settle(verdict, notice, set(reached))
        memory.write()
    return watched


def _channels(settings: Settings, stream: IO[str] | None) -> dict[str, Channel]:
    """Return the channels of all districts; one that several districts share is told once."""
    made: dict[str, Channel] = {}
    seen: dict[str, str] = {}
    secrets = MachineSecrets()
    for district in load_districts(settings.districts).values():
        alerts = load_alerts(Path(district.folder) / "alerts.toml")
        for key, channel in build_channels(alerts, settings.home, stream=stream, environ=secrets).items():
            what = channel.settings.model_dump_json()
            if what not in seen:
                name = key if key not in made else f"{district.key}/{key}"
                seen[what], made[name] = name, channel
    if not made:
        raise AlertRulesError(f"{settings.districts}: no alerts.toml has a channel, nobody can be told")
    return made


@dataclass
class _Notice:
    """One message and the channels that have taken it already."""

    key: str
    told: list[str] = field(default_factory=list)


class _Memory:
    """What was told of which night, kept in a file: `open` by kind of run, then by message."""

    def __init__(self, path: Path, told: dict[str, dict[str, list[str]]]) -> None:
        self._path = path
        self._told = told

    @classmethod
    def read(cls, path: Path) -> _Memory:
        """Read the file; one that a person has broken counts as empty, and everything is told once more."""
        try:
            told = json.loads(path.read_text("utf-8"))["told"]
        except (OSError, ValueError, KeyError, TypeError):
            told = {}
        return cls(path, told if isinstance(told, dict) else {})

    def write(self) -> None:
        write_whole(self._path, json.dumps({"told": self._told}, ensure_ascii=False, indent=1).encode())

    def notice(self, verdict: Verdict) -> _Notice | None:
        """Return the message that a verdict asks for, or None where there is none."""
        told = self._told.get(verdict.kind, {})
        if verdict.state == "waiting" or (verdict.state == "well" and not told):
            return None
        key = f"{verdict.kind}:{verdict.due:%Y%m%d%H%M}:{verdict.state}"
        return _Notice(key, list(told.get(key, [])))

    def settle(self, verdict: Verdict, notice: _Notice, reached: set[str]) -> None:
        """Keep who was told; when all is well and everybody knows, forget the trouble."""
        told = self._told.setdefault(verdict.kind, {})
        told[notice.key] = notice.told
        # whoever never heard of the trouble need not hear of its end
        heard = {name for names in told.values() for name in names} & reached
        if verdict.state == "well" and heard <= set(notice.told):
            del self._told[verdict.kind]


def _tell(
    verdict: Verdict,
    notice: _Notice,
    channels: Mapping[str, Channel],
    watched: Watched,
    last: str,
) -> None:
    for name, channel in channels.items():
        if name in notice.told:
            continue
        title, body = wording(verdict, channel.settings.language, channel.settings.markup, last)
        message = Outgoing(
            key=notice.key,
            district="",
            subject=verdict.kind,
            title=title,
            body=body,
            kind="pipeline",
            level="red" if verdict.is_trouble else "blue",
            step="firing" if verdict.is_trouble else "resolved",
        )
        try:
            channel.send(message)
        except ChannelError as error:
            watched.failed[name] = str(error)
        else:
            notice.told.append(name)
            watched.told.append(name)


def wording(verdict: Verdict, language: str, markup: str, last: str) -> tuple[str, str]:
    """Return title and body of the message about a verdict, Chinese first where both are asked for."""
    zh, en = _TITLES[verdict.state]
    beat = verdict.beat
    facts: list[tuple[str, str, str]] = [
        ("应开始", "due", f"{verdict.due:%Y-%m-%d %H:%M}"),
        ("检查时间", "looked at", f"{verdict.now:%Y-%m-%d %H:%M}"),
    ]
    if beat is not None and verdict.state != "not-started":
        facts += [
            ("实际开始", "began", _wall(beat.started_at)),
            ("所在步骤", "step", f"{beat.stage}（{_wall(beat.stage_at)}）"),
        ]
        if beat.ended_at:
            facts.append(("结束", "ended", f"{_wall(beat.ended_at)} {beat.status}"))
        facts.append(("进程", "process", f"{beat.host} {beat.pid}"))
    if verdict.detail:
        facts.append(("原因", "reason", verdict.detail[:500]))
    facts.append(("上次正常结束", "last night that ended well", last or "—"))
    if verdict.is_trouble:
        facts.append(("处理办法", "what to do", "docs/operations.md「夜间运行 / every night」"))
    chinese, english = language in {"zh", "zh+en"}, language in {"en", "zh+en"}
    lines = []
    if chinese:
        lines += [f"{name}：{value}" for name, _, value in facts]
    if english:
        lines += [f"{name}: {value}" for _, name, value in facts]
    title = " / ".join(text for text, wanted in ((zh, chinese), (en, english)) if wanted)
    if markup == "html":
        return title, "<br>\n".join(html.escape(line) for line in lines)
    return title, "\n".join(lines)


def last_finished(home: Path, kind: str = "nightly") -> str:
    """Return when the last run of a kind ended that did not fail, from its summary; '' where there is none."""
    for path in _newest(home / "runs", kind):
        try:
            summary = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if summary.get("status") in {"done", "findings"} and summary.get("ended_at"):
            return f"{_wall(str(summary['ended_at']))} {summary['status']}"
    return ""


def _newest(folder: Path, kind: str) -> Iterable[Path]:
    return sorted(folder.glob(f"*-{kind}-*.json"), reverse=True)[:30]


def _wall(moment: str) -> str:
    return f"{wall_time(dt.datetime.fromisoformat(moment).replace(tzinfo=None)):%Y-%m-%d %H:%M}"


def as_lines(watched: Watched) -> list[str]:
    """Return what people are shown of one look."""
    lines = []
    for verdict in watched.verdicts:
        zh, en = _CALM.get(verdict.state) or _TITLES[verdict.state]
        told = f"；已告知 {'、'.join(watched.told)} / told" if watched.told else ""
        lines.append(f"{verdict.kind} {verdict.due:%Y-%m-%d %H:%M}：{zh} / {en}{told}")
    lines += [f"通道 {key} 未送达 / channel failed: {error}" for key, error in watched.failed.items()]
    return lines
