"""The contenders, as a server sees them: who watches, and how one message is told to all of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any, Protocol

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter
from websockets.asyncio.server import ServerConnection, broadcast

from playground import feeds, live
from playground.asgi import application as playground
from playground.feeds import encode
from sagas.databases import atomic
from sagas.entries import Entry, Kind, Lane
from sagas.models import Run
from sagas.runs import create_run, wake
from tests.engine import scenario, working

PADDING = "." * 25  # makes a message of one entry 240 bytes long


class Way(Protocol):
    """`tell(n)` sends the nth message to whoever reads at the place that `begin` returned."""

    async def begin(self) -> str: ...

    def readers(self) -> int: ...

    async def tell(self, n: int) -> None: ...


def entry(n: int) -> Entry:
    """Return the nth entry of a run that never was. `mark` tells its readers which it is and when it was told."""
    detail = {"mark": f"{n}.{time.monotonic_ns()}", "pad": PADDING}
    return Entry(kind=Kind.REPLAYED, lane=Lane.OBSERVER, seq=n, at=time.time_ns() // 1_000_000, detail=detail)


def text(n: int) -> str:
    """Return the message that the hub makes of the nth entry."""
    return encode({"entries": [entry(n).to_json()]})


class HubWay:
    """The product: a run's entries, published as a commit publishes them, and read at the run's own sockets."""

    application: Any = playground

    def __init__(self) -> None:
        self._usual = feeds.FRAMES_PER_MESSAGE
        self._run = ""

    async def begin(self) -> str:
        self._run = (await asyncio.to_thread(create_run, scenario())).pk
        return f"/ws/runs/{self._run}/"

    def readers(self) -> int:
        """How many have joined: from then on they are sent what is published, and the journal has none of it."""
        return sum(task.get_name() == f"watch {self._run}" for task in asyncio.all_tasks())

    async def tell(self, n: int) -> None:
        live.publish(self._run, [entry(n)])

    async def pack(self, frames: int) -> None:
        """Put at most so many frames into a message; 0 is as many as the product does."""
        feeds.FRAMES_PER_MESSAGE = frames or self._usual


class PagesWay(HubWay):
    """The product with its worker, which drives a run once its page is open."""

    def __init__(self) -> None:
        super().__init__()
        self._commits: dict[str, dict[int, float]] = {}
        self._work: asyncio.Task[None] | None = None
        self._wait: Any = None
        self._is_over = asyncio.Event()

    async def hold(self, latency_ms: int) -> dict[str, Any]:
        """Return the id of a new run that waits for `drive`."""
        if self._work is None:
            ready = asyncio.get_running_loop().create_future()
            self._work = asyncio.create_task(self._work_until_over(ready))
            await asyncio.wait([ready, self._work], return_when=asyncio.FIRST_COMPLETED)
            self._wait = await ready if ready.done() else await self._work
        return {"run": await asyncio.to_thread(_held, latency_ms)}

    async def drive(self, run: str) -> dict[str, Any]:
        """Let a run go; return when it is finished, with the moment of each entry's commit, in ms."""
        await Run.objects.filter(pk=run).aupdate(leased_until=0)
        wake(run)
        await self._wait([run])
        return {"commits": self._commits.pop(run)}

    async def end(self) -> None:
        """Stop the worker."""
        self._is_over.set()
        assert self._work is not None
        await self._work

    async def _work_until_over(self, ready: asyncio.Future[Any]) -> None:
        # Who begins to watch a worker also ends it: both are of one task.
        async with working() as (book, _, wait):
            book.listen(live.publish)
            book.listen(self._note)
            ready.set_result(wait)
            await self._is_over.wait()

    def _note(self, run: str, entries: Sequence[Entry]) -> None:
        now = time.time() * 1000
        self._commits.setdefault(run, {}).update((entry.seq, now) for entry in entries)


def _held(latency_ms: int) -> str:
    with atomic("default"):
        run = create_run(scenario(latency_ms=latency_ms, timeout_ms=20_000))
        Run.objects.filter(pk=run.pk).update(leased_until=2**62)
    return run.pk


class Told(AsyncWebsocketConsumer):
    """What the documentation of Channels shows: each socket is a member of the group."""

    async def connect(self) -> None:
        self._group = self.scope["path"].strip("/")
        await self.channel_layer.group_add(self._group, self.channel_name)
        await self.accept()
        StockWay.count += 1

    async def disconnect(self, code: int) -> None:
        StockWay.count -= 1
        await self.channel_layer.group_discard(self._group, self.channel_name)

    async def tell(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


class StockWay:
    """Channels by the book: `group_send` to a group of all sockets."""

    application: Any = ProtocolTypeRouter({"websocket": Told.as_asgi()})
    count = 0

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._group = ""

    async def begin(self) -> str:
        self._group = f"crowd-{next(self._numbers)}"
        return f"/{self._group}"

    def readers(self) -> int:
        return StockWay.count

    async def tell(self, n: int) -> None:
        layer: Any = get_channel_layer()
        await layer.group_send(self._group, {"type": "tell", "text": text(n)})


class BareWay:
    """The ceiling: `websockets.broadcast` to all connections, nothing else in the process."""

    def __init__(self) -> None:
        self._lines: set[ServerConnection] = set()

    async def handle(self, line: ServerConnection) -> None:
        self._lines.add(line)
        try:
            await line.wait_closed()
        finally:
            self._lines.discard(line)

    async def begin(self) -> str:
        return "/"

    def readers(self) -> int:
        return len(self._lines)

    async def tell(self, n: int) -> None:
        broadcast(self._lines, text(n))
