"""A world built anew from what a journal says of its services: for a fork of a run.

Every delivery that the journal tells of is made once more, unjournaled, to the service's own
handler, so that records, stored answers, barriers, lines, inboxes and outboxes are as they
were. A refusal is given as it was given: what a service refused then, it might grant now. A
delivery that left no trace in the journal has never arrived here, which is all that anybody
knows of it. At the end the ledgers have to be what the journal says, or nothing is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from sagas.databases import atomic
from sagas.decider import key_of
from sagas.definition import Handler, SagaDefinition, Step
from sagas.entries import Entry, Kind, Lane, Op
from sagas.errors import WorldNotRebuilt
from sagas.mail import Mail
from sagas.plan import RunPlan
from sagas.services import boxes
from sagas.services.base import Answer, Call, Refused, Service, Verdict
from sagas.services.events import Event, Subscription, Subscriptions, event_id
from sagas.services.unlocked import Seen

Attempt = tuple[str, str, Op | None, int]

LOCKED = "locked"  # why a service refuses whoever asks for a record that is PENDING
FENCED_STATUS = 410


class Rebuild:
    """The world of one run. `subscriptions` is for a run that nobody drives."""

    def __init__(
        self,
        world: str,
        definition: SagaDefinition,
        plan: RunPlan,
        services: Mapping[str, Service],
        subscriptions: Mapping[str, Subscriptions],
    ) -> None:
        self._world, self._definition, self._plan = world, definition, plan
        self._services = {name: services[name] for name in definition.services}
        self._mail = Mail(subscriptions)
        self._subscriptions = subscriptions if plan.mode == "choreography" else {}
        self._payloads: dict[str, Mapping[str, Any]] = {}
        self._effects: dict[tuple[str, int], Entry] = {}
        self._written = dict.fromkeys(self._services, 0)
        self._sent: dict[Attempt, Entry] = {}
        self._made: set[Attempt] = set()
        self._asks: list[Entry] = []

    def build(self, entries: Sequence[Entry], unheard: Iterable[Entry], orders: Sequence[str]) -> None:
        """Seed the world and bring it to where the entries end; all of it, or nothing.

        `unheard` are effects older than the newest that the entries tell of, which they lack.
        Raises WorldNotRebuilt when the ledgers are not what the entries say.
        """
        self._effects = {_number(e): e for e in (*entries, *unheard) if e.kind is Kind.EFFECT}
        self._asks = [e for e in entries if _is_place_in_line(e)]
        with ExitStack() as together:
            for name, service in self._services.items():
                together.enter_context(atomic(name))
                service.seed(self._world, orders=orders, stock=self._plan.stock, keep_back=self._plan.keep_back)
            for entry in entries:
                self._apply(entry)
            self._check()

    def _apply(self, entry: Entry) -> None:
        if entry.kind is Kind.SAGA_STARTED:
            self._payloads[entry.order] = entry.detail["payload"]
        if self._subscriptions:
            self._mail.add(entry)
        rule = _RULES.get(entry.kind)
        if rule is not None:
            rule(self, entry)

    # What the journal tells of.

    def _was_sent(self, entry: Entry) -> None:
        self._sent[_attempt(entry)] = entry

    def _wrote(self, entry: Entry) -> None:
        service, n = _number(entry)
        self._ask_first(service, entry.seq)
        while self._written[service] < n:
            self._write(self._effects.get((service, self._written[service] + 1), entry))

    def _was_denied(self, entry: Entry) -> None:
        if _is_place_in_line(entry):
            self._ask(entry)
        elif entry.lane is Lane.SERVICE:
            self._refuse(entry, LOCKED, 409, str(entry.detail["record"]), str(entry.detail["owner"]))

    def _failed(self, entry: Entry) -> None:
        detail = entry.detail
        by_service = detail["whole_key"] or detail.get("verdict") == Verdict.REFUSED
        if by_service and detail["status"] != FENCED_STATUS:
            self._refuse(entry, detail["reason"], detail["status"])

    def _succeeded(self, entry: Entry) -> None:
        if _attempt(entry) not in self._made:
            self._deliver(entry, self._handler(entry))

    def _was_fenced(self, entry: Entry) -> None:
        self._try(entry, Verdict.FENCED)

    def _published(self, entry: Entry) -> None:
        detail, service = entry.detail, self._services.get(str(entry.detail["service"]))
        if service is None:
            return  # the shop front and the watcher have no database
        event = self._mail.published[event_id(entry.order, detail["event"])]
        if detail["by"] == "relay":
            boxes.put(service, self._world, event, said_by="relay")
        boxes.mark_published(service, self._world, [event.id])

    # What is done about it.

    def _write(self, effect: Entry) -> None:
        service, n = _number(effect)
        step, seen = self._definition.step(effect.step), None
        if self._services[service].looks_first(step.action, self._plan.lock):
            seen = Seen((effect.detail["record"],), Refused(LOCKED))
        answer = self._deliver(effect, self._handler(effect), seen)
        if [row.n for row in answer.rows[:1]] != [n]:
            raise WorldNotRebuilt(service, f"row {n} was not written again: {answer.verdict} {answer.reason}".strip())
        self._written[service] = answer.rows[-1].n

    def _refuse(self, entry: Entry, reason: str, status: int, record: str = "", owner: str = "") -> None:
        def refuse(delivery: object) -> dict[str, Any]:
            raise Refused(reason, status, record, owner)

        if _attempt(entry) not in self._made:
            self._deliver(entry, refuse)

    def _ask_first(self, service: str, seq: int) -> None:
        """Let those ask who were under way at this moment and heard later that they are in line."""
        for ask in self._asks:
            sent = self._sent.get(_attempt(ask))
            if sent is not None and ask.detail["service"] == service and sent.seq < seq < ask.seq:
                self._ask(ask)

    def _ask(self, ask: Entry) -> None:
        if _attempt(ask) not in self._made:
            self._try(ask, Verdict.QUEUED)

    def _try(self, entry: Entry, expected: Verdict) -> None:
        """Make a delivery, and take it back if the service says anything but what is expected."""
        try:
            with atomic(self._definition.step(entry.step).service):
                answer = self._deliver(entry, self._handler(entry))
                if answer.verdict is not expected:
                    raise _Unexpected
        except _Unexpected:
            self._made.discard(_attempt(entry))

    def _deliver(self, entry: Entry, handler: Handler, seen: Any = None) -> Answer:
        self._made.add(_attempt(entry))
        service = self._services[self._definition.step(entry.step).service]
        call = self._call(entry)
        heard = self._heard(entry, service.name)
        if heard is None:
            return service.deliver(handler, call, seen)
        event, subscription = heard
        return boxes.consume(service, replace(subscription, handler=handler), event, call, seen)

    def _call(self, entry: Entry) -> Call:
        body = dict(self._payloads[entry.order])
        if _is_taking(entry):
            body["record"] = entry.detail["record"]
        return Call(
            world=self._world,
            order=entry.order,
            key=entry.key,
            action_key=key_of(entry.order, entry.step),
            op=_direction(entry),
            body=body,
            idempotency=self._plan.idempotency,
            lock=self._plan.lock,
            at=entry.detail["at"] if entry.kind is Kind.EFFECT else entry.at,
        )

    def _handler(self, entry: Entry) -> Handler:
        step = self._definition.step(entry.step)
        handler = _handler_of(step, entry)
        if handler is None:
            raise WorldNotRebuilt(step.service, f"{step.name} has nothing that could have written {entry.key}")
        return handler

    def _heard(self, entry: Entry, service: str) -> tuple[Event, Subscription] | None:
        """Return the event that a delivery brought and what the service does then; None where somebody drives."""
        table = self._subscriptions.get(service)
        if table is None:
            return None
        sent = self._sent.get(_attempt(entry))
        names = [sent.detail["event"]] if sent else [n for n, s in table.items() if s.op is _direction(entry)]
        for name in names:
            event = self._mail.published.get(event_id(entry.order, name))
            if event is not None and table[name].step == entry.step:
                return event, table[name]
        raise WorldNotRebuilt(service, f"nothing was announced that could have written {entry.key}")

    def _check(self) -> None:
        """Hold the ledgers against the journal."""
        for name, service in self._services.items():
            said = [self._effects[at] for at in sorted(self._effects) if at[0] == name and at[1] <= self._written[name]]
            rows = [(row.n, row.order, row.kind, row.amount, row.record) for row in service.ledger(self._world)]
            told = [(e.detail["n"], e.order, *(e.detail[key] for key in ("kind", "amount", "record"))) for e in said]
            if rows != told:
                raise WorldNotRebuilt(name, f"its ledger would be {rows}, and the journal says {told}")


class _Unexpected(Exception):
    """Takes a delivery back."""


_RULES: Mapping[Kind, Callable[[Rebuild, Entry], None]] = {
    Kind.ATTEMPT_STARTED: Rebuild._was_sent,
    Kind.EFFECT: Rebuild._wrote,
    Kind.LOCK_DENIED: Rebuild._was_denied,
    Kind.ATTEMPT_FAILED: Rebuild._failed,
    Kind.ATTEMPT_SUCCEEDED: Rebuild._succeeded,
    Kind.STEP_FENCED: Rebuild._was_fenced,
    Kind.EVENT_PUBLISHED: Rebuild._published,
}


def _attempt(entry: Entry) -> Attempt:
    return entry.saga, entry.step, entry.op, entry.attempt


def _number(effect: Entry) -> tuple[str, int]:
    return str(effect.detail["service"]), int(effect.detail["n"])


def _is_place_in_line(entry: Entry) -> bool:
    return entry.kind is Kind.LOCK_DENIED and bool(entry.detail["waiting"])


def _is_taking(entry: Entry) -> bool:
    return entry.kind is Kind.EFFECT and entry.key == key_of(entry.order, f"take-{entry.detail['record']}")


def _is_settlement(entry: Entry) -> bool:
    return entry.key == key_of(entry.order, f"settle-{entry.detail.get('service')}")


def _direction(entry: Entry) -> Op | None:
    """Return the direction of a delivery; None for a settlement, and for an operator's own."""
    return None if _is_taking(entry) or _is_settlement(entry) else entry.op or Op.ACTION


def _handler_of(step: Step, entry: Entry) -> Handler | None:
    if _is_taking(entry):
        return step.taking
    if _is_settlement(entry):
        return step.settlement
    return step.compensation if entry.op is Op.COMPENSATION else step.action
