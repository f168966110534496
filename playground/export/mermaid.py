"""A sequence diagram in Mermaid: who called whom, what was lost, what was done again and undone.

An arrow is a message; one that ends in a cross never arrived. What a service wrote, and what a
driver decided by itself, stands in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from playground import wording
from playground.export.attempts import Attempts
from playground.export.taken import Taken
from playground.sentences import call_name, sentence
from sagas.entries import Entry, Kind, Lane

DRIVER, SHOP, OPERATOR = "driver", "shop", "operator"
DRIVERS: Mapping[str, str] = {"orchestration": "Orchestrator", "none": "Caller"}
OUTSIDERS: Mapping[str, str] = {"shop": "Shop front", "watcher": "Watcher"}  # who says events and has no database

Lines = Iterator[str]


def write(taken: Taken) -> str:
    """Return the diagram; the same run gives the same text."""
    return "\n".join(["sequenceDiagram", *(f"  {line}" for line in Diagram(taken).lines())]) + "\n"


class Diagram:
    """One run's diagram, entry by entry."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._attempts = Attempts(taken.entries)
        self._many = len(taken.sagas) > 1
        self._driver = DRIVERS.get(str(taken.scenario["mode"]), "")
        self._services = list(taken.steps.services)
        self._says: dict[tuple[str, str], str] = {}  # who said an event, by order and name

    def lines(self) -> Lines:
        """Yield the lines below the first one."""
        taken = self._taken
        states = ", ".join(f"{saga.order} {saga.state}" for saga in taken.sagas)
        yield f"title {_text(f'Run {taken.run}: {states}')}"
        yield from self._participants()
        for entry in taken.entries:
            rule = _RULES.get(entry.kind)
            if rule is not None:
                yield from rule(self, entry)

    def _participants(self) -> Lines:
        kinds = {entry.kind for entry in self._taken.entries}
        if Kind.OPERATOR_ACTED in kinds:
            yield f"actor {OPERATOR} as Operator"
        if self._driver:
            yield f"participant {DRIVER} as {self._driver}"
        else:
            says = {str(e.detail["by"]) for e in self._taken.entries if e.kind is Kind.EVENT_PUBLISHED}
            for name, title in OUTSIDERS.items():
                if name in says or name == SHOP:
                    yield f"participant {name} as {title}"
        for service in self._services:
            yield f"participant {service} as {wording.title(service)}"

    def called(self, entry: Entry) -> Lines:
        attempt = self._attempts.of(entry)
        service = self._service(entry)
        caller = DRIVER if self._driver else self._caller(entry)
        arrow = "-x" if attempt is not None and attempt.is_call_lost else "->>"
        again = f" (attempt {entry.attempt})" if entry.attempt > 1 else ""
        what = call_name(entry) if self._driver else f"{wording.event_of(entry)}"
        yield self._arrow(caller, arrow, service, entry, f"{what}{again}")

    def answered(self, entry: Entry) -> Lines:
        if self._driver:
            replayed = ", the kept answer" if entry.detail.get("replayed") else ""
            yield self._arrow(self._service(entry), "-->>", DRIVER, entry, f"done{replayed}")

    def refused(self, entry: Entry) -> Lines:
        status, reason = str(entry.detail["status"]), str(entry.detail["reason"])
        said = reason if status in reason else f"{status} {reason}"
        if self._driver:
            yield self._arrow(self._service(entry), "-->>", DRIVER, entry, said)
        else:
            yield self._note(self._service(entry), entry, f"{call_name(entry)}: {said}")

    def unheard(self, entry: Entry) -> Lines:
        attempt = self._attempts.of(entry)
        if self._driver and attempt is not None and attempt.is_reply_lost:
            yield self._arrow(self._service(entry), "--x", DRIVER, entry, "reply lost")
        who = DRIVER if self._driver else self._service(entry)
        yield self._note(who, entry, f"{call_name(entry)}: {entry.detail['reason']}")

    def queued(self, entry: Entry) -> Lines:
        if entry.lane is Lane.SERVICE or not self._driver:
            yield from self.noted_at_service(entry)
        else:
            yield self._arrow(self._service(entry), "-->>", DRIVER, entry, "queued for the lock")

    def noted_at_service(self, entry: Entry) -> Lines:
        yield self._note(self._service(entry), entry, sentence(entry))

    def noted_at_driver(self, entry: Entry) -> Lines:
        yield self._note(DRIVER if self._driver else self._service(entry) or SHOP, entry, sentence(entry))

    def released(self, entry: Entry) -> Lines:
        if entry.lane is Lane.ORCHESTRATOR:
            yield self._arrow(self._service(entry), "-->>", DRIVER, entry, "settled")
        else:
            yield from self.noted_at_service(entry)

    def wrote(self, entry: Entry) -> Lines:
        service, detail = self._service(entry), entry.detail
        amount = wording.signed(service, int(detail["amount"]))
        yield self._note(service, entry, f"row {detail['n']}: {detail['kind']} {amount}")

    def ended(self, entry: Entry) -> Lines:
        across = [*([DRIVER] if self._driver else [SHOP]), self._services[-1]]
        yield self._note(",".join(across), entry, str(entry.kind).removeprefix("saga-"))

    def acted(self, entry: Entry) -> Lines:
        detail = entry.detail
        why = f": {detail['why']}" if detail.get("why") else ""
        whom = DRIVER if self._driver else SHOP
        yield self._arrow(OPERATOR, "->>", whom, entry, f"{detail['action']}, says {detail['who']}{why}")

    def published(self, entry: Entry) -> Lines:
        by = str(entry.detail["by"])
        self._says[entry.order, wording.event_of(entry)] = by if by in OUTSIDERS else str(entry.detail["service"])
        yield from ()

    def dropped(self, entry: Entry) -> Lines:
        yield self._arrow(
            self._caller(entry), "-x", self._service(entry), entry, f"{wording.event_of(entry)} (dropped)"
        )

    def _caller(self, entry: Entry) -> str:
        return self._says.get((entry.order, wording.event_of(entry)), SHOP)

    def _service(self, entry: Entry) -> str:
        named = str(entry.detail.get("service", ""))
        if named in self._services:
            return named
        return self._taken.steps.step(entry.step).service if entry.step else ""

    def _arrow(self, one: str, arrow: str, other: str, entry: Entry, said: str) -> str:
        return f"{one}{arrow}{other}: {_text(self._about(entry) + said)}"

    def _note(self, over: str, entry: Entry, said: str) -> str:
        return f"Note over {over}: {_text(self._about(entry) + said)}"

    def _about(self, entry: Entry) -> str:
        return f"{entry.order}: " if self._many and entry.order else ""


