"""Traces as others get them: read by protobuf's own reading, from a file or by a collector on loopback."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WAIT_SECONDS = 30.0
IDS = {"traceId", "spanId", "parentSpanId"}

Told = tuple[str, Span]  # a span, by the service.name of its resource


@dataclass
class Collector:
    """What has come. `is_open` cleared: requests are taken and not answered."""

    url: str
    got: list[Told] = field(default_factory=list)
    asked: Event = field(default_factory=Event)
    is_open: Event = field(default_factory=Event)
    news: Condition = field(default_factory=Condition)

    def of(self, trace: str) -> list[Told]:
        """Return the spans of one trace, each as often as it came."""
        return [(service, span) for service, span in list(self.got) if span.trace_id.hex() == trace]

    def wait(self, holds: Callable[[], Any]) -> None:
        """Return as soon as `holds` is true, which is asked after each request."""
        with self.news:
            assert self.news.wait_for(holds, WAIT_SECONDS), sorted({span.name for _, span in self.got})


def about(holder: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event, a link or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


def told_in(request: ExportTraceServiceRequest) -> list[Told]:
    """Return the spans of a request."""
    return [
        (about(resource.resource)["service.name"], span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def told_in_file(text: str) -> list[Told]:
    """Return the spans of a file in OTLP's JSON, which has ids in hex where protobuf's has base64."""
    value = json.loads(text)
    for resource in value["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            for holder in (span, *span["links"]):
                for key in IDS & holder.keys():
                    holder[key] = base64.b64encode(bytes.fromhex(holder[key])).decode()
    return told_in(json_format.ParseDict(value, ExportTraceServiceRequest()))


def is_served(span: Span) -> bool:
    """Return whether a service made a span live: it says what it answered."""
    return "saga.verdict" in about(span)


def is_reported(span: Span) -> bool:
    """Return whether a span is what a journal says of a service's part."""
    return span.kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL) and "saga.attempt" in about(span)


def bare(told: Iterable[Told]) -> dict[bytes, Told]:
    """Return spans by their ids, without the flags, which are about how they travelled; a twin must say the same."""
    found: dict[bytes, Told] = {}
    for service, span in told:
        copy = Span()
        copy.CopyFrom(span)
        copy.flags = 0
        for link in copy.links:
            link.flags = 0
        assert found.setdefault(copy.span_id, (service, copy)) == (service, copy)
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect as long as the block lasts."""
    collector = Collector("")
    collector.is_open.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(collector))
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.is_open.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_for(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.asked.set()
            collector.is_open.wait(WAIT_SECONDS)
            _keep(collector, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def _keep(collector: Collector, body: bytes) -> None:
    told = told_in(ExportTraceServiceRequest.FromString(body))
    with collector.news:
        collector.got += told
        collector.news.notify_all()
