"""A simulated site under a steady load, event by event, and a simulated day made of its hours.

Runs arrive by chance (Poisson). Each is stored by a web process, claimed by the worker of its journal that
drives the fewest, and goes through the loop of that worker, its writer, the journal and the services, append
by append; each commit is told to the web processes of its readers. A worker that dies gives nothing back: its
runs go on elsewhere when their leases end. Seeded: the same seed is the same day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import quantiles

from tests.benchmarks.scale.constants import Constants
from tests.benchmarks.scale.model import Load, Needs
from tests.benchmarks.scale.stations import Append, Station, Time, Trip, Worker, Writer

APPENDS_PER_COMMIT = 256  # at most (`sagas.journal`)
LEASE_S = 5.0
RUNS_PER_HOUR = 600  # that are simulated of each hour of a day, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How many of each there are. A journal is a part of the runs, with workers of its own."""

    workers: int
    journals: int
    services: int
    web: int

    @classmethod
    def of(cls, needs: Needs) -> Layout:
        return cls(workers=needs.workers, journals=needs.journals, services=needs.services, web=needs.web)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of a site. Shares of the time of all servers of a kind; times in seconds."""

    arrived: int
    finished: int
    moved: int  # runs that went on with another worker
    appends: float  # per second
    workers: float
    journals: float
    services: float
    web: float
    batch: float  # appends per commit
    waits: tuple[float, float]  # of a run from its start to its end, for anything that was busy: p50, p99
    lags: tuple[float, float]  # from a commit until its message is told: p50, p99


class Site:
    """One site. `run` it once."""

    def __init__(self, layout: Layout, load: Load, constants: Constants, seed: int) -> None:
        self._c, self._load, self._chance = constants, load, random.Random(seed)
        self.time = time = Time()
        self.journals = [Station(time) for _ in range(layout.journals)]
        self.services = [Station(time) for _ in range(layout.services)]
        self.web = [Station(time) for _ in range(layout.web)]
        self.workers = [self._worker(self.journals[n % layout.journals]) for n in range(layout.workers)]
        self.trips: list[Trip] = []
        self.ended: list[Trip] = []
        self.lags: list[float] = []
        self.moved = 0

    def _worker(self, journal: Station) -> Worker:
        c = self._c
        return Worker(Station(self.time), Writer(self.time, journal, c.commit_s, c.append_s, APPENDS_PER_COMMIT))

    def run(self, rate: float, seconds: float, warm: float = 0.0) -> Seen:
        """Let runs arrive at a rate for some seconds; return what was seen until then, but for the first `warm` of them."""
        moment = self._chance.expovariate(rate)
        while moment < seconds:
            self.time.at(moment, self._arrive)
            moment += self._chance.expovariate(rate)
        self.time.run(warm)
        for station in (*self.journals, *self.services, *self.web):
            station.mark()
        for worker in self.workers:
            worker.loop.mark()
            worker.writer.mark()
        before = len(self.trips), len(self.ended), len(self.lags)
        self.time.run(seconds)
        return self._seen(seconds - warm, *before)

    def _arrive(self) -> None:
        """A visitor starts a run: pages, the commits that store and claim it, and a worker that is called."""
        number, c = len(self.trips), self._c
        self.trips.append(trip := Trip())
        homes = self._load.pages_per_visitor / self._load.runs_per_visitor * c.home_ms
        stored, trip.waited = self._chance.choice(self.web).serve((c.start_ms + homes) / 1000)
        self.time.at(stored, partial(self._store, number))

    def _store(self, number: int) -> None:
        c, trip = self._c, self.trips[number]
        journal = number % len(self.journals)
        done, waited = self.journals[journal].serve(c.start_commits * (c.commit_s + c.append_s))
        trip.waited += waited
        for _ in range(self._readers()):
            self._chance.choice(self.web).serve(c.page_ms / 1000)
        self.time.at(done, partial(self._claimed, number))

    def _readers(self) -> int:
        """Return a number of readers with the mean of the load: the next lower whole number or the next higher."""
        return int(self._load.readers_per_run + self._chance.random())

    def _claimed(self, number: int) -> None:
        mine = self.workers[number % len(self.journals) :: len(self.journals)]
        alive = [worker for worker in mine if not worker.is_dead]
        if not alive:
            self.time.at(self.time.now + LEASE_S, partial(self._claimed, number))
            return
        worker = min(alive, key=lambda one: len(one.driving))
        worker.driving.add(number)
        self._drive(number, worker)

    def _drive(self, number: int, worker: Worker) -> None:
        """The worker does its part of the work before the next append."""
        if number not in worker.driving:  # it died meanwhile
            return
        mean = 1 / self._c.worker_rate / self._c.appends
        done, waited = worker.loop.serve(self._chance.expovariate(1 / mean))
        self.trips[number].waited += waited
        self.time.at(done, partial(self._append, number, worker))

    def _append(self, number: int, worker: Worker) -> None:
        if number in worker.driving:
            durable = partial(self._durable, number, worker)
            worker.writer.append(Append(self.trips[number], self.time.now, durable))

    def _durable(self, number: int, worker: Worker) -> None:
        """An append is committed, and told; the next one follows a call of a service."""
        if number not in worker.driving:
            return
        trip, c = self.trips[number], self._c
        trip.appends += 1
        self._tell()
        if trip.appends >= c.appends:
            worker.driving.discard(number)
            self.ended.append(trip)
            return
        share = c.service_commits / (c.appends - 1)
        done, waited = self._chance.choice(self.services).serve(share * (c.commit_s + c.append_s))
        trip.waited += waited
        self.time.at(done, partial(self._drive, number, worker))

    def kill(self, worker: int, at: float) -> None:
        """Have a worker die: what it has not committed is gone, and its runs go on when their leases end."""
        self.time.at(at, partial(self._die, self.workers[worker]))

    def _die(self, worker: Worker) -> None:
        worker.is_dead = worker.writer.is_dead = True
        lost = sorted(worker.driving)
        worker.driving.clear()
        self.moved += len(lost)
        for number in lost:
            wait = LEASE_S * self._chance.uniform(2 / 3, 1)  # a lease is renewed three times in its length
            self.trips[number].waited += wait
            self.time.at(self.time.now + wait, partial(self._claimed, number))

    def _tell(self) -> None:
        """One message, heard by every web process, told by those that have readers of the run."""
        c = self._c
        tellers = [self._chance.choice(self.web) for _ in range(self._readers())]
        for station in self.web:
            station.serve(c.told_s)
        for station in tellers:
            done, _ = station.serve(c.told_s + c.teller_s)
            self.lags.append(done - self.time.now)

    def _seen(self, seconds: float, trips: int, ended: int, lags: int) -> Seen:
        writers = [worker.writer for worker in self.workers]
        appends = sum(writer.appends for writer in writers)
        return Seen(
            arrived=len(self.trips) - trips,
            finished=len(self.ended) - ended,
            moved=self.moved,
            appends=appends / seconds,
            workers=_mean([worker.loop for worker in self.workers]),
            journals=_mean(self.journals),
            services=_mean(self.services),
            web=_mean(self.web),
            batch=appends / max(1, sum(writer.commits for writer in writers)),
            waits=_cuts([trip.waited for trip in self.ended[ended:]]),
            lags=_cuts(self.lags[lags:]),
        )


def _mean(stations: Sequence[Station]) -> float:
    return sum(station.busy() for station in stations) / len(stations)


def _cuts(times: Sequence[float]) -> tuple[float, float]:
    if len(times) < 2:
        return (times[0], times[0]) if times else (0.0, 0.0)
    cuts = quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


def simulate(
    load: Load, layout: Layout, c: Constants, seed: int = 1, hours: Sequence[int] = range(24)
) -> Iterator[tuple[int, float, Seen]]:
    """Yield hours of a day, each with its runs per second and what was seen: of all of it, or of its first runs."""
    for hour in hours:
        rate = load.runs_at(hour)
        seconds = min(3600.0, RUNS_PER_HOUR / rate)
        yield hour, rate, Site(layout, load, c, seed * 100 + hour).run(rate, seconds, warm=seconds / 5)
