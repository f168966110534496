"""A run's trace as the JSON that Jaeger's page opens and its query service answers with.

Source: jaegertracing/jaeger, `model/json/model.go`: times in microseconds, a parent is a reference; and
opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger: kind, status and links as Jaeger has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from playground.export.otlp import spans_of
from playground.export.taken import Taken
from playground.tracing.span import NAMESPACE, Code, Span, SpanEvent, SpanKind, Value
from sagas.tracecontext import trace_id


def write(taken: Taken) -> str:
    """Return a list of one trace; the same run gives the same text."""
    spans = spans_of(taken)
    processes = {service: f"p{n}" for n, service in enumerate(sorted({span.service for span in spans}), 1)}
    trace = {
        "traceID": trace_id(taken.run),
        "spans": [_span(span, processes[span.service]) for span in spans],
        "processes": {
            key: {"serviceName": service, "tags": _tags({"service.namespace": NAMESPACE})}
            for service, key in processes.items()
        },
    }
    return json.dumps({"data": [trace]}, indent=1, ensure_ascii=False) + "\n"


def _span(span: Span, process: str) -> dict[str, Any]:
    return {
        "traceID": span.trace,
        "spanID": span.id,
        "operationName": span.name,
        "references": list(_references(span)),
        "startTime": span.began_ms * 1000,
        "duration": max(0, span.ended_ms - span.began_ms) * 1000,
        "tags": _tags({**span.attributes, **_status(span)}),
        "logs": [_log(event) for event in span.events],
        "processID": process,
    }


def _references(span: Span) -> Iterable[dict[str, str]]:
    if span.parent:
        yield {"refType": "CHILD_OF", "traceID": span.trace, "spanID": span.parent}
    for link in span.links:
        yield {"refType": "FOLLOWS_FROM", "traceID": span.trace, "spanID": link.span}


def _status(span: Span) -> dict[str, Value]:
    about: dict[str, Value] = {}
    if span.kind is not SpanKind.INTERNAL:
        about["span.kind"] = span.kind.name.lower()
    if span.code is not Code.UNSET:
        about["otel.status_code"] = span.code.name
    if span.code is Code.ERROR:
        about |= {"error": True, "otel.status_description": span.message}
    return about


def _log(event: SpanEvent) -> dict[str, Any]:
    return {"timestamp": event.at_ms * 1000, "fields": _tags({"event": event.name, **event.attributes})}


def _tags(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "type": _type(value), "value": value} for key, value in values.items()]


def _type(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int64" if isinstance(value, int) else "string"
