"""A worker whose clock jumps: `python -m tests.jumpy SEED JUMPS` works until SIGTERM, and says each jump."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress

import django

EVERY_SECONDS = 0.2
FAR_MS = (0, -2_000, 2_000, -3_600_000, 3_600_000, 86_400_000)


async def work(seed: int, jumps: int) -> None:
    from sagas.clock import SystemClock, cancel_and_wait, spawn
    from sagas.journal import Journal
    from sagas.worker import Pace, Worker

    class JumpyClock(SystemClock):
        offset = 0

        def now(self) -> int:
            return super().now() + self.offset

    async def jump() -> None:
        chance = random.Random(seed)
        for _ in range(jumps):
            await asyncio.sleep(EVERY_SECONDS)
            clock.offset = chance.choice(FAR_MS)
            print(f"jump {clock.offset}", flush=True)  # noqa: T201
        clock.offset = 0

    clock, book = JumpyClock(), Journal()
    book.start()
    lease_ms = round(float(os.environ["SAGA_LEASE_SECONDS"]) * 1000)
    working = spawn(Worker(book, pace=Pace(lease_ms=lease_ms, poll_ms=100), clock=clock).run(), "worker")
    jumping = spawn(jump(), "jump")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    print("working: jumpy", flush=True)  # noqa: T201
    with suppress(asyncio.CancelledError):
        await working
    await cancel_and_wait(jumping)
    await book.stop()


if __name__ == "__main__":
    django.setup()
    asyncio.run(work(int(sys.argv[1]), int(sys.argv[2])))
