"""SFTP for fsspec that knows its server: a host key nobody vouched for ends the connection.

fsspec's own file system accepts any host key unless told otherwise, and then knows none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

#: requests of 32 KiB that a file may have under way
_UNDER_WAY = 64


class KnownHostSftp(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files over SFTP; the server's key must stand in `known_hosts` or in the user's own file.

    Parameters
    ----------
    host
        Name or address.
    known_hosts
        A file as OpenSSH keeps it; empty: `~/.ssh/known_hosts`.
    connect_seconds, read_seconds
        Bounds of time for the connection with its greeting, and for each answer.
    ssh_kwargs
        What `paramiko.SSHClient.connect` takes: port, username, password, key_filename.
    """

    cachable = False

    def __init__(
        self,
        host: str,
        *,
        known_hosts: str = "",
        connect_seconds: float = 10.0,
        read_seconds: float = 60.0,
        **ssh_kwargs: Any,
    ) -> None:
        self._known_hosts = known_hosts
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        super().__init__(host, host_key_policy="reject", **ssh_kwargs)

    def _connect(self) -> None:
        client = paramiko.SSHClient()
        try:
            if self._known_hosts:
                client.load_host_keys(str(Path(os.path.expandvars(self._known_hosts)).expanduser()))
            else:
                client.load_system_host_keys()
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            client.connect(
                self.host,
                timeout=self._connect_seconds,
                banner_timeout=self._connect_seconds,
                auth_timeout=self._connect_seconds,
                channel_timeout=self._connect_seconds,
                # only what the source names: no agent, no key that happens to lie about
                allow_agent=False,
                look_for_keys=False,
                **self.ssh_kwargs,
            )
            self.client = client
            self.ftp = client.open_sftp()
            channel = self.ftp.get_channel()
            if channel is not None:
                channel.settimeout(self._read_seconds)
        except BaseException:
            client.close()
            raise

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **kwargs: Any) -> Any:
        stream = super()._open(path, mode=mode, block_size=block_size, **kwargs)
        if mode == "rb":
            # without it each 32 KiB waits for the one before; what is under way stays bounded
            stream.prefetch(self.ftp.stat(path).st_size, max_concurrent_requests=_UNDER_WAY)
        return stream

    def close(self) -> None:
        """Close the connection."""
        self.ftp.close()
        self.client.close()
