"""How a contender is asked: one JSON object a line on its standard input, one as the answer on its standard output.

    {"sagas": 200, "at_once": 16, "fails": false}  ->  {"seconds": 0.81, "latencies_ms": [4.1, …]}

It says `{"ready": …}` first and ends with its input. Needs nothing but the standard library,
as each contender lives in the environment of what it measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Any

STEPS = ("reserve", "order", "charge", "notify", "book")
REFUSED = "notify"  # the step that refuses where a saga is to fail
UNDONE = ("charge", "order", "reserve")

One = Callable[[str, bool], Awaitable[str]]
Measure = Callable[[int, int, bool], Awaitable[dict[str, Any]]]

_orders = count(1)


async def answer(one: One) -> None:
    """Answer until the input ends. `one(order, fails)` runs one saga and returns how it ended."""
    await answer_by(partial(measured, one))


async def answer_by(measure: Measure) -> None:
    """Answer with what `measure(sagas, at_once, fails)` returns until the input ends."""
    _say({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        _say(await measure(asked["sagas"], asked["at_once"], asked["fails"]))


async def measured(one: One, sagas: int, at_once: int, fails: bool) -> dict[str, Any]:
    """Return how long `sagas` took, `at_once` at any time: each ends before its customer starts the next."""
    waiting, latencies = iter(range(sagas)), list[float]()
    expected = "compensated" if fails else "completed"

    async def customer() -> None:
        for _ in waiting:
            began = time.perf_counter()
            ended = await one(f"order-{os.getpid()}-{next(_orders)}", fails)
            latencies.append((time.perf_counter() - began) * 1000)
            if ended != expected:
                raise RuntimeError(f"a saga ended as {ended!r} and not as {expected!r}")

    began = time.perf_counter()
    await asyncio.gather(*(customer() for _ in range(min(at_once, sagas))))
    return {"seconds": time.perf_counter() - began, "latencies_ms": latencies}


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
