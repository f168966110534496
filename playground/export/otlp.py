"""A run's trace as the OTLP JSON of an `ExportTraceServiceRequest`: the same spans that a live trace has.

Ids are hashes of what they name: the same run gives the same bytes, and a trace that a tracer has
lacked so far can be sent to it from this file.
Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf encoding": ids in hex, 64-bit numbers as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from playground.export.taken import Taken
from playground.tracing.span import NAMESPACE, Span, SpanEvent, SpanLink, Value
from playground.tracing.spans import Spans, fold

SCOPE = {"name": NAMESPACE, "version": "1"}


def write(taken: Taken) -> str:
    """Return the request; the same run gives the same text."""
    resources = [
        {
            "resource": {"attributes": _attributes({"service.name": service, "service.namespace": NAMESPACE})},
            "scopeSpans": [{"scope": SCOPE, "spans": [_span(span) for span in group]}],
        }
        for service, group in groupby(spans_of(taken), key=lambda span: span.service)
    ]
    return json.dumps({"resourceSpans": resources}, indent=1, ensure_ascii=False) + "\n"


def spans_of(taken: Taken) -> Sequence[Span]:
    """Return the spans of a run, service by service, and of each in the order in which they ended."""
    spans = fold(Spans(taken.run, str(taken.scenario["mode"]), taken.steps), taken.entries)
    return sorted(spans, key=lambda span: span.service)


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace,
        "spanId": span.id,
        **({"parentSpanId": span.parent} if span.parent else {}),
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": _nano(span.began_ms),
        "endTimeUnixNano": _nano(max(span.began_ms, span.ended_ms)),
        "attributes": _attributes(span.attributes),
        "events": [_event(event) for event in span.events],
        "links": [_link(span.trace, link) for link in span.links],
        "status": {"code": int(span.code), **({"message": span.message} if span.message else {})},
    }


def _event(event: SpanEvent) -> dict[str, Any]:
    return {"timeUnixNano": _nano(event.at_ms), "name": event.name, "attributes": _attributes(event.attributes)}


def _link(trace: str, link: SpanLink) -> dict[str, Any]:
    return {"traceId": trace, "spanId": link.span, "attributes": _attributes({"saga.link": link.why})}


def _attributes(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Return OTLP's list of keys and typed values."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _nano(ms: int) -> str:
    return str(ms * 1_000_000)
