"""Send OpenTelemetry traces where they are configured; otherwise do nothing, at the cost of a
comparison.

Set `OTEL_EXPORTER_OTLP_ENDPOINT` (and OpenTelemetry's other variables as needed) and install the
extra: `pip install 'phone-hygiene[otel]'`. Spans carry ids and counts, never what people typed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

log = logging.getLogger(__name__)

_WANTED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
Attribute = str | int | float | bool


def wanted(env: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody wants traces."""
    off = env.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and any(env.get(name) for name in _WANTED)


@contextmanager
def span(name: str, **what: Attribute) -> Iterator[None]:
    """Time a piece of work. An exception marks the span as failed and is raised again."""
    tracer = _tracer(os.getpid())
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, attributes=what):
        yield


def handed_on() -> dict[str, str]:
    """What a message to the queue carries, so that its work belongs to the same trace."""
    carrier: dict[str, str] = {}
    if _tracer(os.getpid()) is not None:
        from opentelemetry.propagate import inject

        inject(carrier)
    return carrier


@contextmanager
def taken_up(carrier: Mapping[str, str]) -> Iterator[None]:
    """Work that a message asked for: spans inside belong to the trace of its sender."""
    if _tracer(os.getpid()) is None or not carrier.get("traceparent"):
        yield
        return
    from opentelemetry import context
    from opentelemetry.propagate import extract

    token = context.attach(extract(dict(carrier)))
    try:
        yield
    finally:
        context.detach(token)


@lru_cache(maxsize=1)
def _tracer(_process: int) -> Any:
    """One for each process: what sends spans is a thread, which does not live on after a fork."""
    if not wanted():
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning(
            "traces are configured, but packages are missing: pip install 'phone-hygiene[otel]'"
        )
        return None
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("phone-hygiene")
