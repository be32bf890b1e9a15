"""Progress lines of a run are in the language of the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.night import night
from tests.flows.slices import tiny_slice

_CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("loaded", "computed again")), ("zh", ("已入库", "已重算"))]
)
def test_a_night_tells_in_one_language(tmp_path: Path, language: str, words: tuple[str, str]) -> None:
    made = tiny_slice(tmp_path)
    lines: list[str] = []
    night(made.settings().model_copy(update={"language": language}), tell=lines.append)
    for word in words:
        assert any(word in line for line in lines)
    assert all(bool(_CHINESE.search(line)) == (language == "zh") for line in lines)
