"""A service with somebody in front of its door: who looks at every delivery, stops one, or slams the door."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sagas import catalog
from sagas.definition import Handler
from sagas.entries import Op
from sagas.services.base import Answer, Call, Row, Service

PATIENCE = 60  # seconds


class Meddled:
    """A service for one worker. `before` sees a call before the service does, `after` once it has committed."""

    def __init__(
        self,
        name: str,
        before: Callable[[Call], None] = lambda call: None,
        after: Callable[[Call], None] = lambda call: None,
    ) -> None:
        self.service: Service = catalog.SERVICES[name]
        self.executor = ThreadPoolExecutor(1, thread_name_prefix=f"meddled-{name}")
        self.answers: list[Answer] = []
        self._before, self._after = before, after

    def looks_first(self, handler: Handler, lock: str) -> bool:
        return self.service.looks_first(handler, lock)

    def look(self, handler: Handler, call: Call) -> Any:
        return self.service.look(handler, call)

    def deliver(self, handler: Handler, call: Call, seen: Any = None) -> Answer:
        self._before(call)
        self.answers.append(self.service.deliver(handler, call, seen))
        self._after(call)
        return self.answers[-1]

    def ledger(self, world: str, after: int = 0) -> list[Row]:
        return self.service.ledger(world, after)

    def close(self) -> None:
        """End the thread and its connection once what is under way has ended."""
        self.executor.submit(self.service._leave_database)
        self.executor.shutdown()


class Door(Meddled):
    """A service that lets calls of one direction wait at its door from the first one on, until `open` is set."""

    def __init__(self, name: str, op: Op = Op.ACTION) -> None:
        super().__init__(name, before=self._hold)
        self.entered, self.open = threading.Event(), threading.Event()
        self._op = op

    def _hold(self, call: Call) -> None:
        if call.op is self._op:
            self.entered.set()
            assert self.open.wait(PATIENCE), "nobody opened the door"


def with_one(meddled: Meddled) -> dict[str, Any]:
    """Return all services by name, one of them meddled with."""
    return {**catalog.SERVICES, meddled.service.name: meddled}
