"""Whole runs as the pages start them: the order saga, five services with a database each. Argument: the mode."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

from tests.benchmarks.peers.asked import answer

CUSTOMERS = 4  # threads that start runs, as a web server's would
REFUSAL = {"step": "notify-warehouse", "on": "action", "kind": "decline"}
FAILED = {"orchestration": "compensated", "choreography": "compensated", "none": "abandoned"}


async def main(mode: str) -> None:
    """Answer what is asked."""
    from sagas.runs import create_run
    from tests.benchmarks.peers.working import working

    pool = ThreadPoolExecutor(CUSTOMERS)

    def start(fails: bool) -> Any:
        return create_run(
            {"mode": mode, "orders": 1, "latency_ms": 0, "timeout_ms": 60_000, "faults": [REFUSAL] * fails}
        )

    async with working() as ended:

        async def one(order: str, fails: bool) -> str:
            run = await asyncio.get_running_loop().run_in_executor(pool, start, fails)
            end = await ended(run.pk)
            return "compensated" if fails and end == FAILED[mode] else end

        await answer(one)


if __name__ == "__main__":
    django.setup()
    from sagas.management.ready import prepare_databases

    prepare_databases()
    asyncio.run(main(sys.argv[1]))
