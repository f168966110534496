"""Requests as spans: below the caller's, whose `traceparent` they bring, and with a link to the run that they are about."""

from __future__ import annotations

from typing import Any

from django.urls import Resolver404, resolve
from opentelemetry import trace as api
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.trace import Span

from playground.tracing.sdk import context_of, current
from playground.visitors import Asgi
from sagas.tracecontext import run_span, trace_id, traceparent

NOT_TRACED = "/healthz,/readyz,/metrics,/static/"


def traced(http: Asgi) -> Asgi:
    """Return an application whose requests are spans, where this process traces at all."""
    tracing = current()
    if tracing is None:
        return http
    made: Asgi = OpenTelemetryMiddleware(
        http,
        excluded_urls=NOT_TRACED,
        tracer_provider=tracing.provider(""),
        server_request_hook=_name,
        exclude_spans=["receive", "send"],
    )
    return made


def about_run(run: str) -> None:
    """Link the request that is being answered to the trace of a run. Without a request, or a trace, nothing happens."""
    span = api.get_current_span()
    if span.is_recording():
        _link(span, run)


def here() -> str:
    """Return the `traceparent` of the request that is being answered, "" where it is no span."""
    span = api.get_current_span()
    context = span.get_span_context()
    return traceparent(f"{context.trace_id:032x}", f"{context.span_id:016x}") if span.is_recording() else ""


def _link(span: Span, run: str) -> None:
    trace = trace_id(run)
    span.add_link(context_of(trace, run_span(trace)), {"saga.link": "asks for"})
    span.set_attribute("saga.run", run)


def _name(span: Span, scope: dict[str, Any]) -> None:
    """Name a request by its route, of which there are few, and link what asks something of a run to that run."""
    if not span.is_recording():
        return
    try:
        found = resolve(scope["path"])
    except Resolver404:
        return
    route = f"/{found.route}"
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.route", route)
    # The id of a saga begins with its run's.
    run = found.kwargs.get("run_id") or str(found.kwargs.get("id", "")).partition("-")[0]
    if run and scope["method"] == "POST":
        _link(span, run)
