"""This engine: `SagaDefinition.start`, the real journal and worker, and participants that do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

import django

from tests.benchmarks.peers.asked import REFUSED, STEPS, answer


class Idle:
    """A participant that does nothing and remembers nothing."""

    def __init__(self, name: str) -> None:
        self.name, self.executor = name, None  # it never blocks

    def seed(self, world: str, *, orders: Sequence[str], stock: int, keep_back: int = 0) -> None:
        """Nothing is needed for a run."""

    def looks_first(self, handler: Any, lock: str) -> bool:
        return False

    def look(self, handler: Any, call: Any) -> Any:
        raise NotImplementedError

    def deliver(self, handler: Any, call: Any, seen: Any = None) -> Any:
        return handler(call)

    def ledger(self, world: str, after: int = 0) -> list[Any]:
        return []


@cache
def definition() -> Any:
    """Return the saga of five steps, known to this process with all that it needs."""
    from sagas import SagaDefinition, Step, catalog
    from sagas.services.calls import Verdict, done, negative

    did, refused = done({}), negative(Verdict.REFUSED, 409, "refused")

    def act(call: Any) -> Any:
        return did

    def notify(call: Any) -> Any:
        return refused if call.body["fails"] else did

    steps = [
        Step(
            name,
            service=f"bench-{name}",
            action=notify if name == REFUSED else act,
            compensation=act,
            compensation_name=f"undo-{name}",
        )
        for name in STEPS
    ]
    catalog.SERVICES.update({step.service: Idle(step.service) for step in steps})  # type: ignore[attr-defined]
    return SagaDefinition("bench", steps=steps)


async def main() -> None:
    """Answer what is asked."""
    from tests.benchmarks.peers.working import working

    bench = definition()
    async with working() as ended:

        async def one(order: str, fails: bool) -> str:
            saga = await bench.start(key=order, payload={"fails": fails})
            return await ended(saga.run_id)

        await answer(one)


if __name__ == "__main__":
    django.setup()
    from sagas.management.ready import prepare_databases

    prepare_databases()
    asyncio.run(main())
