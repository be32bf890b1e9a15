"""A real SFTP server on the loopback, over a folder; it records who came."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Self

import paramiko


class _Door(paramiko.ServerInterface):
    def __init__(self, server: SftpServer) -> None:
        self.server = server

    def get_allowed_auths(self, _username):
        return "password,publickey"

    def check_auth_password(self, username, password):
        self.server.tried.append(("password", username))
        fits = (username, password) == (self.server.user, self.server.password)
        return paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        self.server.tried.append(("publickey", username))
        fits = username == self.server.user and key == self.server.client_key
        return paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def check_channel_request(self, _kind, _chanid):
        return paramiko.OPEN_SUCCEEDED


class _Folder(paramiko.SFTPServerInterface):
    def __init__(self, door, root: Path) -> None:
        super().__init__(door)
        self.root = root

    def _place(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")

    def list_folder(self, path):
        try:
            found = sorted(self._place(path).iterdir())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return [paramiko.SFTPAttributes.from_stat(item.lstat(), item.name) for item in found]

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._place(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def lstat(self, path):
        return self.stat(path)

    def open(self, path, flags, _attr):
        if flags & (os.O_WRONLY | os.O_RDWR):
            return paramiko.SFTP_PERMISSION_DENIED
        handle = paramiko.SFTPHandle(flags)
        try:
            handle.readfile = self._place(path).open("rb")
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return handle


class SftpServer:
    """`with SftpServer(root) as server:`; `known_hosts(file)` vouches for its key."""

    def __init__(self, root: Path, user: str = "bureau", password: str = "right") -> None:  # noqa: S107 -- a made one
        self.root, self.user, self.password = root, user, password
        self.key = paramiko.ECDSAKey.generate()
        self.client_key = paramiko.ECDSAKey.generate()
        self.tried: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._open:
            transport.close()
        self._thread.join(2)

    @property
    def address(self) -> str:
        return f"sftp://127.0.0.1:{self.port}"

    def known_hosts(self, file: Path, key: paramiko.PKey | None = None) -> Path:
        shown = key or self.key
        file.write_text(f"[127.0.0.1]:{self.port} {shown.get_name()} {shown.get_base64()}\n")
        return file

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, self.root)
            self._open.append(transport)
            try:
                transport.start_server(server=_Door(self))
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()  # the client did not like the key
