"""What the environment may say of traces, metrics and logs; what makes no sense is refused at start, by its name."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from playground import outlook
from playground.logs import JsonLines
from playground.tracing import web
from playground.tracing.address import trace_address
from playground.tracing.sdk import Tracing
from playground.tracing.span import Span, SpanKind
from sagas.tracecontext import parse, run_span, trace_id, traceparent

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, "OTEL_TRACES_EXPORTER", "SAGA_TRACE_URL", "SAGA_LOG", "SAGA_METRICS_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("said", "exporters"),
    [
        ({}, []),
        ({ENDPOINT: "http://127.0.0.1:4318"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, ["otlp"]),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, []),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, []),
        ({"OTEL_TRACES_EXPORTER": "console"}, ["console"]),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ["otlp", "console"]),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ["otlp"]),
    ],
)
def test_traces_go_where_opentelemetrys_own_variables_say(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], exporters: list[str]
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert outlook.exporters() == exporters


@pytest.mark.parametrize(
    ("said", "read", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, outlook.exporters, "OTEL_TRACES_EXPORTER"),
        ({ENDPOINT: "127.0.0.1:4318"}, outlook.exporters, ENDPOINT),
        ({ENDPOINT: "http://:4318"}, outlook.exporters, ENDPOINT),
        (
            {ENDPOINT: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            outlook.exporters,
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        ({"SAGA_TRACE_URL": "https://tracer.example/"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "https://tracer.example/{trace}"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "https://tracer.example/{trace_id"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "https://tracer.example/{trace_id.real}"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "https://tracer.example/{trace_id!r}"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "https://tracer.example/{trace_id:>9999999}"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "javascript:alert('{trace_id}')"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_TRACE_URL": "/trace/{trace_id}"}, outlook.trace_url, "SAGA_TRACE_URL"),
        ({"SAGA_LOG": "xml"}, outlook.log_form, "SAGA_LOG"),
        ({"SAGA_METRICS_PORT": "many"}, outlook.metrics_port, "SAGA_METRICS_PORT"),
        ({"SAGA_METRICS_PORT": "65536"}, outlook.metrics_port, "SAGA_METRICS_PORT"),
    ],
)
def test_what_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], read: object, named: str
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert callable(read)
    with pytest.raises(ImproperlyConfigured, match=f"^{named}: "):
        read()


def test_the_address_of_a_trace_has_its_id_in_hex_or_the_low_half_as_a_number(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setenv("SAGA_TRACE_URL", "https://tracer.example/{trace_id}/{trace_id_dec}/{run}")
    settings.SAGA_TRACE_URL = outlook.trace_url()
    trace = trace_id("abc")
    low = int.from_bytes(bytes.fromhex(trace)[8:], "big")
    assert trace_address("abc") == f"https://tracer.example/{trace}/{low}/abc"
    settings.SAGA_TRACE_URL = ""
    assert trace_address("abc") == ""


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.mark.parametrize(
    ("path", "method", "name", "run"),
    [
        ("/api/sagas/abcdefgh-1/retry", "POST", "POST /api/sagas/<slug:id>/retry", "abcdefgh"),
        ("/api/runs/abcdefgh/pause", "POST", "POST /api/runs/<slug:id>/pause", "abcdefgh"),
        ("/runs/abcdefgh/", "GET", "GET /runs/<str:run_id>/", None),
        ("/nowhere/at/all", "GET", "asked", None),
    ],
)
def test_a_request_has_the_name_of_its_route_and_points_at_the_run_that_it_asks_something_of(
    path: str, method: str, name: str, run: str | None
) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("asked") as span:
        web._name(span, {"path": path, "method": method})
    assert isinstance(span, ReadableSpan)
    links = [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links]
    assert span.name == name
    assert links == ([(trace_id(run), run_span(trace_id(run)))] if run else [])


def test_a_process_has_the_name_that_it_was_given_and_a_service_its_own(kept: InMemorySpanExporter) -> None:
    tracing = Tracing([kept], name="worker-7")
    for service in ("orchestrator", "payments"):
        tracing.emit(
            Span(
                service=service,
                trace=trace_id("abc"),
                id="00f067aa0ba902b7",
                parent="",
                name=service,
                kind=SpanKind.INTERNAL,
                began_ms=1,
                ended_ms=2,
                attributes={},
            )
        )
    tracing.close()
    named = {span.name: span.resource.attributes["service.name"] for span in kept.get_finished_spans()}
    assert named == {"orchestrator": "worker-7", "payments": "payments"}


def test_a_traceparent_is_read_as_it_was_written() -> None:
    text = traceparent(trace_id("abc"), "00f067aa0ba902b7")
    assert parse(text) == (trace_id("abc"), "00f067aa0ba902b7", 1)
    for wrong in ("", "00-abc-def-01", f"{text}-more", text.replace("-", "_")):
        assert parse(wrong) is None


def lines(form: JsonLines, **extra: object) -> dict[str, object]:
    record = logging.LogRecord("sagas.network", logging.ERROR, __file__, 1, "wire.broke: %s", ("off",), None)
    record.__dict__.update(extra)
    said = form.format(record)
    assert "\n" not in said
    found: dict[str, object] = json.loads(said)
    return found


def test_a_line_of_json_has_what_its_writer_knows() -> None:
    said = lines(JsonLines(), run="abc", saga="abc-1", step="charge-payment", attempt=2)
    assert (said["level"], said["logger"], said["message"]) == ("ERROR", "sagas.network", "wire.broke: off")
    assert (said["run"], said["saga"], said["step"], said["attempt"]) == ("abc", "abc-1", "charge-payment", 2)
    assert said["trace_id"] == trace_id("abc")
    assert "trace_id" not in lines(JsonLines())


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        said = lines(JsonLines(), exc_info=(type(error), error, error.__traceback__))
    assert "ValueError: broken\nin two" in str(said["exc_info"])
