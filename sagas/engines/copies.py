"""A run as one process at a desk knows it: its journal so far, what follows from it, and its wire.

Several processes may work for one run at once, so an entry's place is found when it is written: who
comes second reads what the first one wrote, and tries again. An append is written once for its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from django.db import Error as DatabaseFailed

from sagas import journal
from sagas.clock import Clock, cancel_and_wait, spawn
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane
from sagas.errors import JournalConflict, SagaError
from sagas.journal_sql import Batch
from sagas.models import JournalEntry
from sagas.network import Participant, Wire
from sagas.projection import SagaRow, changed
from sagas.recovery import Loaded
from sagas.state import AT_REST, ENDED, SagaState, evolve
from sagas.tape import Appends, fold

logger = logging.getLogger(__name__)

Database = Callable[..., Awaitable[Any]]
Handled = Sequence[tuple[int, int, str]]


class Copy:
    """One run under one lease. `database(work, *args)` does work of the default database in a thread."""

    def __init__(
        self,
        loaded: Loaded,
        epoch: int,
        definition: SagaDefinition,
        services: Mapping[str, Participant],
        clock: Clock,
        book: Appends,
        database: Database,
    ) -> None:
        self.loaded, self.epoch, self.definition = loaded, epoch, definition
        self._clock, self._book, self._database = clock, book, database
        self.entries: list[Entry] = list(loaded.entries)
        self.states = fold(loaded.entries, loaded.sagas)
        self._is_over = reduce(_over, loaded.entries, False)
        self._turn = asyncio.Lock()
        self._observed: list[Entry] = []
        self._flushing: set[asyncio.Task[None]] = set()
        self.wire = Wire(loaded.plan, definition, services, clock, loaded.run, self._observe)
        self.wire.recall(self.states, self.entries)

    @property
    def last_seq(self) -> int:
        """The `seq` of the last entry that is known here."""
        return self.entries[-1].seq if self.entries else 0

    async def append(self, entries: Sequence[Entry], append_id: str = "", handled: Handled = ()) -> None:
        """Return when entries are durable, each effect once; with an id, as soon as they ever were.

        `handled` is as in `sagas.engines.jobs`. Raises LeaseLost when another execution has the run,
        DatabaseError when it could not be written.
        """
        async with self._turn:
            while True:
                await self.catch_up()
                if append_id and await self.is_written(append_id):
                    return
                batch = self._batch(self._unknown(entries), append_id, handled)
                if not batch.entries and not batch.handled:
                    return
                try:
                    await self._book.append(batch)
                except JournalConflict:
                    if not batch.entries or not await self._is_taken(batch.entries[0].seq):
                        raise  # nobody wrote in between: the database refused it
                    continue
                self._take(batch.entries)
                return

    async def is_written(self, append_id: str) -> bool:
        """Return whether an append of this id is in the journal."""
        return bool(await self._database(_is_written, self.loaded.run, append_id))

    async def catch_up(self) -> None:
        """Learn what others have written; several may do so here at the same time."""
        while more := await self._database(journal.read, self.loaded.run, self.last_seq):
            self._take(more)

    async def flush(self) -> None:
        """Return when all that services reported so far is in the journal. Raises as `append` does."""
        while self._flushing:
            await asyncio.wait(set(self._flushing))
        await self._write_observed()

    async def deliver_late(self, *, at_end: bool = False) -> None:
        """Let the late messages arrive whose time has come, whoever sent them."""
        self.wire.recall(self.states, self.entries)
        for state in list(self.states.values()):
            ended = state.phase in ENDED or (at_end and state.phase in AT_REST)
            await self.wire.deliver_held(state, ended=ended)
        await self.flush()

    async def close(self) -> None:
        """Stop listening to what is under way: whoever goes on finds it in the ledgers."""
        await self.wire.close()
        await cancel_and_wait(*self._flushing)

    def released(self, since: int) -> list[list[Any]]:
        """Return `[seq, step]` of each record that a service let go after an entry."""
        return [
            [e.seq, e.step] for e in self.entries[since:] if e.kind is Kind.LOCK_RELEASED and e.lane is Lane.SERVICE
        ]

    async def _is_taken(self, seq: int) -> bool:
        """Return whether somebody has written the entry of this `seq`."""
        return bool(await self._database(journal.read, self.loaded.run, seq - 1, 1))

    def _observe(self, facts: list[Entry]) -> None:
        """Write what became true at once: whoever watches sees it before the answer arrives."""
        self._observed += facts
        flushing = spawn(self._flush_soon(), f"facts of {self.loaded.run}")
        self._flushing.add(flushing)
        flushing.add_done_callback(self._flushing.discard)

    async def _flush_soon(self) -> None:
        try:
            await self._write_observed()
        except (SagaError, DatabaseFailed) as error:  # kept for `flush`, and in the ledgers in any case
            logger.error("desk.facts-unwritten: %s", error, extra={"run": self.loaded.run})

    async def _write_observed(self) -> None:
        facts, self._observed = self._observed, []
        try:
            await self.append(facts)
        except BaseException:
            self._observed = facts + self._observed
            raise

    def _batch(self, entries: Sequence[Entry], append_id: str, handled: Handled) -> Batch:
        now, last = self._clock.now(), self.last_seq
        placed = [entry.placed(last + n, now) for n, entry in enumerate(entries, 1)]
        is_over, states = self._is_over, dict(self.states)
        for entry in placed:
            is_over = _over(is_over, entry)
            if entry.saga in states:
                states[entry.saga] = evolve(states[entry.saga], entry)
        return Batch(
            run=self.loaded.run,
            epoch=self.epoch,
            entries=placed,
            sagas=self._changed(states, {entry.saga for entry in placed}),
            state="finished" if is_over else "running",
            handled={pk: 0 if no else placed[at].seq if at >= 0 else last for pk, at, no in handled},
            refusals={pk: no for pk, _, no in handled if no},
            append_id=append_id,
        )

    def _changed(self, states: Mapping[str, SagaState], touched: set[str]) -> list[SagaRow]:
        rows = (changed(self.definition, self.states[saga], states[saga]) for saga in states if saga in touched)
        return [row for row in rows if row is not None]

    def _unknown(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return these entries without the effects that the journal has, and the locks that changed hands with them."""
        known = {(e.detail["service"], e.detail["n"]) for e in self.entries if e.kind is Kind.EFFECT}
        found, is_known = list[Entry](), False
        for entry in entries:
            if entry.kind is Kind.EFFECT:
                is_known = (entry.detail["service"], entry.detail["n"]) in known
            elif entry.lane is not Lane.SERVICE or entry.kind not in (Kind.LOCK_ACQUIRED, Kind.LOCK_RELEASED):
                is_known = False
            if not is_known:
                found.append(entry)
        return found

    def _take(self, entries: Sequence[Entry]) -> None:
        """Take entries that follow, each once: somebody else here may have read the same ones meanwhile."""
        fresh = [entry for entry in entries if entry.seq > self.last_seq]
        self.entries += fresh
        for entry in fresh:
            self._is_over = _over(self._is_over, entry)
            if entry.saga in self.states:
                self.states[entry.saga] = evolve(self.states[entry.saga], entry)


def _over(was_over: bool, entry: Entry) -> bool:
    """Return whether a run is finished after an entry; a fact that comes to light later does not reopen it."""
    return entry.kind is Kind.RUN_FINISHED or (was_over and entry.lane is Lane.SERVICE)


def _is_written(run: str, append_id: str) -> bool:
    return JournalEntry.objects.filter(run_id=run, append_id=append_id).exists()
