"""The `ecoplan` command: thin around the flows; errors are one clear line, exit statuses are stable.

0 done, 1 done with findings that need a person, 2 usage, 3 a source or channel failed, 4 the warehouse
refuses. Only the module of the command that is asked for is imported: all of them together take seconds.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from flows.run import DONE, FAILED, FINDINGS, REFUSED, USAGE
from reports import terminal
from warehouse.engine import WarehouseError

#: modules of commands/ in the order of the help, each with the commands it holds
MODULES = {
    "nightly": ("nightly", "load"),
    "backfill": ("backfill",),
    "answers": ("status", "sections", "air", "emissions", "verify", "doctor"),
    "progress": ("indicators",),
    "alerts": ("alerts",),
    "outbox": ("outbox",),
    "quarantine": ("quarantine",),
    "quality": ("quality",),
    "explain": ("explain",),
    "report": ("report",),
    "documents": ("document",),
    "export": ("revisions", "export", "workbook"),
    "sniff": ("sniff",),
    "listen": ("listen",),
    "serve": ("serve",),
    "up": ("up", "sweep", "maintain"),
    "watch": ("watch",),
    "warehouse": ("migrate", "backup", "restore", "move"),
    "standards": ("standards",),
}
#: what a person did wrong, by the module that says so: an error whose module is not there cannot have been raised
_USAGE_ERRORS = {
    "alerts.acts": ("ActError",),
    "alerts.query": ("EpisodeNotFoundError",),
    "alerts.rules": ("AlertRulesError",),
    "flows.answers.records": ("PeriodError",),
    "flows.explain.ask": ("ExplainError",),
    "flows.gather": ("OneOffError",),
    "flows.logs": ("LogWordError",),
    "flows.run": ("UnknownDistrictError",),
    "indicators.registry": ("NoStandardError", "StandardFileError"),
    "sources.catalogue": ("UnknownSourceError",),
    "vocabulary.district": ("DistrictError",),
    "warehouse.appeal": ("AppealError",),
}


def _with(modules: Iterable[str]) -> typer.Typer:
    """Return the command line with the commands of these modules."""
    app = typer.Typer(
        name="ecoplan",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="区县“十四五”生态环境规划：导出文件入库、指标进展、断面劣Ⅴ预警 / exports in, indicators and alerts out.",
    )
    # a callback keeps a command line of one command from becoming that command
    app.callback()(lambda: None)
    for name in modules:
        import_module(f"commands.{name}").register(app)
    return app


def _asked(words: list[str]) -> Iterable[str]:
    """Return the modules that a command line needs: that of its command, or all where it names none."""
    first = words[0] if words else ""
    return [name for name, commands in MODULES.items() if first in commands] or MODULES


@cache
def whole() -> typer.Typer:
    """Return the command line with every command."""
    return _with(MODULES)


def __getattr__(name: str) -> Any:
    """Make `app`, the whole command line, when somebody asks for it: `main` does without."""
    if name == "app":
        return whole()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _usage_errors() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name)
        for module, names in _USAGE_ERRORS.items()
        if module in sys.modules
        for name in names
    )


def main() -> None:
    """Run the command; every expected error is one line on stderr with its exit status."""
    try:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        status = _with(_asked(sys.argv[1:]))(standalone_mode=False)
    except typer.TyperException as error:
        if not error.format_message():  # a command without its sub-command has shown its help
            sys.exit(error.exit_code)
        _end(_usage(error), error.exit_code)
    except typer.Abort:
        _end("已中止 / aborted", FINDINGS)
    except ValidationError as error:
        faults = "; ".join(
            f"ECOPLAN_{fault['loc'][0]!s}".upper() + f": {fault['msg']}" for fault in error.errors()
        )
        _end(f"设置有误 / a setting is wrong: {faults}", USAGE)
    except _usage_errors() as error:
        _end(str(error), USAGE)
    except (WarehouseError, SQLAlchemyError) as error:
        _end(str(error), REFUSED)
    except OSError as error:
        _end(str(error), FAILED)
    except Exception as error:  # a defect: its trace is for us, and its status must not read "findings"
        logging.getLogger(__name__).exception("internal error")
        _end(f"内部错误 / internal error: {type(error).__name__}: {error}", FAILED)
    # a command that ends by itself returns nothing, one that was left by typer.Exit its status
    sys.exit(status or DONE)


def _usage(error: typer.TyperException) -> str:
    """Say what is wrong with the command line and where its help is."""
    context = getattr(error, "ctx", None)
    return f"{error.format_message()} ({context.command_path if context else 'ecoplan'} --help)"


def _end(message: str, exit_status: int) -> NoReturn:
    typer.echo(f"ecoplan: {terminal.plain(message)}", err=True)
    sys.exit(exit_status)


if __name__ == "__main__":
    main()
