"""The page on adding a source shows the very files it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sources.catalogue import LAYOUTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-source.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("toml", "sources/data/air_quotsoft_long.toml"), ("python", "sources/air_quotsoft_long.py")],
)
def test_the_page_shows_the_file_as_it_is(kind, name):
    shown = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert (ROOT / name).read_text("utf-8") in shown


def test_the_line_of_the_catalogue_is_there():
    (line,) = re.findall(r'^    "air-quotsoft-long": (\w+),$', PAGE, re.MULTILINE)
    assert LAYOUTS["air-quotsoft-long"].__name__ == f"sources.{line}"


def test_every_layout_is_one_module_and_one_data_file():
    for source, module in LAYOUTS.items():
        stem = module.__name__.removeprefix("sources.")
        assert (ROOT / "sources" / f"{stem}.py").is_file()
        assert (ROOT / "sources" / "data" / f"{stem}.toml").is_file()
        assert module.layout().source == source
