"""The smallest engine elsewhere: one task that runs a loop and calls a desk, in the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from sagas.clock import Clock, SystemClock
from sagas.engines.desk import Desk, asked
from sagas.engines.jobs import Job, Json
from sagas.engines.loop import Loop
from sagas.entries import Entry
from sagas.errors import WorkDied
from sagas.journal import Journal
from sagas.models import Run
from sagas.recovery import waiting_commands
from tests import engine
from tests.engine import Finished, read
from tests.waiting import PATIENCE_SECONDS, watching

POLL_SECONDS = 0.02
ENGINE = "inline"
SYSTEM_CLOCK = SystemClock()


Call = Callable[[Json], Awaitable[dict[str, Any]]]


async def execute(desk: Desk, run: str, call: Call | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
    """Drive a run until it rests, as an engine elsewhere would; what people ask is looked up. `call` makes the calls."""
    told = await desk.begin(run, uuid4().hex)
    if told["over"]:
        return
    loop, now, call = Loop(told), clock.now, call or partial(until_answered, desk)
    calls: dict[asyncio.Task[dict[str, Any]], Job] = {}
    while not loop.rests:
        for job in loop.think(now()):
            calls[asyncio.create_task(call(job.to_json()))] = job
        poll = asyncio.create_task(asyncio.sleep(POLL_SECONDS))
        await asyncio.wait({poll, *calls}, return_when=asyncio.FIRST_COMPLETED)
        for answered in [each for each in calls if each.done()]:
            loop.done(calls.pop(answered), answered.result(), now())
        for command in await asyncio.to_thread(waiting_commands, [run]):
            loop.ask(asked(command))
        poll.cancel()


async def until_answered(desk: Desk, job: Json) -> dict[str, Any]:
    """Return the answer to a job, which is repeated while whoever had it dies."""
    again = False
    while True:
        try:
            return await desk.do(job, again=again)
        except WorkDied:
            again = True


@asynccontextmanager
async def desks(count: int = 1, **options: Any) -> AsyncIterator[list[Desk]]:
    """Desks as so many processes would have them; they share a journal's writer. `options` are a desk's own."""
    book = Journal()
    book.start()
    made = [Desk(book, ENGINE, **options) for _ in range(count)]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield made
    finally:
        for desk in made:
            await desk.close()
        await book.stop()


create = partial(engine.create, engine=ENGINE)


def drive_inline(*runs: Run, before: Callable[[], Any] | None = None, clock: Clock = SYSTEM_CLOCK) -> list[Finished]:
    """Drive runs side by side to their rest. `before` runs in a thread once the engine works."""

    async def go() -> None:
        async with desks(clock=clock) as (desk,):
            driving = asyncio.gather(*(execute(desk, run.pk, clock=clock) for run in runs))
            with watching(lambda: driving.done() and driving.result()):
                await asyncio.gather(driving, *([asyncio.to_thread(before)] if before else []))

    asyncio.run(go())
    return [read(run.pk) for run in runs]


def told(entries: Sequence[Entry], saga: str = "") -> list[tuple[Any, ...]]:
    """Return what a journal says, timing and names of workers aside."""
    return [
        (str(e.lane), str(e.kind), e.order, e.step, e.op, e.attempt, e.key.partition(":")[2], _words(e))
        for e in entries
        if saga in ("", e.saga)
    ]


def _words(entry: Entry) -> dict[str, Any]:
    timing = ("worker", "epoch", "at", "due_at", "deadline_at")
    return {name: value for name, value in entry.detail.items() if name not in timing}
