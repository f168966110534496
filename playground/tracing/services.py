"""What services do, as spans of their own: live, below the call's span, which came with the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace as api

from playground.tracing.described import known
from playground.tracing.sdk import Tracing, context_of
from playground.tracing.span import NAMESPACE
from sagas.services.base import Service
from sagas.services.calls import Answer, Call, Served
from sagas.tracecontext import Parent, parse


class Around:
    """Stands around every delivery of a service (`Service.serve`)."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def __call__(self, served: Served, work: Callable[[], Answer]) -> Answer:
        """Return what `work` returns, within a span as long as it took. An exception is the span's as well."""
        parent = parse(served.call.traceparent)
        if parent is None or not self._tracing.keeps(parent.trace):
            return work()
        tracer = self._tracing.provider(served.service).get_tracer(NAMESPACE, "1")
        told = parse(served.told)
        with tracer.start_as_current_span(
            served.name,
            api.set_span_in_context(api.NonRecordingSpan(context_of(parent.trace, parent.span, remote=True))),
            kind=api.SpanKind.INTERNAL if told else api.SpanKind.SERVER,
            attributes=_asked(served.call),
            links=[_link(told)] if told else [],
        ) as span:
            answer = work()
            span.set_attributes(_answered(answer))
            return answer


@contextmanager
def watched(services: Iterable[Service], tracing: Tracing) -> Iterator[None]:
    """Have services traced as long as the block lasts."""
    chosen = list(services)
    for service in chosen:
        service.around = Around(tracing)
    try:
        yield
    finally:
        for service in chosen:
            service.around = None


def _link(told: Parent) -> api.Link:
    return api.Link(context_of(told.trace, told.span, remote=True), {"saga.link": "answers"})


def _asked(call: Call) -> dict[str, Any]:
    op = str(call.op) if call.op else "settlement"
    return {"saga.run": call.world, "saga.order": call.order, "saga.key": call.key, "saga.op": op}


def _answered(answer: Answer) -> dict[str, Any]:
    about = {"saga.verdict": str(answer.verdict), "saga.reason": answer.reason, "saga.record": answer.record}
    return {**known(about), "saga.replayed": answer.replayed, "saga.rows": len(answer.rows)}
