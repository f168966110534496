"""What is timed in each of the databases, each as seconds of one time that it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from playground.latest import Newest
from sagas import catalog, journal, leases, recovery
from sagas.entries import Entry
from sagas.journal import Batch, Journal
from sagas.leases import Lease
from sagas.models import Run
from sagas.projection import project
from sagas.pruning import prune
from sagas.runs import create_run
from sagas.tape import fold
from tests.benchmarks.growth import filling, sites
from tests.engine import scenario
from tests.waiting import until

LEASE_MS = 60_000
CLIENTS = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'"""
PAGES = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
TOGETHER = 100  # runs of one commit, of one claim, of one recovery


class Spent(NamedTuple):
    """What something took: milliseconds on the wall, and two figures that do not wait for what else the machine does.

    `cpu` is this process's own work in milliseconds, which is where SQLite works; `pages` is how many
    pages of 8 kB PostgreSQL has looked at, 0 on SQLite.
    """

    wall: float
    cpu: float
    pages: float

    @staticmethod
    def now() -> Spent:
        """Return what `passed` begins at."""
        pages = _pages()
        return Spent(time.perf_counter() * 1000, time.process_time() * 1000, pages)

    def passed(self, share: float = 1.0) -> Spent:
        """Return a share of what was spent since."""
        wall, cpu = time.perf_counter() * 1000 - self.wall, time.process_time() * 1000 - self.cpu
        return Spent(wall * share, cpu * share, (_pages() - self.pages) * share)


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to time. `take` returns what one time took; a sample is the shortest of `times`, by each clock.

    What else the machine does can only lengthen a time, so the shortest says most of the database.
    """

    name: str
    take: Callable[[], Spent]
    times: int = 7

    def sample(self) -> Spent:
        """Return the shortest, after one time that does not count."""
        if self.times > 1:
            self.take()
        taken = [self.take() for _ in range(self.times)]
        return Spent(*(min(each) for each in zip(*taken, strict=True)))


def timed(work: Callable[[], Any]) -> Spent:
    """Return what something took."""
    began = Spent.now()
    work()
    return began.passed()


def probes(prune_runs: int) -> list[Probe]:
    """Return all of them, for the site that is open when they are taken."""
    return [
        Probe("append, commit of 1 run", lambda: append(1)),
        Probe("append, commit of 100 runs", lambda: append(TOGETHER), times=4),
        Probe("poll that finds nothing", lambda: timed(lambda: leases.claim_due("bench", -1, LEASE_MS, TOGETHER))),
        Probe("claim of 100 runs", claim, times=3),
        Probe("start: claim and load 100 runs", recover, times=1),
        Probe("new run", lambda: timed(lambda: create_run(scenario()))),
        Probe("journal of a run", read),
        *(Probe(name, page(address)) for name, address in ADDRESSES),
        Probe("latest list, from nothing", lambda: timed(lambda: Newest().rows())),
        Probe("all lists of the admin", lists, times=3),
        Probe("list of runs, page far down", far_down),
        Probe(f"prune of {prune_runs:,} runs", lambda: pruned(prune_runs), times=1),
    ]


ADDRESSES = (
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


def page(address: str) -> Callable[[], Spent]:
    """Return what gets an address, each time of another run."""

    def take() -> Spent:
        client, of_run = _client(), address.format(run=some_run(), origin=_origin())
        began = Spent.now()
        answer = client.get(of_run)
        took = began.passed()
        assert answer.status_code == 200, (of_run, answer.status_code, answer.content[:300])
        return took

    return take


def lists() -> Spent:
    """Return the time of one page of each list, together."""
    client = _client()
    return timed(lambda: [client.get(f"/admin/{name}") for name in LISTS])


def far_down() -> Spent:
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


def read() -> Spent:
    """Return the time in which one run's journal is read."""
    run = some_run()
    return timed(lambda: journal.read_all(run))


def claim() -> Spent:
    """Return the time of one claim of a hundred runs that are due; they are given back."""
    taken: list[Lease] = []
    took = timed(lambda: taken.extend(leases.claim_due("bench", _now(), LEASE_MS, TOGETHER)))
    assert len(taken) == TOGETHER
    leases.release("bench", [lease.run for lease in taken])
    return took


def recover() -> Spent:
    """Return the time in which a worker that starts claims a hundred runs, reads them and folds their journals."""

    def work() -> None:
        taken = leases.claim_due("bench", _now(), LEASE_MS, TOGETHER)
        for lease in taken:
            loaded = recovery.load(lease.run)
            fold(loaded.entries, loaded.sagas)
            for step in catalog.definition(loaded.definition, loaded.version).steps:
                catalog.SERVICES[step.service].ledger(lease.run)

    took = timed(work)
    held = Run.objects.filter(lease_owner="bench").values_list("pk", flat=True)
    leases.release("bench", list(held))
    return took


def append(runs: int) -> Spent:
    """Return the time until a step's three entries are durable for so many runs that ask at once."""
    held = leases.claim_due("bench", _now(), LEASE_MS, runs)
    assert len(held) == runs
    batches = _batches(held)

    async def go() -> tuple[float, float]:
        book = Journal()
        book.start()
        await book.append(_nothing(held[0]))  # the writer's thread has its connection
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(book.append(batch) for batch in batches))
        took = (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000
        await book.stop()
        return took

    began = Spent.now()
    took = Spent(*asyncio.run(go()), began.passed().pages)
    leases.release("bench", [lease.run for lease in held])
    return took


def pruned(runs: int) -> Spent:
    """Return the time in which the oldest runs go; as many are put in their place."""
    dropping, gone = prune(_now(), _now()), 0
    began = Spent.now()
    while gone < runs and (count := next(dropping, 0)):
        gone += count
    took = began.passed(runs / gone)
    filling.add(filling.sources(), gone, old=True)
    return took


def _batches(held: Sequence[Lease]) -> list[Batch]:
    """Return what a driver says of the third step of each run: the outcome, the row that came of it, the next intent."""
    origin = Run.objects.get(pk=_origin())
    definition = catalog.definition(origin.definition, origin.version)
    told, saga = journal.read(origin.pk, limit=filling.CUT_AT + 3), f"{origin.pk}-1"
    row = project(definition, fold(told, {saga: told[0].order})[saga])
    heads = Run.objects.in_bulk([lease.run for lease in held])
    return [
        Batch(
            run=lease.run,
            epoch=lease.epoch,
            entries=[
                _placed(entry, f"{lease.run}-1", heads[lease.run].last_seq + n)
                for n, entry in enumerate(told[filling.CUT_AT :], 1)
            ],
            sagas=[row._replace(saga=f"{lease.run}-1", steps=row.steps[2:3])],
        )
        for lease in held
    ]


def _pages() -> float:
    """Return how many pages the open site's PostgreSQL database has looked at so far."""
    if sites.vendor() != "postgresql":
        return 0.0
    own = connections.all(initialized_only=True)
    with connections["default"].cursor() as cursor:
        # A connection that was just closed counts what it did as it ends.
        until(lambda: _asked(cursor, CLIENTS) <= len(own), lambda: "others are connected, too")
        for connection in own:
            with connection.cursor() as flushing:
                flushing.execute("SELECT pg_stat_force_next_flush()")
        return _asked(cursor, PAGES)


def _asked(cursor: Any, question: str) -> float:
    cursor.execute(question)
    return float(cursor.fetchone()[0])


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
