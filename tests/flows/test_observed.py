"""What a run tells machines: structured lines, metrics, spans; and which secrets are set, never what they are."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from flows import logs, telemetry
from flows.answers.records import doctor
from flows.heartbeat import PING
from flows.metrics import metrics_file
from flows.run import Run, chosen_districts
from tests.flows.slices import Slice, empty_slice, run_night, tiny_slice


class Exposed:
    """Metrics as a scraper reads them; the parser refuses what Prometheus would."""

    def __init__(self, text: str) -> None:
        self.found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        (value,) = [item.value for item in self.found if (item.name, item.labels) == (name, labels)]
        return float(value)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Slice, Run, list[dict[str, Any]], list[Any]]:
    """One night with its log lines and spans."""
    made = tiny_slice(tmp_path_factory.mktemp("observed"))
    stream, spans = io.StringIO(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))

    def plain(_name: str, step: Any, *arguments: Any) -> Any:
        return step(*arguments)

    handler, progress = logs.json_handler(stream), logging.getLogger("ecoplan.progress")
    progress.addHandler(handler)
    level = progress.level
    progress.setLevel(logging.INFO)
    try:
        run, _ = run_night(made, do=telemetry.around(plain, provider.get_tracer("test")))
    finally:
        progress.removeHandler(handler)
        progress.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return made, run, lines, list(spans.get_finished_spans())


def test_log_lines_are_objects_that_say_run_source_and_unit(night: Any) -> None:
    _, run, lines, _ = night
    (line,) = [item for item in lines if item["unit"].startswith("入库 chiping/air-quotsoft")][:1]
    assert line["run"] == run.summary.id
    assert (line["kind"], line["district"], line["source"]) == ("nightly", "chiping", "air-quotsoft")
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "ecoplan.progress", "begin ingest")
    assert line["time"]
    assert {item["run"] for item in lines if item["unit"]} == {run.summary.id}


def test_spans_are_the_steps(night: Any) -> None:
    _, _, _, spans = night
    assert [span.name for span in spans] == [
        "gather",
        "ingest",
        "gather",
        "ingest",
        "evaluate_and_alert",
        "send_messages",
        "publish",
    ]
    assert spans[0].attributes["ecoplan.source"] == "air-quotsoft"


def test_the_textfile_of_a_run_says_cells_stages_freshness_and_the_outbox(night: Any) -> None:
    made, run, _, _ = night
    found = Exposed(metrics_file(made.home).read_text("utf-8"))
    air, water = run.summary.sources
    for report in (air, water):
        for name, count in report.counts.items():
            facts = {"district": "chiping", "source": report.source, "outcome": name}
            assert found("ecoplan_cells", **facts) == count
            assert found("ecoplan_run_cells", kind="nightly", **facts) == count
    # the last export is labelled 20:00, the end of four hours: the reading began at 16:00 in Shanghai, 08:00 UTC
    of_water = {"district": "chiping", "source": "water-cnemc-api"}
    assert found("ecoplan_latest_reading_timestamp_seconds", **of_water) == 1774425600
    assert 0 < found("ecoplan_coverage_ratio", district="chiping", source="air-quotsoft") <= 1
    assert found("ecoplan_run_exit_status", kind="nightly") == run.summary.exit_status
    for stage in ("load", "evaluate", "send", "report"):
        took = found("ecoplan_run_stage_seconds", kind="nightly", stage=stage)
        assert took == run.summary.stages[stage]
    sent = [
        item.value
        for item in found.found
        if item.name == "ecoplan_outbox_messages" and item.labels["state"] == "sent"
    ]
    assert sum(sent) == run.summary.messages["sent"]
    assert found("ecoplan_night_running") == 1, "written before the last beat"


def test_structured_logs_are_asked_for_by_one_of_two_words() -> None:
    assert logs.wants_json({"ECOPLAN_LOG": "json"})
    assert not logs.wants_json({"ECOPLAN_LOG": ""})
    with pytest.raises(ValueError, match="ECOPLAN_LOG"):
        logs.wants_json({"ECOPLAN_LOG": "yaml"})


def test_without_an_address_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in telemetry.ADDRESSES:
        monkeypatch.delenv(name, raising=False)
    telemetry.tracer.cache_clear()

    def do(_name: str, step: Any, *arguments: Any) -> Any:
        return step(*arguments)

    assert telemetry.around(do) is do


def test_the_doctor_says_that_a_secret_is_set_and_never_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = empty_slice(tmp_path)
    alerts = made.root / "districts" / "chiping" / "alerts.toml"
    alerts.write_text(
        alerts.read_text("utf-8")
        + '\n[[channel]]\nkey = "robot"\nkind = "apprise"\nurl_env = "CHIPING_ROBOT"\nlanguage = "zh"\n',
        "utf-8",
    )
    monkeypatch.setenv(PING, "https://ping.example/s3cret")
    monkeypatch.delenv("CHIPING_ROBOT", raising=False)
    settings = made.settings()
    records = {item["setting"]: item for item in doctor(settings, chosen_districts(settings, None))}
    assert records[PING]["value"] == "已设置，不显示 / set, not shown"
    assert records["CHIPING_ROBOT"] == {
        "setting": "CHIPING_ROBOT",
        "value": "未设置 / not set",
        "origin": "chiping/alerts.toml robot",
    }
    assert "s3cret" not in json.dumps(list(records.values()))
