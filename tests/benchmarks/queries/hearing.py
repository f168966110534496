"""What is asked of the databases while a block runs, by whichever thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from tests.benchmarks.queries.plans import GROWS, STATEMENT, Statement, explained


@dataclass
class Heard:
    """The statements in order. `count` has also those that touch nothing that grows."""

    count: int = 0
    statements: list[Statement] = field(default_factory=list)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        if STATEMENT.match(sql) and GROWS.search(sql):
            first = params[0] if many and params else params
            self.statements.append(explained(context["connection"], sql, first))
        return execute(sql, params, many, context)


@contextmanager
def hearing() -> Iterator[Heard]:
    """Yield what is heard of this thread's connections, and of those that any thread opens meanwhile."""
    heard = Heard()

    def listen(connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(heard)

    connection_created.connect(listen)
    with ExitStack() as listening:
        for connection in connections.all():
            if connection.connection is not None:
                connection.execute_wrappers.append(heard)
            listening.callback(_forget, connection, heard)
        try:
            yield heard
        finally:
            connection_created.disconnect(listen)


def _forget(connection: Any, heard: Heard) -> None:
    connection.execute_wrappers[:] = [each for each in connection.execute_wrappers if each is not heard]
