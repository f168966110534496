"""Workers that end at a certain point of their work: `python -m tests.doomed` forks one for each line that it reads.

    RUN POINT N SIGNAL      drive RUN, and get SIGNAL at the N-th time that POINT is reached
    wait PID                tell how a worker that was stopped, and goes on by now, ended

The answers are `PID killed NUMBER`, `PID stopped`, or `PID ended CODE` where the point was never
reached. A fork is a whole process with connections and threads of its own, and costs no start.
Nothing of this is in the project's code: the points are wrapped around it in the fork.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import django

from tests.waiting import until

POINTS = ("before-commit", "in-commit", "after-commit", "before-call", "in-call", "after-call")
LONGEST_SECONDS = 60
AGAIN, GO_ON = b"a", b"g"


def main() -> None:
    django.setup()
    from sagas import journal, worker  # noqa: F401  (loaded once, for all forks)

    for line in sys.stdin:
        match line.split():
            case ["wait", pid]:
                tell(*os.waitpid(int(pid), os.WUNTRACED))
            case [run, point, n, number]:
                reading, writing = os.pipe()
                if (child := os.fork()) == 0:
                    os._exit(doomed(run, point, int(n), int(number), reading))
                pid, status = os.waitpid(child, os.WUNTRACED)
                while os.WIFSTOPPED(status) and is_locked():
                    # Stopped in the middle of a transaction of an SQLite file it would stop everybody.
                    os.write(writing, AGAIN)
                    os.kill(child, signal.SIGCONT)
                    pid, status = os.waitpid(child, os.WUNTRACED)
                os.write(writing, GO_ON)
                os.close(reading)
                os.close(writing)
                tell(pid, status)


def is_locked() -> bool:
    """Return whether somebody is in the middle of writing one of the SQLite files."""
    from django.db import connections

    try:
        for alias in connections:
            if connections[alias].vendor == "sqlite":
                with closing(sqlite3.connect(connections[alias].settings_dict["NAME"], timeout=0.2)) as probe:
                    probe.execute("BEGIN IMMEDIATE")
                    probe.rollback()
    except sqlite3.OperationalError:
        return True
    return False


def tell(pid: int, status: int) -> None:
    if os.WIFSTOPPED(status):
        print(pid, "stopped", flush=True)  # noqa: T201
    elif os.WIFSIGNALED(status):
        print(pid, "killed", os.WTERMSIG(status), flush=True)  # noqa: T201
    else:
        print(pid, "ended", os.WEXITSTATUS(status), flush=True)  # noqa: T201


def doomed(run: str, point: str, n: int, number: int, orders: int) -> int:
    """Drive a run to its end, or to the point; return 0 unless that takes too long. `orders` says what follows a stop."""
    aim(point, n, signal.Signals(number), orders)
    return asyncio.run(drive(run))


async def drive(run: str) -> int:
    from sagas import catalog
    from sagas.clock import cancel_and_wait, spawn
    from sagas.journal import Journal
    from sagas.worker import Pace, Worker

    book = Journal()
    book.start()
    lease_ms = round(float(os.environ["SAGA_LEASE_SECONDS"]) * 1000)
    working = spawn(Worker(book, pace=Pace(lease_ms=lease_ms, poll_ms=300), only=run).run(), "worker")
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST_SECONDS
    while not await loop.run_in_executor(None, is_finished, run):
        if loop.time() > end:
            return 1
        await asyncio.sleep(0.02)
    await cancel_and_wait(working)
    await book.stop()
    for service in catalog.SERVICES.values():
        service.close()  # a call under way ends first
    return 0


def is_finished(run: str) -> bool:
    from sagas.models import Run

    return bool(Run.objects.get(pk=run).state == Run.State.FINISHED)


def aim(point: str, n: int, number: signal.Signals, orders: int) -> None:
    """Send this process a signal at the n-th time that a point is reached."""
    from sagas import journal, journal_sql
    from sagas.services.base import Service

    count = 0

    def reached() -> None:
        nonlocal count
        count += 1
        if count == n:
            os.kill(os.getpid(), number)
            while os.read(orders, 1) == AGAIN:
                until(lambda: not is_locked())  # other threads end what they are in the middle of
                os.kill(os.getpid(), number)

    place: dict[str, tuple[Any, str]] = {
        "commit": (journal, "_commit_all"),
        "in-commit": (journal_sql, "write"),
        "call": (Service, "deliver"),
        "in-call": (Service, "_answer"),
    }
    owner, name = place[point if point.startswith("in-") else point.rpartition("-")[2]]
    setattr(owner, name, wrapped(getattr(owner, name), reached, first=point.startswith("before-")))


def wrapped(inner: Callable[..., Any], reached: Callable[[], None], *, first: bool) -> Callable[..., Any]:
    def outer(*args: Any, **kwargs: Any) -> Any:
        if first:
            reached()
        result = inner(*args, **kwargs)
        if not first:
            reached()
        return result

    return outer


if __name__ == "__main__":
    main()
