"""`python -m tests.benchmarks.stream.serving WAY SERVER`: a server that tells its readers messages when asked to.

Commands come as JSON, one a line, on standard input, and answers go to standard output:
`begin` a place to read at; `readers`: wait until so many are there; `burst`: as many messages as there is credit
for, for so long; `steady`: so many, so many a second; `credit`: all readers have the messages up to this one;
`lose`: take the next message for told; `memory`: resident kilobytes; anything else is a method of the way.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import django

READY = "port"
NO_PINGS = 3600  # seconds: a crowd that waits for its turn answers none


class Feeder:
    """Obeys the commands. `tasks` are those under way."""

    def __init__(self, way: Any) -> None:
        self._way = way
        self._told = self._credit = 0
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def obey(self) -> None:
        """Read commands until there are no more: then whoever asked is gone."""
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            command = json.loads(line)
            if credit := command.get("credit"):
                self._credit = credit
                self._more.set()
            else:
                self._task = asyncio.create_task(self._do(**command))

    async def _do(self, do: str, **how: Any) -> None:
        obey = getattr(self, f"_{do}", None) or getattr(self._way, do)
        try:
            say(await obey(**how) or {})
        except Exception as error:
            say({"error": repr(error)})
            raise

    async def _begin(self) -> dict[str, Any]:
        self._told = self._credit = 0
        return {"path": await self._way.begin()}

    async def _readers(self, count: int) -> None:
        while self._way.readers() != count:
            await asyncio.sleep(0.02)

    async def _burst(self, seconds: float, window: int) -> dict[str, Any]:
        began = time.monotonic_ns()
        until = began + seconds * 1e9
        while time.monotonic_ns() < until:
            while self._told - self._credit >= window:
                self._more.clear()
                await self._more.wait()
            await self._tell()
            await asyncio.sleep(0)
        return {"told": self._told, "began": began}

    async def _steady(self, rate: float, count: int) -> dict[str, Any]:
        began = time.monotonic()
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            await self._tell()
        return {"told": self._told}

    async def _lose(self) -> None:
        self._told += 1

    async def _memory(self) -> dict[str, Any]:
        found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
        assert found
        return {"kb": int(found[1])}

    async def _tell(self) -> None:
        self._told += 1
        await self._way.tell(self._told)


def say(answer: dict[str, Any]) -> None:
    """Answer whoever asked."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def daphne(way: Any) -> None:
    """Serve on Daphne: the product on its own one, as `manage.py play` does."""
    from daphne.server import Server as Stock
    from twisted.internet import reactor

    from playground.webserver import Server as Own
    from tests.benchmarks.stream.ways import HubWay

    loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop
    asyncio.set_event_loop(loop)
    tasks: list[asyncio.Task[None]] = []

    async def obey() -> None:
        await Feeder(way).obey()
        server.stop()

    def ready() -> None:
        say({READY: server.listening_addresses[0][1]})
        tasks.append(loop.create_task(obey()))

    made = Own if isinstance(way, HubWay) else Stock
    server = made(
        way.application, ["tcp:port=0:interface=127.0.0.1"], ready_callable=ready, verbosity=0, ping_interval=NO_PINGS
    )
    server.run()


def uvicorn(way: Any) -> None:
    """Serve on uvicorn, on the same event loop as Daphne's."""
    from uvicorn import Config, Server

    async def serve() -> None:
        server = Server(
            Config(way.application, port=0, loop="asyncio", lifespan="off", log_level="warning", ws_ping_interval=None)
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        say({READY: server.servers[0].sockets[0].getsockname()[1]})
        await Feeder(way).obey()
        server.should_exit = server.force_exit = True
        await serving

    asyncio.run(serve())


def websockets(way: Any) -> None:
    """Serve with `websockets` alone."""
    from websockets.asyncio.server import serve as listen

    async def serve() -> None:
        async with listen(way.handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            say({READY: server.sockets[0].getsockname()[1]})
            await Feeder(way).obey()

    asyncio.run(serve())


def main(way: str, server: str = "") -> None:
    """Serve until standard input ends; with `prepare`, only make the databases."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
    django.setup()
    if way == "prepare":
        from sagas.management.ready import prepare_databases

        return prepare_databases()
    from tests.benchmarks.stream import ways

    made = {"hub": ways.HubWay, "pages": ways.PagesWay, "stock": ways.StockWay, "bare": ways.BareWay}[way]()
    {"daphne": daphne, "uvicorn": uvicorn, "websockets": websockets}[server](made)


if __name__ == "__main__":
    main(*sys.argv[1:])
