"""The parts of the simulated site: what serves one thing at a time, and what folds appends into commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

Act = Callable[[], None]


class Time:
    """Simulated seconds: acts are done in the order of their moments."""

    def __init__(self) -> None:
        self.now = 0.0
        self._acts: list[tuple[float, int, Act]] = []
        self._n = 0

    def at(self, moment: float, act: Act) -> None:
        self._n += 1
        heappush(self._acts, (moment, self._n, act))

    def run(self, until: float) -> None:
        """Do everything that is due before a moment; the rest is left undone."""
        while self._acts and self._acts[0][0] < until:
            self.now, _, act = heappop(self._acts)
            act()
        self.now = until


class Station:
    """Serves one thing after the other, in the order in which they came."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._free_at, self._taken = 0.0, 0.0
        self._since, self._taken_before = 0.0, 0.0

    def serve(self, seconds: float) -> tuple[float, float]:
        """Return when this is done, and for how long it waits before it begins."""
        begins = max(self._time.now, self._free_at)
        self._free_at = begins + seconds
        self._taken += seconds
        return self._free_at, begins - self._time.now

    def mark(self) -> None:
        """Count from now on."""
        self._since, self._taken_before = self._time.now, self._worked()

    def busy(self) -> float:
        """Return the share of the time since the mark that it worked."""
        return (self._worked() - self._taken_before) / (self._time.now - self._since)

    def _worked(self) -> float:
        return self._taken - max(0.0, self._free_at - self._time.now)


@dataclass(slots=True)
class Trip:
    """One run on its way: its appends so far, and for how long it waited."""

    appends: int = 0
    waited: float = 0.0


@dataclass(slots=True)
class Append:
    """One append that waits for its commit. `then` is called with it when it is durable."""

    trip: Trip
    came: float
    then: Act


class Writer:
    """The one writer of a worker: whatever waits when a commit ends goes into the next one."""

    def __init__(self, time: Time, journal: Station, commit_s: float, append_s: float, most: int) -> None:
        self._time, self._journal = time, journal
        self._commit_s, self._append_s, self._most = commit_s, append_s, most
        self.waiting: list[Append] = []
        self._is_writing, self.is_dead = False, False
        self.commits = self.appends = 0  # since the mark

    def mark(self) -> None:
        """Count from now on."""
        self.commits = self.appends = 0

    def append(self, append: Append) -> None:
        self.waiting.append(append)
        if not self._is_writing:
            self._write()

    def _write(self) -> None:
        taken, self.waiting = self.waiting[: self._most], self.waiting[self._most :]
        seconds = self._commit_s + len(taken) * self._append_s
        done, _ = self._journal.serve(seconds)
        for append in taken:
            append.trip.waited += done - seconds - append.came
        self._is_writing = True
        self._time.at(done, lambda: self._written(taken))

    def _written(self, taken: Sequence[Append]) -> None:
        self._is_writing = False
        self.commits += 1
        self.appends += len(taken)
        if self.waiting and not self.is_dead:
            self._write()
        for append in taken:
            append.then()


@dataclass(slots=True, eq=False)
class Worker:
    """A worker: its event loop, its writer, and the runs of which it has the lease."""

    loop: Station
    writer: Writer
    driving: set[int] = field(default_factory=set)
    is_dead: bool = False
