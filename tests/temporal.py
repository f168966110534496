"""A real Temporal server for the tests, from a wheel: everything in memory, loopback only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

from django.test import override_settings

from sagas.engines.temporal.worker import ENGINE, TemporalWorker
from sagas.models import Run
from tests import engine
from tests.engine import Finished, at_work, driven
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


create = partial(engine.create, engine=ENGINE)


def temporal_worker() -> Any:
    """A Temporal worker, at work: see `tests.engine.at_work`."""
    return at_work(lambda book: TemporalWorker(book, lease_ms=LEASE_MS, poll_ms=POLL_MS))


def drive_temporal(
    server: Temporal, *runs: Run, before: Callable[[], Any] | None = None, leave: bool = False
) -> list[Finished]:
    """Have a Temporal worker of this process drive runs to their rest: see `tests.engine.driven`.

    It keeps no workflow in mind: this server never takes one away from a worker that is gone, nor from
    one that was too slow to think, and waits for it for ever.
    """
    for run in runs:
        assert run.engine == ENGINE
    with override_settings(TEMPORAL_ADDRESS=server.address, TEMPORAL_CACHED_WORKFLOWS=0):
        return driven(temporal_worker, runs, before, leave=leave)
