"""A real Temporal server for the tests, from a wheel: everything in memory, loopback only."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from django.test import override_settings

from sagas.clock import cancel_and_wait
from sagas.engines.temporal.worker import ENGINE, TemporalWorker
from sagas.entries import Entry, Kind
from sagas.journal import Journal
from sagas.models import Run
from sagas.runs import create_run
from tests.engine import PATIENCE_SECONDS, Finished, read
from tests.play import ROOT

LEASE_MS, POLL_MS = 10_000, 50

SERVER = Path(sys.executable).parent / "temporal-test-server"


class Temporal:
    """One server in real time; `with Temporal() as server` starts and stops it. `address` is host and port."""

    address: str

    def __enter__(self) -> Self:
        # The server itself would listen on every interface.
        self._cell = subprocess.Popen(
            [sys.executable, "-m", "tests.cell", str(SERVER), "{port}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._cell.stdout is not None
        said = self._cell.stdout.readline().strip()
        if not said.isdigit():
            self._cell.kill()
            raise AssertionError(f"the Temporal server did not start: {said!r}")
        self.address = f"127.0.0.1:{said}"
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._cell.stdin is not None
        assert self._cell.stdout is not None
        self._cell.stdin.close()
        self._cell.wait(20)
        self._cell.stdout.close()


def drive_temporal(
    server: Temporal, *runs: Run, before: Callable[[], Any] | None = None, cached: int = 0, leave: bool = False
) -> list[Finished]:
    """Have a Temporal worker of this process drive runs to their rest. `before` runs in a thread once it works.

    With `leave` the worker ends as soon as `before` returns, wherever the runs are by then.
    `cached` is how many workflows the worker keeps in mind. This server never takes one away from a
    worker that is gone, so with more than 0 what is open at the end stays where it is.
    """

    async def go() -> None:
        left, ended = {run.pk for run in runs}, asyncio.Event()

        def hear(run: str, entries: Sequence[Entry]) -> None:
            if entries and entries[-1].kind is Kind.RUN_FINISHED:
                left.discard(run)
                if not left:
                    ended.set()

        book = Journal()
        book.listen(hear)
        book.start()
        worker = TemporalWorker(book, lease_ms=LEASE_MS, poll_ms=POLL_MS)
        working = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                beside = asyncio.create_task(asyncio.to_thread(before)) if before else None
                if not leave:
                    waiting = asyncio.create_task(ended.wait())
                    await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
                    if working.done():  # it should work for ever, and says why it does not
                        working.result()
                if beside:
                    await beside
        finally:
            await cancel_and_wait(working)
            await book.stop()

    for run in runs:
        assert run.engine == ENGINE
    with override_settings(TEMPORAL_ADDRESS=server.address, TEMPORAL_CACHED_WORKFLOWS=cached):
        asyncio.run(go())
    return [read(run.pk) for run in runs]


def create(scenario: Mapping[str, Any]) -> Run:
    """Return a new run that is Temporal's to drive."""
    with override_settings(SAGA_ENGINE=ENGINE):
        return create_run(scenario)
