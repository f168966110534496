"""Workers with a bad clock; they work until SIGTERM.

python -m tests.jumpy SEED JUMPS    it jumps, says so each time, and nobody puts it right
python -m tests.jumpy ahead MS      the machine's is ahead, and the worker's own goes by what the database says
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from typing import Any

import django

EVERY_SECONDS = 0.2
FAR_MS = (0, -2_000, 2_000, -3_600_000, 3_600_000, 86_400_000)


async def jump(seed: int, jumps: int) -> None:
    from sagas.clock import SystemClock, cancel_and_wait, spawn

    class JumpyClock(SystemClock):
        offset = 0

        def now(self) -> int:
            return super().now() + self.offset

    async def jumping() -> None:
        chance = random.Random(seed)
        for _ in range(jumps):
            await asyncio.sleep(EVERY_SECONDS)
            clock.offset = chance.choice(FAR_MS)
            print(f"jump {clock.offset}", flush=True)  # noqa: T201
        clock.offset = 0

    clock = JumpyClock()
    beside = spawn(jumping(), "jump")
    await work(clock)
    await cancel_and_wait(beside)


async def ahead(ms: int) -> None:
    from sagas.clock import SharedClock

    class FastClock(SharedClock):
        def machine(self) -> int:
            return super().machine() + ms

    await work(FastClock())


async def work(clock: Any) -> None:
    from sagas.clock import spawn
    from sagas.journal import Journal
    from sagas.worker import Pace, Worker

    book = Journal()
    book.start()
    lease_ms = round(float(os.environ["SAGA_LEASE_SECONDS"]) * 1000)
    working = spawn(Worker(book, pace=Pace(lease_ms=lease_ms, poll_ms=100), clock=clock).run(), "worker")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    print("working: jumpy", flush=True)  # noqa: T201
    with suppress(asyncio.CancelledError):
        await working
    await book.stop()


if __name__ == "__main__":
    django.setup()
    how, number = sys.argv[1:]
    asyncio.run(ahead(int(number)) if how == "ahead" else jump(int(how), int(number)))
