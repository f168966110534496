"""The saga on Durable Task, the engine of Durable Functions: our rules in an orchestrator function, on its backend in memory."""

from __future__ import annotations

from collections.abc import Iterable

from playground.scenario import Scenario
from tests import durable
from tests.conformance.outcome import Outcome, outcome_of


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
