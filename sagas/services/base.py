"""A participant: it answers one delivery in one transaction of its own database.

`Service.deliver` is the heart of this room. Around it: `calls` (what is asked and
answered), `answers` (one key, one answer), `barrier` (which direction came first),
`ledger` (every effect is a row) and `locks` (records that are PENDING).
The order of locks is always: the key, the world's row, everything else.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from django.db import connections, models

from sagas.databases import atomic, mend
from sagas.definition import Handler
from sagas.errors import ServiceMisused
from sagas.services import answers, ledger, sql
from sagas.services.answers import Kept
from sagas.services.barrier import Passage, pass_through
from sagas.services.calls import Answer, Around, Call, Queued, Refused, Row, Served, Verdict, done, negative
from sagas.services.events import dashed
from sagas.services.models import BarrierRow, InboxRow, LedgerRow, OutboxRow, StoredAnswer, WorldRow, drop

__all__ = ["Answer", "Call", "Delivery", "Halves", "Queued", "Refused", "Row", "Service", "Verdict"]


class Delivery:
    """What a handler gets: the call, and the pen for this service's ledger.

    A handler is a plain function of one delivery; what it returns is the answer's body.
    It raises Refused to say no and Queued to have its caller wait.
    """

    def __init__(self, call: Call, rows: type[LedgerRow]) -> None:
        self.call = call
        self.written: list[Row] = []
        self._rows = rows

    @property
    def world(self) -> str:
        return self.call.world

    @property
    def order(self) -> str:
        return self.call.order

    @property
    def body(self) -> Mapping[str, Any]:
        return self.call.body

    def write(self, kind: str, amount: int, record: str = "", lock: str = "", *, undoes: Row | None = None) -> Row:
        """Return the ledger row that was added; `undoes` is the standing row that it takes back."""
        taken_back = undoes.n if undoes else None
        row = ledger.append(
            self._rows, self.call, kind=kind, amount=amount, record=record, lock=lock, undoes=taken_back
        )
        self.written.append(row)
        return row

    def standing(self) -> list[Row]:
        """Return the effects of this step's action that no row takes back, oldest first."""
        return ledger.standing(self._rows, self.call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """A handler that reads first and writes later, in place of another one where a call's lock is among `locks`.

    `look` returns what it saw, never None; `act` writes by it, whatever became of it in between.
    """

    look: Callable[[Delivery], Any]
    act: Callable[[Delivery, Any], dict[str, Any]]
    locks: Collection[str]


class Service:
    """A service with a database of its own: `name` is app label and database alias.

    `around`, where there is one, is called with what is served and the work, and returns the work's answer.
    """

    name: ClassVar[str]
    worlds: ClassVar[type[WorldRow]]
    ledger_rows: ClassVar[type[LedgerRow]]
    stored_answers: ClassVar[type[StoredAnswer]]
    marks: ClassVar[type[BarrierRow]]
    inbox: ClassVar[type[InboxRow]]
    outbox: ClassVar[type[OutboxRow]]
    records: ClassVar[tuple[type[models.Model], ...]] = ()
    halves: ClassVar[Mapping[Handler, Halves]] = {}

    def __init__(self) -> None:
        self.around: Around | None = None
        self._guard = threading.Lock()
        self._executor: Executor | None = None

    def looks_first(self, handler: Handler, lock: str) -> bool:
        """Return whether a call with this lock has a first half, to be made with `look`."""
        return handler in self.halves and lock in self.halves[handler].locks

    def look(self, handler: Handler, call: Call) -> Any:
        """Return what the first half of a handler sees, for `deliver`. Nothing is written and nothing is kept."""
        mend(self.name)
        with atomic(self.name):
            return self.halves[handler].look(Delivery(call, self.ledger_rows))

    def deliver(self, handler: Handler, call: Call, seen: Any = None) -> Answer:
        """Return what came of one delivery of one call. Safe from any thread.

        Key, barrier, effect and stored answer are one transaction: if any of them cannot
        be written, the exception is the caller's and nothing has happened. `seen` is what
        `look` returned before; without it a handler that looks first does so in here.
        """
        return self.serve(handler, call, partial(self.carry_out, handler, call, seen))

    def serve(self, handler: Handler, call: Call, work: Callable[[], Answer], told: str = "") -> Answer:
        """Return the answer of `work`, done within `around` where a call belongs to a span.

        `told` is the span in which the event was said that is answered, "" for a call.
        """
        if self.around is None or not call.traceparent:
            return work()
        return self.around(Served(self.name, dashed(handler), call, told), work)

    def carry_out(self, handler: Handler, call: Call, seen: Any = None) -> Answer:
        """Return what `deliver` returns; nobody looks on."""
        if self.looks_first(handler, call.lock):
            handler = partial(_look_and_act, self.halves[handler], seen)
        with answers.alone(self.name, call) as alone:
            if not alone:
                return _in_progress()
            mend(self.name)
            with atomic(self.name):
                return self._answer(handler, call)

    def _answer(self, handler: Handler, call: Call) -> Answer:
        if not answers.alone_in_database(self.name, call):
            return _in_progress()
        if not self._hold_world(call.world):
            raise ServiceMisused(f"{self.name} has no world {call.world!r}: seed it first")
        if call.idempotency and (stored := answers.recall(self.stored_answers, call)):
            return stored
        passage = Passage.OPEN if call.op is None else pass_through(self.marks, call)
        if passage is Passage.FENCED:
            return negative(Verdict.FENCED, 410, "its compensation has been here")
        answer = done({"empty": True}) if passage is Passage.EMPTY else self._handle(handler, call)
        if not call.idempotency or answer.verdict is Verdict.QUEUED:
            return answer
        return answers.keep(self.stored_answers, call, answer)

    def _handle(self, handler: Handler, call: Call) -> Answer:
        """Return the handler's answer. A refusal takes back all that the handler wrote."""
        delivery = Delivery(call, self.ledger_rows)
        try:
            with atomic(self.name):
                return _run(handler, delivery)
        except Refused as no:
            return negative(Verdict.REFUSED, no.status, no.reason, no.record, no.owner)

    def _hold_world(self, world: str) -> bool:
        """Return whether the service has this world; its row is then locked until the transaction ends."""
        lock = "FOR UPDATE" if connections[self.name].features.has_select_for_update else ""
        return bool(sql.run(self.worlds, f"SELECT world FROM {{table}} WHERE world = %s {lock}", [world]))

    def seed(self, world: str, *, orders: Sequence[str], stock: int, keep_back: int = 0) -> None:
        """Give a world its share of this service; a world that has it is left as it is.

        `keep_back` is how many of the `stock` units the service does not sell.
        """
        with atomic(self.name):
            _, new = self.worlds._default_manager.get_or_create(pk=world)
            if new:
                self.furnish(world, orders, stock)
                self.hold_back(world, keep_back)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        """Add the records that a new world begins with."""

    def hold_back(self, world: str, units: int) -> None:
        """Change the rule by which units are sold: this many are not for sale."""

    def ledger(self, world: str, after: int = 0) -> list[Row]:
        """Return the ledger rows of a world with a number above `after`, in order."""
        mend(self.name)
        return ledger.read(self.ledger_rows, world, after)

    def answers(self, world: str) -> list[Kept]:
        """Return what is stored under each key of a world, oldest first."""
        return answers.read(self.stored_answers, world)

    def pending(self, world: str) -> list[dict[str, str]]:
        """Return `{"record", "owner"}` of every record that is neither free nor final."""
        return []

    def facts(self, world: str) -> dict[str, int]:
        """Return this service's share of a run's facts, from its own tables, as of one moment."""
        with atomic(self.name):
            self._hold_world(world)
            return self.count(world)

    def count(self, world: str) -> dict[str, int]:
        """Return the facts; nothing changes while they are counted."""
        raise NotImplementedError

    def forget(self, *worlds: str) -> None:
        """Drop all that this service has of some worlds."""
        with atomic(self.name):
            own = (self.worlds, self.ledger_rows, self.stored_answers, self.marks, self.inbox, self.outbox)
            drop((*own, *self.records), worlds)

    def on(self, executor: Executor) -> Self:
        """Return this service for callers that go through another executor; nobody looks on at what they do."""
        twin = copy.copy(self)
        twin._executor, twin.around = executor, None
        return twin

    @property
    def executor(self) -> Executor:
        """Return the service's own thread, made when it is first asked for."""
        with self._guard:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"saga-{self.name}")
            return self._executor

    def close(self) -> None:
        """End the service's thread and its connection; a call under way ends first."""
        with self._guard:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.submit(self._leave_database)
            executor.shutdown()

    def _leave_database(self) -> None:
        connections[self.name].close()


def _look_and_act(halves: Halves, seen: Any, delivery: Delivery) -> dict[str, Any]:
    return halves.act(delivery, halves.look(delivery) if seen is None else seen)


def _run(handler: Handler, delivery: Delivery) -> Answer:
    try:
        return done(handler(delivery), tuple(delivery.written))
    except Queued as place:
        # Answered inside the savepoint: the ticket in the queue is all that stays.
        if delivery.written:
            raise ServiceMisused("a handler wrote to the ledger before it queued") from place
        return negative(Verdict.QUEUED, 202, "locked", place.record, place.owner)


def _in_progress() -> Answer:
    return negative(Verdict.CONFLICT, 409, "a delivery of this key is in progress")
