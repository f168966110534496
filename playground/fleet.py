"""Many simulated runs at once: one process per core, each with databases in memory of its own.

What comes back is small, and in the order of the seeds whatever the number of processes, so
that a fleet of two reports what a fleet of one does.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

import django

from playground import chaos
from playground.chaos import Trial
from playground.scenario import Scenario

AT_ONCE = 20  # runs that a process is given: long enough to be worth the way, short enough to show progress
WORTH_A_PROCESS = 120  # runs from which on more processes are worth their start


def tries(base: Scenario | None, first: int, runs: int, *, processes: int = 0) -> Iterator[Trial]:
    """Yield the trials of the seeds from `first` on, in order. `processes` 0: as many as there are cores."""
    wanted = processes or (os.cpu_count() or 1 if runs >= WORTH_A_PROCESS else 1)
    if wanted == 1:
        with chaos.quietly():
            yield from chaos.tries(base, range(first, first + runs))
        return
    value = None if base is None else base.full()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted, mp_context=context, initializer=django.setup) as pool:
        chunks = [range(n, min(n + AT_ONCE, first + runs)) for n in range(first, first + runs, AT_ONCE)]
        waiting: list[Future[list[Trial]]] = [pool.submit(_some, value, chunk) for chunk in chunks]
        try:
            for future in waiting:
                yield from future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _some(value: object, seeds: Sequence[int]) -> list[Trial]:
    base = None if value is None else Scenario.parse(value)
    with chaos.quietly():
        return list(chaos.tries(base, seeds))
