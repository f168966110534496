"""A saga whose definition this process does not have waits for a person: it is never guessed at."""

from __future__ import annotations

from sagas.entries import Entry, Kind, Lane
from sagas.journal import Batch, Journal
from sagas.leases import Lease
from sagas.projection import SagaRow
from sagas.recovery import Loaded, first_entries
from sagas.state import AT_REST
from sagas.tape import fold


async def strand(journal: Journal, lease: Lease, loaded: Loaded, now: int, reason: str) -> None:
    """Stop every saga of a run that could still move as `needs-operator`, and finish the run."""
    begun = list(loaded.entries) or first_entries(loaded, now)
    states = fold(begun, loaded.sagas)
    moving = [state for state in states.values() if state.phase not in AT_REST]
    facts = [] if loaded.entries else begun
    facts += [
        Entry(kind=Kind.SAGA_NEEDS_OPERATOR, saga=state.saga, order=state.order, detail={"reason": reason})
        for state in moving
    ]
    if begun[-1].kind is not Kind.RUN_FINISHED:
        facts.append(Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER))
    last = loaded.entries[-1].seq if loaded.entries else 0
    placed = [fact.placed(last + n, now) for n, fact in enumerate(facts, 1)]
    rows = [SagaRow(saga=s.saga, state="needs-operator", cause=s.cause, steps=()) for s in moving]
    handled = {command.pk: 0 for command in loaded.commands}
    refusals = {command.pk: reason for command in loaded.commands}
    await journal.append(
        Batch(
            run=lease.run,
            epoch=lease.epoch,
            entries=placed,
            sagas=rows,
            state="finished",
            handled=handled,
            refusals=refusals,
        )
    )
