"""DBOS: a workflow of five steps in one process. Arguments: the URL of its database, and `sync` or `async`."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from dbos import DBOS, DBOSConfig

from tests.benchmarks.peers.asked import REFUSED, STEPS, UNDONE, answer

THREADS = 100


class Refused(Exception):
    """The step says no."""


@DBOS.step()
def act(step: str, fails: bool) -> str:
    if fails and step == REFUSED:
        raise Refused
    return step


@DBOS.step()
def undo(step: str) -> str:
    return step


@DBOS.workflow()
def saga(order: str, fails: bool) -> str:
    try:
        for step in STEPS:
            act(step, fails)
    except Refused:
        for step in UNDONE:
            undo(step)
        return "compensated"
    return "completed"


@DBOS.step()
async def act_async(step: str, fails: bool) -> str:
    if fails and step == REFUSED:
        raise Refused
    return step


@DBOS.step()
async def undo_async(step: str) -> str:
    return step


@DBOS.workflow()
async def saga_async(order: str, fails: bool) -> str:
    try:
        for step in STEPS:
            await act_async(step, fails)
    except Refused:
        for step in UNDONE:
            await undo_async(step)
        return "compensated"
    return "completed"


def main(url: str, way: str) -> None:
    """Answer what is asked, by the synchronous or the asynchronous face of DBOS."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    config: DBOSConfig = {"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False}
    DBOS(config=config)
    DBOS.launch()
    pool = ThreadPoolExecutor(THREADS)

    async def in_thread(order: str, fails: bool) -> str:
        return await asyncio.get_running_loop().run_in_executor(pool, saga, order, fails)

    asyncio.run(answer(saga_async if way == "async" else in_thread))
    DBOS.destroy()


if __name__ == "__main__":
    main(*sys.argv[1:])
