"""What is timed in each of the databases, each as seconds of one time that it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from playground.latest import Newest
from sagas import catalog, journal, leases, recovery
from sagas.entries import Entry
from sagas.journal import Batch, Journal
from sagas.leases import Lease
from sagas.models import Run, Saga
from sagas.projection import project
from sagas.pruning import prune
from sagas.runs import create_run
from sagas.tape import fold
from tests.benchmarks.growth import filling
from tests.engine import scenario

LEASE_MS = 60_000
TOGETHER = 100  # runs of one commit, of one claim, of one recovery


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to time. `take` returns the milliseconds of one time; the sample is the median of `times`."""

    name: str
    take: Callable[[], float]
    times: int = 5

    def sample(self) -> float:
        """Return the median after one time that does not count."""
        self.take()
        return median(self.take() for _ in range(self.times))


def timed(work: Callable[[], Any]) -> float:
    """Return the milliseconds that something took."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def probes(prune_runs: int) -> list[Probe]:
    """Return all of them, for the site that is open when they are taken."""
    return [
        Probe("append, commit of 1 run", lambda: append(1)),
        Probe("append, commit of 100 runs", lambda: append(TOGETHER)),
        Probe("poll that finds nothing", lambda: timed(lambda: leases.claim_due("bench", -1, LEASE_MS, TOGETHER))),
        Probe("claim of 100 runs", claim),
        Probe("start: claim and load 100 runs", recover),
        Probe("new run", lambda: timed(lambda: create_run(scenario()))),
        Probe("journal of a run", lambda: timed(lambda: journal.read_all(some_run()))),
        *(Probe(name, page(address)) for name, address in PAGES),
        Probe("latest list, from nothing", lambda: timed(lambda: Newest().rows())),
        Probe("all lists of the admin", lists),
        Probe("list of runs, page far down", far_down),
        Probe(f"prune of {prune_runs:,} runs", lambda: pruned(prune_runs), times=1),
    ]


PAGES = (
    ("run page", "/runs/{run}/"),
    ("run, panels", "/runs/{run}/panels/"),
    ("run with many forks", "/runs/{origin}/"),
    ("run by the API", "/api/runs/{run}"),
    ("journal by the API", "/api/runs/{run}/journal"),
    ("run in the admin", "/admin/sagas/run/{run}/change/"),
    ("home page", "/"),
    ("/metrics", "/metrics"),
    ("/readyz", "/readyz"),
)
LISTS = (
    "sagas/journalentry/",
    "sagas/journalentry/?kind=saga-needs-operator",
    "sagas/run/",
    "sagas/run/?state=running",
    "sagas/saga/",
    "sagas/saga/?state=compensated",
    "sagas/saga/?step=charge-payment",
    "sagas/step/?state=stuck",
    "sagas/alert/",
    "payments/ledgerrow/",
    "inventory/unit/",
)


def page(address: str) -> Callable[[], float]:
    """Return what gets an address, each time of another run."""

    def take() -> float:
        client, of_run = _client(), address.format(run=some_run(), origin=_origin())
        began = time.perf_counter()
        answer = client.get(of_run)
        took = (time.perf_counter() - began) * 1000
        assert answer.status_code == 200, (of_run, answer.status_code, answer.content[:300])
        return took

    return take


def lists() -> float:
    """Return the time of one page of each list, together."""
    client = _client()
    return timed(lambda: [client.get(f"/admin/{name}") for name in LISTS])


def far_down() -> float:
    """Return the time of the page that follows a run in the middle of the list."""
    run = Run.objects.get(pk=some_run())
    place = f"{run.created_at.isoformat().replace('+', '%2B')}~{run.pk}"
    client = _client()
    return timed(lambda: client.get(f"/admin/sagas/run/?p={place}"))


def some_run() -> str:
    """Return a finished run of the size that is usual, another one each time."""
    finished = Run.objects.filter(state="finished", definition="order")
    ages = finished.order_by("created_at").values_list("created_at", flat=True)
    oldest, newest = ages.first(), ages.last()
    assert oldest is not None
    assert newest is not None
    some = oldest + (newest - oldest) * (time.perf_counter_ns() % 997) / 997
    return str(finished.filter(created_at__gte=some).order_by("created_at").values_list("pk", flat=True)[0])


def claim() -> float:
    """Return the time of one claim of a hundred runs that are due; they are given back."""
    taken: list[Lease] = []
    took = timed(lambda: taken.extend(leases.claim_due("bench", _now(), LEASE_MS, TOGETHER)))
    assert len(taken) == TOGETHER
    leases.release("bench", [lease.run for lease in taken])
    return took


def recover() -> float:
    """Return the time in which a worker that starts claims a hundred runs, reads them and folds their journals."""

    def work() -> None:
        taken = leases.claim_due("bench", _now(), LEASE_MS, TOGETHER)
        for lease in taken:
            loaded = recovery.load(lease.run)
            fold(loaded.entries, loaded.sagas)
            for service in catalog.SERVICES.values():
                service.ledger(lease.run)

    took = timed(work)
    held = Run.objects.filter(lease_owner="bench").values_list("pk", flat=True)
    leases.release("bench", list(held))
    return took


def append(runs: int) -> float:
    """Return the time until a step's three entries are durable for so many runs that ask at once."""
    held = leases.claim_due("bench", _now(), LEASE_MS, runs)
    assert len(held) == runs
    batches = [_batch(lease) for lease in held]

    async def go() -> float:
        book = Journal()
        book.start()
        await book.append(_nothing(held[0]))  # the writer's thread has its connection
        began = time.perf_counter()
        await asyncio.gather(*(book.append(batch) for batch in batches))
        took = (time.perf_counter() - began) * 1000
        await book.stop()
        return took

    took = asyncio.run(go())
    leases.release("bench", [lease.run for lease in held])
    return took