def _text(said: str) -> str:
    """Return a text as a message or note may hold it: on one line, with nothing that Mermaid reads."""
    one_line = " ".join(said.split())
    return "".join(f"#{ord(letter)};" if letter in '#;<>&"%{}\\' else letter for letter in one_line)


_RULES: Mapping[Kind, Callable[[Diagram, Entry], Lines]] = {
    Kind.ATTEMPT_STARTED: Diagram.called,
    Kind.ATTEMPT_SUCCEEDED: Diagram.answered,
    Kind.ATTEMPT_FAILED: Diagram.refused,
    Kind.ATTEMPT_UNKNOWN: Diagram.unheard,
    Kind.RETRY_SCHEDULED: Diagram.noted_at_driver,
    Kind.LOCK_ACQUIRED: Diagram.noted_at_service,
    Kind.LOCK_DENIED: Diagram.queued,
    Kind.LOCK_RELEASED: Diagram.released,
    Kind.STEP_FENCED: Diagram.noted_at_service,
    Kind.REPLAYED: Diagram.noted_at_service,
    Kind.SETTLEMENT_OWED: Diagram.noted_at_driver,
    Kind.SAGA_COMPENSATING: Diagram.noted_at_driver,
    Kind.SAGA_COMPLETED: Diagram.ended,
    Kind.SAGA_COMPENSATED: Diagram.ended,
    Kind.SAGA_NEEDS_OPERATOR: Diagram.noted_at_driver,
    Kind.SAGA_ABANDONED: Diagram.ended,
    Kind.SAGA_LOST: Diagram.ended,
    Kind.OPERATOR_ACTED: Diagram.acted,
    Kind.ORCHESTRATOR_CRASHED: Diagram.noted_at_driver,
    Kind.ORCHESTRATOR_RECOVERED: Diagram.noted_at_driver,
    Kind.EFFECT: Diagram.wrote,
    Kind.EVENT_PUBLISHED: Diagram.published,
    Kind.EVENT_DROPPED: Diagram.dropped,
}
