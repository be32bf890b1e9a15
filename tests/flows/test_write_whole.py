"""A published file is whole or is the one before, and what cannot be written is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.run import write_whole


def test_a_full_disk_keeps_the_old_file_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "index.html"
    write_whole(page, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*index\.html'") as told:
        write_whole(page, b"new")
    assert (told.value.errno, told.value.filename) == (28, str(page))
    assert page.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [page]


def test_a_folder_that_is_not_there_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"index\.html"):
        write_whole(tmp_path / "absent" / "index.html", b"new")
