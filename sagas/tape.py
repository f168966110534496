"""The entries of one run on their way into the journal, and the states that follow from them.

Entries get their `seq` and their time here, in memory, in the order in which they are put;
`commit` makes everything put so far durable in one append. Only the holder of the run's
lease has a tape, and its epoch goes with every append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Protocol

from sagas.clock import Clock
from sagas.definition import SagaDefinition
from sagas.entries import Entry
from sagas.journal_sql import Batch, NewRun
from sagas.leases import Lease
from sagas.projection import SagaRow, changed
from sagas.state import SagaState, evolve

Evolve = Callable[[SagaState, Entry], SagaState]
NewRows = Callable[[int, Sequence[SagaRow]], NewRun]  # by the last `seq` of a first append, and what it changed


class Appends(Protocol):
    """What a tape needs of a journal: see `sagas.journal.Journal.append`."""

    def append(self, batch: Batch) -> asyncio.Future[None]: ...


class Tape:
    """States by saga id, entries placed and not yet submitted, and appends under way.

    `rule` says what follows from an entry: `evolve`, unless nobody drives.
    """

    def __init__(
        self,
        journal: Appends,
        lease: Lease,
        clock: Clock,
        definition: SagaDefinition,
        states: Mapping[str, SagaState],
        last_seq: int,
        rule: Evolve = evolve,
    ) -> None:
        self._journal, self._lease, self._clock, self._definition = journal, lease, clock, definition
        self._rule = rule
        self.states = dict(states)
        self.last_seq = last_seq
        self.submitted_seq = last_seq
        self._waiting: list[Entry] = []
        self._handled: dict[int, int] = {}
        self._refusals: dict[int, str] = {}
        self._told = dict(states)  # what the rows of sagas and steps say
        self._under_way: list[asyncio.Future[None]] = []
        self.is_released = False

    def put(self, entries: Iterable[Entry], after: SagaState | None = None) -> None:
        """Place entries and fold them into the states. `after`: what they make of the one saga that they are all of."""
        now = self._clock.now()
        for entry in entries:
            self.last_seq += 1
            placed = entry.placed(self.last_seq, now)
            self._waiting.append(placed)
            if after is None and placed.saga in self.states:
                self.states[placed.saga] = self._rule(self.states[placed.saga], placed)
        if after is not None:
            self.states[after.saga] = after

    def handle(self, command: int, refusal: str = "") -> None:
        """Mark a command as obeyed by the last entry, or as refused; committed with what waits."""
        self._handled[command] = 0 if refusal else self.last_seq
        if refusal:
            self._refusals[command] = refusal

    def submit(self, run_state: str = "running", rows: NewRows | None = None) -> None:
        """Send everything put so far to the journal without waiting for it.

        The end of a run gives its lease back. `rows` are those of a run that is not stored yet.
        """
        if not self._waiting and not self._handled:
            return
        self.is_released = run_state == "finished" and bool(self._waiting)
        changes = self._changed_rows()
        batch = Batch(
            run=self._lease.run,
            epoch=self._lease.epoch,
            entries=self._waiting,
            sagas=() if rows else changes,
            state=run_state,
            handled=self._handled,
            refusals=self._refusals,
            new=rows(self.last_seq, changes) if rows else None,
            releases=self.is_released,
        )
        self._waiting, self._handled, self._refusals = [], {}, {}
        self.submitted_seq = self.last_seq
        self._under_way = [append for append in self._under_way if not append.done() or append.exception()]
        self._under_way.append(self._journal.append(batch))

    async def commit(self, run_state: str = "running", rows: NewRows | None = None) -> None:
        """Return when everything put so far is durable. The arguments are those of `submit`.

        Raises what `Journal.append` fails with; then nothing more of this tape is written.
        """
        self.submit(run_state, rows)
        for append in list(self._under_way):
            if not append.done():
                await asyncio.shield(append)
            append.result()

    def _changed_rows(self) -> list[SagaRow]:
        changes = []
        for saga in {entry.saga for entry in self._waiting if entry.saga in self.states}:
            row = changed(self._definition, self._told[saga], self.states[saga])
            self._told[saga] = self.states[saga]
            if row is not None:
                changes.append(row)
        return changes


def fold(entries: Iterable[Entry], sagas: Mapping[str, str], rule: Evolve = evolve) -> dict[str, SagaState]:
    """Return the state of each saga (`sagas` maps ids to orders) after these entries."""
    states = {saga: SagaState(saga=saga, order=order) for saga, order in sagas.items()}

    def step(folded: dict[str, SagaState], entry: Entry) -> dict[str, SagaState]:
        if entry.saga in folded:
            folded[entry.saga] = rule(folded[entry.saga], entry)
        return folded

    return reduce(step, entries, states)