def pruned(runs: int) -> float:
    """Return the time in which the oldest runs go; as many are put in their place."""
    dropping, gone = prune(_now(), _now()), 0
    began = time.perf_counter()
    while gone < runs and (count := next(dropping, 0)):
        gone += count
    took = (time.perf_counter() - began) * 1000
    filling.add(filling.sources(), gone, seed=time.perf_counter_ns(), old=True)
    return took * runs / gone


def _batch(lease: Lease) -> Batch:
    run = Run.objects.get(pk=lease.run)
    saga = Saga.objects.get(pk=f"{lease.run}-1")
    told = journal.read(_origin(), after=filling.CUT_AT, limit=3)
    entries = [_placed(entry, saga.pk, run.last_seq + n) for n, entry in enumerate(told, 1)]
    definition = catalog.definition(run.definition, run.version)
    state = fold(journal.read_all(lease.run)[: filling.CUT_AT], {saga.pk: saga.order})[saga.pk]
    row = project(definition, state)
    return Batch(run=lease.run, epoch=lease.epoch, entries=entries, sagas=[replace(row, steps=row.steps[2:3])])


def _placed(entry: Entry, saga: str, seq: int) -> Entry:
    return replace(entry, saga=saga if entry.saga else "", seq=seq, at=_now())


def _nothing(lease: Lease) -> Batch:
    return Batch(run=lease.run, epoch=lease.epoch, entries=[])


_clients: dict[str, Client] = {}


def _client() -> Client:
    """Return a client that is logged in as a superuser of the open site."""
    place = str(connections["default"].settings_dict["NAME"])
    if place not in _clients:
        person, _ = User.objects.get_or_create(username="bench", defaults={"is_staff": True, "is_superuser": True})
        _clients[place] = Client(SERVER_NAME="127.0.0.1")
        _clients[place].force_login(person)
    return _clients[place]


def _origin() -> str:
    return filling.sources()[0][1]


def _now() -> int:
    return time.time_ns() // 1_000_000
