"""The saga on Step Functions: the exported machine, really executed, its tasks calling the services over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from playground import step_functions
from playground.scenario import Scenario
from playground.step_functions import run_locally, task
from playground.step_functions.machine import ENDS, FUNCTION
from playground.step_functions.run_locally import Execution
from sagas import catalog
from tests.conformance.outcome import Outcome
from tests.door import TOKEN, Door, opened

AT_ONCE = 4  # sagas: an interpreter and its services in one process, and none of them may be late by chance


class StepFunctions:
    """Amazon States Language, executed by moto's interpreter."""

    name = "Step Functions"

    def perform(self, scenario: Scenario) -> Outcome:
        """Return what a scenario comes to: one execution an order, all at once."""
        (outcome,) = self.perform_all([scenario])
        return outcome

    def perform_all(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Return what several scenarios come to, a few at a time side by side."""
        return [performed.outcome for performed in perform_all(scenarios)]


class Performed:
    """One scenario that was performed: what came of it, and every event of every execution."""

    def __init__(
        self, scenario: Scenario, world: str, executions: Sequence[Execution], books: Mapping[str, Any]
    ) -> None:
        self.world, self.executions = world, executions
        self.ledgers = {name: book["ledger"] for name, book in books.items()}
        self.facts = {name: value for book in books.values() for name, value in book["facts"].items()}
        self.pending = [row for book in books.values() for row in book["pending"]]
        self._compensations = [step.compensation_name for step in catalog.definition(scenario.saga).steps]

    @property
    def outcome(self) -> Outcome:
        rows = [row for ledger in self.ledgers.values() for row in ledger]
        return Outcome(
            ends={one.order: one.end for one in self.executions},
            undone={one.order: self._undone(one.order, rows) for one in self.executions},
            books={
                name: [(row["order"], row["kind"], row["amount"], row["key"]) for row in ledger]
                for name, ledger in self.ledgers.items()
            },
        )

    def _undone(self, order: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return the compensations that wrote a row, in the order of their commits."""
        keys = {f"saga:{order}:{name}": name for name in self._compensations}
        written = sorted((row["at"], row["key"]) for row in rows if row["key"] in keys)
        return tuple(dict.fromkeys(keys[key] for _, key in written))


def perform_all(scenarios: Iterable[Scenario]) -> list[Performed]:
    """Return what several scenarios come to, a few at a time side by side: they wait more than they compute."""
    with opened() as door, _services_at(door), run_locally.platform(functions()) as (client, role):
        machines: dict[str, str] = {}

        def perform(scenario: Scenario) -> Performed:
            world = run_locally.ask("POST", "worlds", scenario.full())
            begun = run_locally.start(client, machines[_machine(scenario)], run_locally.inputs_of(world))
            return _performed(scenario, world["world"], [run_locally.wait(client, *one) for one in begun])

        asked = list(scenarios)
        for machine in dict.fromkeys(map(_machine, asked)):  # what goes wrong is no part of a machine
            machines[machine] = run_locally.create(client, role, machine, f"saga-{len(machines)}")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(perform, asked))


def _machine(scenario: Scenario) -> str:
    return step_functions.files(scenario)["machine.asl.json"]


def functions() -> dict[str, Any]:
    """Return the task functions by the names that the machine calls them."""
    return {FUNCTION.format(name): task.handler_for(name) for name in catalog.SERVICES}


def _performed(scenario: Scenario, world: str, executions: Sequence[Execution]) -> Performed:
    assert all(one.end in ENDS for one in executions), [one.end for one in executions]
    run_locally.ask("POST", f"worlds/{world}/close", {})
    return Performed(scenario, world, executions, run_locally.ask("GET", f"worlds/{world}")["books"])


@contextmanager
def _services_at(door: Door) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("SERVICES_URL", "SERVICES_TOKEN")}
    os.environ.update(SERVICES_URL=door.url, SERVICES_TOKEN=TOKEN)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
