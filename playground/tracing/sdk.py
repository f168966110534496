"""The OpenTelemetry SDK, as its standard variables configure it.

Nothing is sent unless `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_TRACES_EXPORTER` says where to
(`playground.outlook.exporters`). Spans wait in the SDK's bounded queue and are sent by a thread
of its own; when nobody takes them, the oldest are dropped, and the work goes on as if nothing was.
Each service has its own `service.name`, drivers and web pages that of the process.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from threading import Thread

from django.conf import settings
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.status import Status, StatusCode

from playground.tracing.described import DRIVERS
from playground.tracing.span import NAMESPACE, Code, Span
from sagas.tracecontext import trace_id

SCOPE = InstrumentationScope(NAMESPACE, "1")
FLUSH_SECONDS = 2.0  # for which the end of a process waits; what is not sent by then is lost


class Tracing:
    """One way out for all spans of this process. `name` is its own `service.name`."""

    def __init__(self, exporters: Sequence[SpanExporter], name: str = "") -> None:
        self.name = name or os.environ.get("OTEL_SERVICE_NAME", "")
        self._processors: list[SpanProcessor] = [BatchSpanProcessor(exporter) for exporter in exporters]
        self.provider = cache(self._make_provider)

    def _make_provider(self, service: str = "") -> TracerProvider:
        """Return the provider of a service, by default of this process."""
        about = {"service.name": service or self.name or NAMESPACE, "service.namespace": NAMESPACE}
        provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        for processor in self._processors:
            provider.add_span_processor(processor)
        return provider

    def is_kept(self, run: str) -> bool:
        """Return whether a run's trace is one that `OTEL_TRACES_SAMPLER` keeps: every process says the same."""
        return self.keeps(trace_id(run))

    def keeps(self, trace: str) -> bool:
        """Return whether a trace is kept."""
        decision = self.provider("").sampler.should_sample(None, int(trace, 16), "").decision
        return decision is Decision.RECORD_AND_SAMPLE

    def emit(self, span: Span) -> None:
        """Send a span that has ended, some time soon. Never waits."""
        service = self.name if self.name and span.service in DRIVERS.values() else span.service
        ended = _readable(span, self.provider(service).resource)
        for processor in self._processors:
            processor.on_end(ended)

    def end(self) -> None:
        """Send what waits, however long it takes: for a process that serves pages and ends by itself."""
        for processor in self._processors:
            processor.shutdown()

    def close(self) -> None:
        """Send what waits, and nothing from then on. Whoever is to take it may be gone: then it is let go."""
        ends = [Thread(target=processor.shutdown, daemon=True) for processor in self._processors]
        for end in ends:
            end.start()
        for end in ends:
            end.join(FLUSH_SECONDS)


@lru_cache(maxsize=1)
def current() -> Tracing | None:
    """Return the way out that the environment asks for, None where it asks for none."""
    exporters = [_exporter(name) for name in settings.SAGA_TRACES_EXPORTERS]
    if not exporters:
        return None
    tracing = Tracing(exporters)
    atexit.register(tracing.end)
    return tracing


def _exporter(name: str) -> SpanExporter:
    return OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter(out=sys.stderr)


def context_of(trace: str, span: str, *, remote: bool = False) -> api.SpanContext:
    """Return a span's context, as the SDK has it."""
    return api.SpanContext(int(trace, 16), int(span, 16), is_remote=remote, trace_flags=api.TraceFlags(1))


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    links = [api.Link(context_of(span.trace, link.span), {"saga.link": link.why}) for link in span.links]
    events = [Event(event.name, dict(event.attributes), event.at_ms * 1_000_000) for event in span.events]
    return ReadableSpan(
        name=span.name,
        context=context_of(span.trace, span.id),
        parent=context_of(span.trace, span.parent) if span.parent else None,
        resource=resource,
        attributes=dict(span.attributes),
        events=events,
        links=links,
        kind=api.SpanKind[span.kind.name],
        instrumentation_scope=SCOPE,
        status=_status(span),
        start_time=span.began_ms * 1_000_000,
        end_time=max(span.began_ms, span.ended_ms) * 1_000_000,
    )


def _status(span: Span) -> Status:
    return Status(StatusCode[span.code.name], span.message if span.code is Code.ERROR else None)
