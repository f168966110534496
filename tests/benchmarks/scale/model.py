"""From a load to what it needs: closed forms, each checked against the simulated day (`test_scale.py`).

Rates are per second, at the busiest moment of a day unless a name says otherwise. A station that is
asked for `x` seconds of work per second needs `x / busy` servers, so that each is busy for at most that share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.benchmarks.scale.constants import Constants

DAY = 86_400.0  # seconds
PEAK_HOUR = 20.0
RUNS_PER_WORKER = 500  # that one worker drives at once (`sagas.worker.Pace`)
SOCKETS_PER_WEB = 2000  # that a web process of a public site keeps open (`playground.limits.SOCKETS`)


class BeyondModel(ValueError):
    """No number of servers of this layout carries the load; the message says which one is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What comes. None of these is measured: they are what to decide, or to see, of one's own visitors.

    `peak` is the busiest moment over the mean of a day. `run_s` is how long a run takes from its start to its end,
    `stay_s` how long a reader keeps its page open. `busy` is the share of its time that a server may work.
    """

    visitors: float  # a day
    runs_per_visitor: float = 3.0
    readers_per_run: float = 1.2
    pages_per_visitor: float = 6.0  # without the pages of runs
    peak: float = 3.0
    days_kept: float = 7.0
    run_s: float = 10.0
    stay_s: float = 120.0
    busy: float = 0.6

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if not 1 < self.peak <= 20:
            raise ValueError(f"peak must be above 1 and at most 20, not {self.peak!r}")
        if self.busy >= 1:
            raise ValueError(f"busy must be below 1, not {self.busy!r}")

    @property
    def runs_a_day(self) -> float:
        return self.visitors * self.runs_per_visitor

    def runs_at(self, hour: float) -> float:
        """Return the runs that start per second at an hour of the day."""
        k, mean = _curve(self.peak)
        return self.runs_a_day / DAY * math.exp(k * math.cos((hour - PEAK_HOUR) * math.tau / 24)) / mean


@cache
def _curve(peak: float) -> tuple[float, float]:
    """Return k and the mean of exp(k cos x) over a day, k such that the highest value is `peak` times the mean."""
    low, high = 0.0, 200.0
    for _ in range(60):
        k = (low + high) / 2
        low, high = (k, high) if math.exp(k) / _mean(k) < peak else (low, k)
    return k, _mean(k)


def _mean(k: float) -> float:
    return sum(math.exp(k * math.cos(n * math.tau / 480)) for n in range(480)) / 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of each kind of server per run, as derived from the constants."""

    worker: float
    journal: float  # what grouping cannot save: starts, and the share of each append in a commit
    service: float
    web: float

    @classmethod
    def of(cls, c: Constants, load: Load) -> Costs:
        start = c.start_commits * (c.commit_s + c.append_s)
        homes = load.pages_per_visitor / load.runs_per_visitor * c.home_ms
        pages = (c.start_ms + load.readers_per_run * c.page_ms + homes) / 1000
        # Readers of one run sit at different web processes, so each of them paints for itself.
        told = c.appends * load.readers_per_run * (c.told_s + c.teller_s)
        return cls(
            worker=1 / c.worker_rate,
            journal=start + c.appends * c.append_s,
            service=c.service_commits * (c.commit_s + c.append_s),
            web=pages + told,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a load needs at its busiest moment, and what it leaves behind."""

    runs: float  # per second
    entries: float  # per second
    rows: float  # new ones per second, in all databases; rows of last states are changed besides
    engine_commits: float  # per second, appends of one worker folded together
    service_commits: float  # per second
    batch: float  # appends per commit of a worker
    workers: int
    journals: int
    services: int  # servers for the services' databases
    web: int
    sockets: float
    socket_mb: float  # of each web process
    published: float  # messages per second into Redis
    delivered: float  # and out of it
    redis_busy: float
    connections: int
    sent_mbit: float  # per second, to readers, uncompressed
    entries_kept: float
    engine_gb: float  # the engine's database, of all days that are kept
    journal_gb: float  # of that, the journal's own table
    services_gb: float
    gb_a_day: float
    prune_busy: float  # of one pruning process, all day


def needs(load: Load, c: Constants) -> Needs:
    """Return what a load needs. Raises BeyondModel where more of the same does not help."""
    runs, costs = load.runs_at(PEAK_HOUR), Costs.of(c, load)
    journals = servers(runs * costs.journal, load.busy)
    commits, batch = grouped(runs / journals, runs * c.appends / journals, c)
    published = runs * c.appends
    web, sockets = _web(load, c, runs * costs.web, published), runs * load.readers_per_run * load.stay_s
    workers = max(servers(runs * costs.worker, load.busy), math.ceil(runs * load.run_s / RUNS_PER_WORKER))
    kept = load.runs_a_day * load.days_kept
    day = load.runs_a_day * (c.entries * c.entry_bytes + c.service_bytes)
    return Needs(
        runs=runs,
        entries=runs * c.entries,
        rows=runs * (c.engine_rows + c.service_rows),
        engine_commits=commits * journals + runs * c.start_commits,
        service_commits=runs * c.service_commits,
        batch=batch,
        workers=max(workers, journals),
        journals=journals,
        services=servers(runs * costs.service, load.busy),
        web=web,
        sockets=sockets,
        socket_mb=sockets / web * c.socket_kb / 1000,
        published=published,
        delivered=published * web,
        redis_busy=(published + published * web) / c.redis_rate,
        connections=math.ceil((max(workers, journals) + web) * c.connections),
        sent_mbit=runs * load.readers_per_run * c.entries * c.frame_kb * 8 / 1000,
        entries_kept=kept * c.entries,
        engine_gb=kept * c.entries * c.entry_bytes / 1e9,
        journal_gb=kept * c.entries * c.journal_bytes / 1e9,
        services_gb=kept * c.service_bytes / 1e9,
        gb_a_day=day / 1e9,
        prune_busy=load.runs_a_day * c.prune_ms / 1e6 / DAY,
    )


def servers(work: float, busy: float) -> int:
    """Return how many servers do `work` seconds of work per second, each busy for at most a share of the time."""
    return max(1, math.ceil(work / busy - 1e-9))


def grouped(starts: float, appends: float, c: Constants) -> tuple[float, float]:
    """Return the commits per second that one journal makes of so many appends per second, and the appends in each.

    While there is time, each append has a commit of its own. Beyond that commits fill what time the rows and
    the `starts` (runs that are stored, per second) leave, and appends share them: so a journal is always busy
    before it is full.
    """
    left = max(0.0, 1 - starts * c.start_commits * (c.commit_s + c.append_s) - appends * c.append_s)
    commits = min(appends, left / c.commit_s)
    return commits, appends / commits if commits else math.inf


def _web(load: Load, c: Constants, work: float, published: float) -> int:
    """Return the number of web processes: each hears of every run, whoever watches it."""
    heard = published * c.told_s
    if heard >= load.busy:
        raise BeyondModel(
            f"published: {published:,.0f} messages a second keep every web process busy for {heard:.0%} of its time, "
            f"and it may be {load.busy:.0%}; give each part of the runs a group of its own"
        )
    by_sockets = load.runs_at(PEAK_HOUR) * load.readers_per_run * load.stay_s / SOCKETS_PER_WEB
    return max(servers(work, load.busy - heard), math.ceil(by_sockets))


def capacity(site: Sequence[int], c: Constants, load: Load) -> dict[str, float]:
    """Return the runs per second at which each of workers, journals, services and web (in this order) is full.

    `hearing` is the rate at which any number of web processes would be full with hearing of runs alone.
    """
    workers, journals, services, web = site
    costs = Costs.of(c, load)
    return {
        "workers": workers / costs.worker,
        "journals": journals / costs.journal,
        "services": services / costs.service,
        "web": web / (costs.web + web * c.appends * c.told_s),
        "hearing": 1 / (c.appends * c.told_s) if c.told_s else math.inf,
    }
