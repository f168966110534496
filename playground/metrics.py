"""What operators count: `/metrics`, in Prometheus' text format, from a registry of its own.

Counters and the histogram are of this process; gauges are read from the database when asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sagas.entries import Entry, Kind
from sagas.models import Alert, Run, Saga
from sagas.state import AT_REST, Phase

OUTCOMES = {
    Kind.ATTEMPT_SUCCEEDED: "ok",
    Kind.ATTEMPT_FAILED: "failed",
    Kind.ATTEMPT_UNKNOWN: "unknown",
}
ENDS = {
    Kind.SAGA_COMPLETED: "completed",
    Kind.SAGA_COMPENSATED: "compensated",
    Kind.SAGA_NEEDS_OPERATOR: "needs-operator",
    Kind.SAGA_ABANDONED: "abandoned",
    Kind.SAGA_LOST: "lost",
}
LAG_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds

AT_ONCE_SECONDS = 0.02  # a count that takes no longer is made each time
SHARE = 0.01  # of the time that may go into counts which take longer

registry = CollectorRegistry()

attempts = Counter(
    "saga_attempts", "Attempts that ended, by step, direction and outcome", ["step", "op", "outcome"], registry=registry
)
ends = Counter("saga_ends", "Sagas that came to rest, by state", ["state"], registry=registry)
entries_committed = Counter("saga_journal_entries", "Journal entries that this process committed", registry=registry)
open_sockets = Gauge("saga_open_sockets", "Websockets that watch a run", registry=registry)
commit_to_send = Histogram(
    "saga_commit_to_send_seconds",
    "From the commit of an entry until its frame was handed to a socket",
    buckets=LAG_BUCKETS,
    registry=registry,
)


def count(entries: Iterable[Entry]) -> None:
    """Count entries that were just committed by this process."""
    n = 0
    for n, entry in enumerate(entries, 1):  # noqa: B007  (n is how many there were)
        if outcome := OUTCOMES.get(entry.kind):
            attempts.labels(entry.step, str(entry.op or ""), outcome).inc()
        elif end := ENDS.get(entry.kind):
            ends.labels(end).inc()
    entries_committed.inc(n)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with every metric of this process."""
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Databases(Collector):
    """Gauges that are true for all processes, because they are read from the default database."""

    def describe(self) -> Sequence[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield _family("saga_runs", "Runs, by state", {**dict.fromkeys(Run.State.values, 0), **_runs.read()})
        yield _family("saga_sagas", "Sagas, by state", _sagas.read())
        waiting = Alert.objects.filter(resolved_at_ms=None).aggregate(oldest=Min("raised_at_ms"), n=Count("pk"))
        yield GaugeMetricFamily("saga_alerts_open", "Sagas that wait for a person", value=waiting["n"])
        age = time.time() - waiting["oldest"] / 1000 if waiting["oldest"] is not None else 0.0
        yield GaugeMetricFamily(
            "saga_alert_oldest_seconds", "Age of the oldest alert that nobody has answered", value=max(0.0, age)
        )


class Counted:
    """How many rows there are, by state. What can still change is counted each time, by an index; what is over, now and then.

    To count all that ever ended takes the longer the more there is. So once that takes a while, the
    number is kept until counting has taken no more than a hundredth of the time that has passed.
    """

    def __init__(self, model: type[Run] | type[Saga], ends: Collection[str], other: Collection[str]) -> None:
        self._model, self._ends, self._other = model, ends, other
        self._over: dict[str, int] = {}
        self._again_at = 0.0
        self._lock = threading.Lock()

    def read(self) -> dict[str, int]:
        """Return the number of rows in each state that any row is in."""
        rows = self._model._default_manager.order_by()
        with self._lock:
            began = time.monotonic()
            if began >= self._again_at:
                self._over = _by_state(rows.filter(state__in=self._ends))
                took = time.monotonic() - began
                self._again_at = began + (took / SHARE if took > AT_ONCE_SECONDS else 0.0)
            over = self._over
        return {**_by_state(rows.filter(state__in=self._other)), **over}

    def recount(self) -> None:
        """Count all of it the next time."""
        with self._lock:
            self._again_at = 0.0


_runs = Counted(Run, [Run.State.FINISHED], [Run.State.RUNNING])
_sagas = Counted(Saga, AT_REST - {Phase.NEEDS_OPERATOR}, set(Phase) - AT_REST | {Phase.NEEDS_OPERATOR})


def recount() -> None:
    """Have the next `/metrics` count everything, however long that takes."""
    _runs.recount()
    _sagas.recount()


def _by_state(rows: QuerySet[Any]) -> dict[str, int]:
    return dict(rows.values_list("state").annotate(Count("pk")))


def _family(name: str, help_text: str, found: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=["state"])
    for state, number in found.items():
        family.add_metric([str(state)], number)
    return family


registry.register(_Databases())
