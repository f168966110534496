"""The saga on Temporal: this project's loop as a workflow of a real server, its jobs as activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext

from playground.scenario import Scenario
from sagas import catalog
from sagas.entries import Entry, Kind, Op
from tests.conformance.outcome import Outcome
from tests.engine import Finished
from tests.temporal import Temporal, create, drive_temporal

SPARE = (
    100  # workflows that a worker keeps in mind beside those of a go: the server for tests waits for one that it forgot
)


class OnTemporal:
    """`server` is one that runs already; without it each `perform` has one of its own. Needs open databases."""

    name = "Temporal"

    def __init__(self, server: Temporal | None = None) -> None:
        self._server = server

    def perform(self, scenario: Scenario) -> Outcome:
        """Return what a scenario comes to."""
        (outcome,) = self.perform_all([scenario])
        return outcome

    def perform_all(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Return what several scenarios come to, side by side in one worker."""
        with nullcontext(self._server) if self._server else Temporal() as server:
            runs = [create(scenario.full()) for scenario in scenarios]
            return [outcome_of(finished) for finished in drive_temporal(server, *runs, cached=SPARE + len(runs))]


def outcome_of(finished: Finished) -> Outcome:
    """Return what a run came to, by its services' books and their facts in its journal."""
    definition = catalog.definition(finished.run.definition, finished.run.version)
    names = {step.name: step.compensation_name for step in definition.steps}
    return Outcome(
        ends={saga.order: saga.state for saga in finished.sagas},
        undone={saga.order: _undone(finished.entries, saga.order, names) for saga in finished.sagas},
        books={
            service: [
                (row.order, row.kind, row.amount, row.key) for row in catalog.SERVICES[service].ledger(finished.run.pk)
            ]
            for service in dict.fromkeys(step.service for step in definition.steps)
        },
    )


def _undone(entries: Sequence[Entry], order: str, names: dict[str, str]) -> tuple[str, ...]:
    """Return the compensations that wrote a row, in the order of their commits."""
    done = [e for e in entries if e.kind is Kind.EFFECT and e.op is Op.COMPENSATION and e.order == order]
    return tuple(dict.fromkeys(names[e.step] for e in sorted(done, key=lambda e: e.detail["at"])))
