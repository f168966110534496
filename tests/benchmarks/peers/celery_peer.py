"""Celery: a chain of five tasks on Redis, one worker process, no journal. Argument: the URL of Redis.

`celery_peer.py worker URL` is the worker, which the other one starts.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from celery import Celery, chain

from tests.benchmarks.peers.asked import REFUSED, STEPS, UNDONE, answer

THREADS = 100
PATIENCE_SECONDS = 120

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(broker_connection_retry_on_startup=True, worker_prefetch_multiplier=64, result_expires=600)


class Refused(Exception):
    """The step says no."""


@app.task(name="act", throws=(Refused,))
def act(before: str, step: str, fails: bool) -> str:
    if fails and step == REFUSED:
        raise Refused(step)
    return step


@app.task(name="undo")
def undo(before: str, step: str) -> str:
    return step


def saga(order: str, fails: bool) -> str:
    forward = chain(act.si("", STEPS[0], fails), *(act.s(step, fails) for step in STEPS[1:]))
    try:
        forward.apply_async().get(timeout=PATIENCE_SECONDS)
    except Refused:
        chain(undo.si("", UNDONE[0]), *(undo.s(step) for step in UNDONE[1:])).apply_async().get(
            timeout=PATIENCE_SECONDS
        )
        return "compensated"
    return "completed"


def main() -> None:
    """Start the worker, then answer what is asked; end the worker."""
    worker = subprocess.Popen([sys.executable, "-m", __spec__.name, "worker"], stdout=subprocess.DEVNULL)
    try:
        app.connection_for_write().ensure_connection(max_retries=20)
        while not app.control.ping(timeout=1.0):
            assert worker.poll() is None, "the worker ended"
        pool = ThreadPoolExecutor(THREADS)

        async def in_thread(order: str, fails: bool) -> str:
            return await asyncio.get_running_loop().run_in_executor(pool, saga, order, fails)

        asyncio.run(answer(in_thread))
    finally:
        worker.terminate()
        worker.wait(30)


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        # Without these three, workers talk of each other for longer than they work.
        app.worker_main(["worker", "-P", "solo", "-l", "ERROR", "--without-gossip", "--without-mingle"])
    else:
        main()
