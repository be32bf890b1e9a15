"""`ecoplan sniff`: right on every example, and an unknown file gets a proposal instead of a guess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from flows.sniff import sniff_file

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "exports"
#: folder of the examples -> source key of every file below it
FOLDERS = {
    "air": "air-quotsoft",
    "water/api": "water-cnemc-api",
    "water/sections": "water-cnemc-section",
    "outlets": "outlet-hourly",
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_is_recognised(folder):
    # one layout's files of one district differ in their days only: every fortieth, and the last
    files = [
        file
        for district in sorted(EXAMPLES.iterdir())
        for file in sorted(item for item in (district / folder).rglob("*") if item.is_file())
    ]
    assert files
    chosen = files[::40] + files[-1:]
    for record in map(sniff_file, chosen):
        assert record["source"] == FOLDERS[folder], record
        assert record["confidence"] == 1.0
        assert record["cells"] == record["accepted"] + record["quarantined"] + record["blank"]


def test_an_unknown_file_is_refused_with_a_proposal(tmp_path):
    file = tmp_path / "日报.csv"
    file.write_bytes("测点名,采样日,氨氮在线,总磷在线,备注\n甲,3月1日,0.1,0.2,\n".encode("gb18030"))
    answer = CliRunner().invoke(app, ["sniff", str(file), "--json"])
    assert answer.exit_code == 1
    (record,) = json.loads(answer.stdout)
    assert record["source"] is None
    assert record["confidence"] == 0
    assert "“氨氮在线”疑为 nh3_n；“总磷在线”疑为 tp" in record["problems"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "文件没有内容"), (b"PK\x03\x04 no archive", "zip 已损坏"), (b"hello", "没有一种版式认得")],
)
def test_what_no_layout_can_be_says_why(tmp_path, content, said):
    file = tmp_path / "x.xls"
    file.write_bytes(content)
    answer = CliRunner().invoke(app, ["sniff", str(file)], env={"COLUMNS": "200"})
    assert answer.exit_code == 1
    assert said in answer.output


def test_a_lying_file_is_recognised_and_its_refusal_foretold(tmp_path):
    file = tmp_path / "china_sites_20250310.csv"
    lines = [
        f"20250310,{hour},{kind},{value}"
        for hour in range(24)
        for kind, value in (("PM2.5", 90 + hour), ("PM10", 40 + hour))
    ]
    file.write_text("date,hour,type,1625A\r\n" + "\r\n".join(lines) + "\r\n")
    record = sniff_file(file)
    assert record["source"] == "air-quotsoft"
    assert record["confidence"] == 0.5
    assert "将被拒收" in str(record["problems"])


def test_a_missing_file_is_a_usage_error(tmp_path):
    answer = CliRunner().invoke(app, ["sniff", str(tmp_path / "nothing.csv")])
    assert answer.exit_code == 2
