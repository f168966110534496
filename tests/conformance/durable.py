"""The saga on Durable Task, the engine of Durable Functions: our rules in an orchestrator function, on its backend in memory."""

from __future__ import annotations

from collections.abc import Iterable

from playground.scenario import Scenario
from sagas import catalog
from sagas.entries import Kind, Op
from tests import durable
from tests.conformance.outcome import Outcome
from tests.engine import Finished


class DurableFunctions:
    """The Durable Task SDK with its own backend, driving the same decider as this project's workers."""

    name = "Durable Functions"

    def perform(self, scenario: Scenario) -> Outcome:
        """Return what a scenario comes to: one orchestration for the whole run."""
        (outcome,) = self.perform_all([scenario])
        return outcome

    def perform_all(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Return what several scenarios come to, side by side in one worker."""
        runs = [durable.create(scenario.full()) for scenario in scenarios]
        return [outcome_of(finished) for finished in durable.finish(*runs)]


def outcome_of(finished: Finished) -> Outcome:
    """Return what a run that has come to rest came to."""
    definition = catalog.definition(finished.run.definition, finished.run.version)
    undoing = [entry for entry in finished.kinds(Kind.EFFECT) if entry.op is Op.COMPENSATION]
    return Outcome(
        ends={saga.order: saga.state for saga in finished.sagas},
        undone={
            saga.order: tuple(
                dict.fromkeys(definition.step(e.step).compensation_name for e in undoing if e.order == saga.order)
            )
            for saga in finished.sagas
        },
        books={
            name: [(row.order, row.kind, row.amount, row.key) for row in catalog.SERVICES[name].ledger(finished.run.pk)]
            for name in dict.fromkeys(step.service for step in definition.steps)
        },
    )
