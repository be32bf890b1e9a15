"""Secrets of this machine: environment variables, and where Prefect is used its Secret blocks of the same name.

A name such as `ECOPLAN_CHANNEL_DUTY` is looked up in the environment first, then as the block
`ecoplan-channel-duty` (names of blocks have no capitals and no underscores). Blocks are asked only where
`PREFECT_API_URL` says that there is a server: without one, Prefect would start its own for the question.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from alerts.links import ADDRESS, HOURS, SECRET

_LOG = logging.getLogger(__name__)


class MachineSecrets(Mapping[str, str]):
    """Names to secrets; what neither place knows is missing. Nothing is shown by printing it."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._blocks: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        """Return a secret; KeyError where there is none."""
        if self._environ.get(name):
            return self._environ[name]
        if name not in self._blocks:
            self._blocks[name] = self._block(name)
        found = self._blocks[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the environment; blocks are asked by name only."""
        return iter(self._environ)

    def __len__(self) -> int:
        """Return the number of names in the environment."""
        return len(self._environ)

    def __repr__(self) -> str:
        """Return the class alone."""
        return f"{type(self).__name__}()"

    def origin(self, name: str) -> str:
        """Return where a secret comes from, in words, without showing it: for `doctor`."""
        if self._environ.get(name):
            return f"环境变量 {name}"
        return f"Prefect block {block_name(name)}" if name in self else "未设置 not set"

    def __contains__(self, name: object) -> bool:
        """Tell whether either place knows the name."""
        try:
            return isinstance(name, str) and bool(self[name])
        except KeyError:
            return False

    def _block(self, name: str) -> str | None:
        if not self._environ.get("PREFECT_API_URL"):
            return None
        from httpx import HTTPError  # noqa: PLC0415 - what Prefect asks with
        from prefect.blocks.system import Secret  # noqa: PLC0415 - its import takes seconds

        load: Any = Secret.load  # its types say nothing of `_sync`, which keeps it from returning a coroutine
        try:
            block = load(block_name(name), _sync=True)
        except ValueError:
            # Prefect's word for a block that is not there
            return None
        except (HTTPError, OSError, RuntimeError) as error:
            # a server that does not answer must not keep an alert from leaving by the other channels
            _LOG.warning(
                "Prefect block %s 无法读取 / cannot be read: %s", block_name(name), type(error).__name__
            )
            return None
        return str(block.get())


def block_name(name: str) -> str:
    """Return the name of the block that holds a secret: `ecoplan-channel-duty` of `ECOPLAN_CHANNEL_DUTY`."""
    return name.lower().replace("_", "-")


def links_into_environment() -> None:
    """Put the settings of links that only blocks know into this process's environment, where messages look."""
    secrets = MachineSecrets()
    for name in (SECRET, ADDRESS, HOURS):
        if not os.environ.get(name) and name in secrets:
            os.environ[name] = secrets[name]
