"""An engine's worker as a process of its own, and none of this project's beside it: `SAGA_ENGINE=temporal python -m tests.alone`.

It says `working: ENGINE` when it works. Told to stop, it says which of this project's drivers it has loaded;
a worker that ends by itself ends the process, with what it died of.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import django

DRIVERS = ("sagas.orchestrator", "sagas.worker", "sagas.drivers", "sagas.choreography")


def main() -> None:
    django.setup()
    asyncio.run(work())
    print("drivers:", *[name for name in DRIVERS if name in sys.modules], flush=True)  # noqa: T201


async def work() -> None:
    from django.conf import settings

    from sagas.clock import cancel_and_wait, spawn
    from sagas.engines import chosen
    from sagas.journal import Journal

    book, stopping = Journal(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    book.start()
    lease_ms, poll_ms = round(settings.SAGA_LEASE_SECONDS * 1000), round(settings.SAGA_POLL_SECONDS * 1000)
    worker = chosen.worker(book, lease_ms=lease_ms, poll_ms=poll_ms)
    assert worker is not None
    working = spawn(worker.run(), "worker")
    stopped = spawn(stopping.wait(), "stopped")
    print(f"working: {settings.SAGA_ENGINE}", flush=True)  # noqa: T201
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not stopped.done():
        raise RuntimeError("the worker has ended") from working.exception()
    await cancel_and_wait(working, stopped)
    await book.stop()


if __name__ == "__main__":
    main()
