"""OpenTelemetry spans of runs and steps, for whoever has a collector: set OTEL_EXPORTER_OTLP_ENDPOINT.

Needs the extra `telemetry`. Without the address nothing is imported and nothing is sent to anybody.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from flows.logs import facts_of
from flows.run import Do

log = logging.getLogger(__name__)

#: environment variables of OpenTelemetry's own specification; either turns spans on
ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@cache
def tracer() -> Any:
    """Return the tracer, or None where no collector is named or the extra is missing (which is said)."""
    if not any(os.environ.get(name) for name in ADDRESSES):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # an extra
    except ImportError:
        log.warning(
            "%s 已设置，但没有安装 telemetry 扩展，不发送 / is set, but the extra is missing: uv sync --extra telemetry",
            " / ".join(ADDRESSES),
        )
        return None
    provider = TracerProvider(resource=Resource.create({"service.name": "ecoplan"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("ecoplan")


def around(do: Do, using: Any = None) -> Do:
    """Return a way to carry out steps with a span each; the same way where no collector is named.

    `using` is a tracer; none: that of the environment.
    """
    spans = using or tracer()
    if spans is None:
        return do

    def traced(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        facts = {f"ecoplan.{key}": value for key, value in facts_of(arguments).items()}
        with spans.start_as_current_span(step.__name__, attributes=facts | {"ecoplan.unit": name}):
            return do(name, step, *arguments)

    return traced
