"""What every kind of fuzzing finds here: runs to ask for, and databases that are as strict as any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections

from playground import imported, imports, links
from playground.scenario import Scenario
from tests.engine import drive, scenario
from tests.integration.addresses import HISTORY
from tests.integration.admin import stuck_run


@dataclass(frozen=True)
class Shelf:
    """What there is to ask for: runs that are over, one that waits for a person, a short link, and a history."""

    runs: list[str]
    stuck: str
    slug: str
    history: str

    @property
    def sagas(self) -> list[str]:
        return [f"{run}-{n}" for run in self.runs for n in (1, 2)]


@pytest.fixture(scope="module")
def shelf(engine_databases: None) -> Shelf:
    """Return runs of every mode, made once for each module: others may have emptied the tables in between."""
    two = scenario(orders=2, stock=1, mode="choreography")
    runs = [each.run.pk for each in drive(scenario(), scenario(saga="trip"), two, scenario(mode="none"))]
    stuck = stuck_run().run.pk
    history = imported.keep(imports.read("asl", HISTORY.read_text()))
    return Shelf([*runs, stuck], stuck, links.keep(Scenario(seed=77)).rstrip("/").rpartition("/")[2], history)


@pytest.fixture
def strict_databases(engine_databases: None) -> Iterator[None]:
    """Has every database refuse the text that PostgreSQL refuses: one with a NUL in it."""

    def refuse(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        given = params if isinstance(params, list | tuple) else ()
        if any(isinstance(value, str) and "\0" in value for value in given):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        return execute(sql, params, many, context)

    with ExitStack() as wrapped:
        for connection in connections.all():
            wrapped.enter_context(connection.execute_wrapper(refuse))
        yield
