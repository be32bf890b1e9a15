"""Structured logs: with `ECOPLAN_LOG=json` every line on stderr is an object with run, kind, district, source, unit.

Without it the terminal shows warnings as plain lines, as ever. Progress lines are of level INFO and belong to
the structured log only.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from flows.run import Do, Run
from vocabulary.district import District, Source

#: environment variable: `json`, or nothing for plain lines
VARIABLE = "ECOPLAN_LOG"

#: what the work at hand is about, added to every line
_ABOUT: ContextVar[Mapping[str, str] | None] = ContextVar("ABOUT", default=None)
_FIELDS = ("run", "kind", "district", "source", "unit")
#: not below `flows`: a Prefect worker sends those lines to its server, where progress is told already
_progress = logging.getLogger("ecoplan.progress")


class _WithContext(logging.Filter):
    """Put what the work is about on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with the fields it lacks."""
        about = _ABOUT.get() or {}
        for name in _FIELDS:
            if not hasattr(record, name):
                setattr(record, name, about.get(name, ""))
        return True


class LogWordError(ValueError):
    """`ECOPLAN_LOG` holds a word that is not known."""


def wants_json(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether structured logs are asked for.

    Raises
    ------
    LogWordError
        For another word than `json` or `plain`.
    """
    word = (os.environ if environ is None else environ).get(VARIABLE, "plain").strip().lower() or "plain"
    if word not in {"json", "plain"}:
        raise LogWordError(f"{VARIABLE}: {word!r}，应为 json 或 plain / expected json or plain")
    return word == "json"


def configure() -> None:
    """Set up structured logs once, where they are asked for; otherwise leave logging as the command line has it."""
    root = logging.getLogger()
    if not wants_json() or any(getattr(handler, "of_ecoplan", False) for handler in root.handlers):
        return
    handler = json_handler()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # other people's chatter stays out, their warnings do not
    for name in ("prefect", "httpx", "httpcore", "great_expectations", "distributed", "urllib3", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def json_handler(stream: Any = None) -> logging.Handler:
    """Return a handler that writes one JSON object a line: time (UTC), level, logger, message, what it is about."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s " + " ".join(f"%({name})s" for name in _FIELDS),
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            json_ensure_ascii=False,
        )
    )
    handler.addFilter(_WithContext())
    handler.of_ecoplan = True  # type: ignore[attr-defined]  # our mark, so that nothing is logged twice
    return handler


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Let lines of this block say what they are about, beside what the blocks around it said."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **facts})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def told(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return who is told of progress, and the log beside it."""

    def both(line: str) -> None:
        _progress.info(line)
        tell(line)

    return both


def around(do: Do) -> Do:
    """Return a way to carry out steps whose log lines say which run, source and unit they are about."""

    def logged(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        with about(unit=name, **facts_of(arguments)):
            _progress.info("begin %s", step.__name__)
            return do(name, step, *arguments)

    return logged


def facts_of(arguments: tuple[Any, ...]) -> dict[str, str]:
    """Return run, kind, district and source as a step's arguments tell them."""
    facts: dict[str, str] = {}
    for argument in arguments:
        if isinstance(argument, Run):
            facts |= {"run": argument.summary.id, "kind": argument.summary.kind}
        elif isinstance(argument, District):
            facts["district"] = argument.key
        elif isinstance(argument, Source):
            facts["source"] = argument.key
    return facts
