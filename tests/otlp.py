"""A collector for tests: takes OTLP over HTTP on loopback, decodes it as a real one would, and keeps the spans."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WAIT_SECONDS = 30.0


@dataclass
class Collector:
    """What has come. `is_open` cleared: requests are taken and not answered."""

    url: str
    got: list[tuple[str, Span]] = field(default_factory=list)  # by the service.name of their resource
    asked: Event = field(default_factory=Event)
    is_open: Event = field(default_factory=Event)
    news: Condition = field(default_factory=Condition)

    def of(self, trace: str) -> list[tuple[str, Span]]:
        """Return the spans of one trace, each as often as it came."""
        return [(service, span) for service, span in list(self.got) if span.trace_id.hex() == trace]

    def wait(self, holds: Callable[[], Any]) -> None:
        """Return as soon as `holds` is true, which is asked after each request."""
        with self.news:
            assert self.news.wait_for(holds, WAIT_SECONDS), sorted({span.name for _, span in self.got})


def about(holder: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event, a link or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


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
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = about(resource.resource)["service.name"]
        spans = [(service, span) for scope in resource.scope_spans for span in scope.spans]
        with collector.news:
            collector.got += spans
            collector.news.notify_all()
