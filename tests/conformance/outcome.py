"""What a saga came to on some engine, in the words in which engines are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagas import catalog
from sagas.entries import Kind, Op

if TYPE_CHECKING:  # who compares an engine loads no driver by it
    from tests.engine import Finished


@dataclass(frozen=True, slots=True)
class Outcome:
    """How every order ended, what was undone for it, and what the services have on file.

    `ends`: the state of each order's saga. `undone`: of each order the names of its compensations, in the
    order in which the services did them. `books`: of each service its rows (order, kind, amount, key).
    """

    ends: dict[str, str]
    undone: dict[str, tuple[str, ...]]
    books: dict[str, list[tuple[str, str, int, str]]]


def outcome_of(finished: Finished) -> Outcome:
    """Return what a run that has come to rest came to, by its services' books and their facts in its journal."""
    definition = catalog.definition(finished.run.definition, finished.run.version)
    services = dict.fromkeys(step.service for step in definition.steps)
    return Outcome(
        ends={saga.order: saga.state for saga in finished.sagas},
        undone={saga.order: _undone(finished, saga.order) for saga in finished.sagas},
        books={
            name: [(row.order, row.kind, row.amount, row.key) for row in catalog.SERVICES[name].ledger(finished.run.pk)]
            for name in services
        },
    )


def _undone(finished: Finished, order: str) -> tuple[str, ...]:
    """Return the compensations that wrote a row, in the order of their commits."""
    definition = catalog.definition(finished.run.definition, finished.run.version)
    done = [e for e in finished.kinds(Kind.EFFECT, op=Op.COMPENSATION) if e.order == order]
    done.sort(key=lambda e: e.detail["at"])
    return tuple(dict.fromkeys(definition.step(e.step).compensation_name for e in done))
