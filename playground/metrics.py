"""What operators count: `/metrics`, in Prometheus' text format, from a registry of its own.

Counters and histograms are of this process; gauges that are the same for all are read from the
database when asked, and only from rows that are few: what moves, and what waits for a person.
Of what has ended, counters tell. So no answer takes longer the more runs there have been.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sagas.entries import Entry, Kind, Op
from sagas.models import Alert, Run, Saga
from sagas.state import ENDS, OUTCOMES, Phase

RUNS_THAT_MOVE = (Run.State.RUNNING,)
SAGAS_THAT_MOVE = (Phase.PENDING, Phase.RUNNING, Phase.COMPENSATING, Phase.NEEDS_OPERATOR)
LAG_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
OPEN_ATTEMPTS = 50_000  # whose beginning is kept in mind; beyond that the oldest is not timed

registry = CollectorRegistry()

attempts = Counter(
    "saga_attempts", "Attempts that ended, by step, direction and outcome", ["step", "op", "outcome"], registry=registry
)
step_seconds = Histogram(
    "saga_step_duration_seconds",
    "From an attempt's committed beginning to its outcome, by step and direction",
    ["step", "op"],
    buckets=STEP_BUCKETS,
    registry=registry,
)
retries = Counter("saga_retries", "Further attempts that were scheduled", ["step", "op"], registry=registry)
compensations = Counter(
    "saga_compensations", "Attempts at an undo that ended, by outcome", ["step", "outcome"], registry=registry
)
ends = Counter("saga_ends", "Sagas that came to rest, by state", ["state"], registry=registry)
runs_finished = Counter("saga_runs_finished", "Runs that came to rest", registry=registry)
entries_committed = Counter("saga_journal_entries", "Journal entries that this process committed", registry=registry)
refusals = Counter("saga_refusals", "Requests and sockets that a limit refused, by limit", ["limit"], registry=registry)
open_sockets = Gauge("saga_open_sockets", "Websockets that watch a run", registry=registry)
commit_to_send = Histogram(
    "saga_commit_to_send_seconds",
    "From the commit of an entry until its frame was handed to a socket",
    buckets=LAG_BUCKETS,
    registry=registry,
)

_began: OrderedDict[tuple[str, str, str, int], int] = OrderedDict()


def committed(run: str, entries: Sequence[Entry]) -> None:
    """Listen to a journal: count what this process has just committed."""
    count(entries)


def count(entries: Iterable[Entry]) -> None:
    """Count entries that were just committed by this process."""
    n = 0
    for n, entry in enumerate(entries, 1):  # noqa: B007  (n is how many there were)
        if entry.kind is Kind.ATTEMPT_STARTED:
            _began[_attempt(entry)] = entry.at
            if len(_began) > OPEN_ATTEMPTS:
                _began.popitem(last=False)
        elif outcome := OUTCOMES.get(entry.kind):
            _end_attempt(entry, outcome)
        elif entry.kind is Kind.RETRY_SCHEDULED:
            retries.labels(entry.step, str(entry.op or "")).inc()
        elif entry.kind is Kind.RUN_FINISHED:
            runs_finished.inc()
        elif end := ENDS.get(entry.kind):
            ends.labels(end).inc()
    entries_committed.inc(n)


def _end_attempt(entry: Entry, outcome: str) -> None:
    attempts.labels(entry.step, str(entry.op or ""), outcome).inc()
    if entry.op is Op.COMPENSATION:
        compensations.labels(entry.step, outcome).inc()
    began = _began.pop(_attempt(entry), None)
    if began is not None:  # else another process began it
        step_seconds.labels(entry.step, str(entry.op or "")).observe(max(0, entry.at - began) / 1000)


def _attempt(entry: Entry) -> tuple[str, str, str, int]:
    return entry.saga, entry.step, str(entry.op), entry.attempt


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with every metric of this process."""
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Databases(Collector):
    """Gauges that are true for all processes, because they are read from the default database."""

    def describe(self) -> Sequence[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield _by_state("saga_runs", "Runs that can move, by state", RUNS_THAT_MOVE, Run)
        yield _by_state("saga_sagas", "Sagas that move or wait for a person, by state", SAGAS_THAT_MOVE, Saga)
        waiting = Alert.objects.filter(resolved_at_ms=None).aggregate(oldest=Min("raised_at_ms"), n=Count("pk"))
        yield GaugeMetricFamily("saga_alerts_open", "Sagas that wait for a person", value=waiting["n"])
        age = time.time() - waiting["oldest"] / 1000 if waiting["oldest"] is not None else 0.0
        yield GaugeMetricFamily(
            "saga_alert_oldest_seconds", "Age of the oldest alert that nobody has answered", value=max(0.0, age)
        )


def _by_state(name: str, help_text: str, states: Iterable[str], model: type[Run] | type[Saga]) -> GaugeMetricFamily:
    """Return how many there are in each of these states, each counted along an index."""
    family = GaugeMetricFamily(name, help_text, labels=["state"])
    for state in states:
        family.add_metric([str(state)], model._default_manager.filter(state=state).count())
    return family


registry.register(_Databases())
