"""Writes what a history tells as the journal of one saga, in the order in which it is told. Pure.

Only what was told is written. Where a history is silent, so is the journal: of what services have on
file it says nothing, and an outcome that no service spoke of itself is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

from playground.imports.history import MAX_STEPS, HeardStep, History, HistoryInvalid, short, slug
from playground.services.commands import COMMANDS
from sagas.entries import Entry, Kind, Lane, Op
from sagas.state import Policy

SAGA = "import-1"
UNNAMED = "execution"
_UNDO_NAME = re.compile(r"undo[-_ ]?(.+)", re.IGNORECASE)
_KNOWN = {command.name: command for command in COMMANDS.values()}


@dataclass(frozen=True, slots=True)
class Part:
    """What a call is for: a step, in one direction; `op` None makes it final."""

    step: str
    op: Op | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a call was not heard of as done. `is_definite`: the service itself said that nothing happened."""

    reason: str
    is_definite: bool = False
    retryable: bool = True
    whole_key: bool = False


def known_part(name: str) -> Part | None:
    """Return what a command of the services here is for, None for any other name."""
    command = _KNOWN.get(name)
    return Part(command.step, command.op, name) if command else None


def own_part(name: str, steps: Container[str]) -> Part | None:
    """Return what a call by a name of its own is for: `undo <step>`, of a step that was asked for, means what it says.

    None for a name without a letter and a digit.
    """
    own, undoes = slug(name), _UNDO_NAME.fullmatch(name)
    if undoes and own and slug(undoes[1]) in steps:
        return Part(slug(undoes[1]), Op.COMPENSATION, own)
    return Part(own, Op.ACTION, own) if own else None


class Scribe:
    """The journal of one saga, as it grows. Times are in milliseconds since the epoch."""

    def __init__(self, platform: str, order: str, at: int) -> None:
        self._platform, self._order = platform, short(order)[:64] or UNNAMED
        self._entries: list[Entry] = []
        self._steps: dict[str, HeardStep] = {}
        self._owed: dict[str, str] = {}  # steps whose undo was asked for and is not done, and its name
        self._attempts: Counter[tuple[str, Op]] = Counter()
        self._failed_at: dict[tuple[str, Op], int] = {}
        self._cause: dict[str, str] | None = None
        self._turned = self._settling = self._ended = False
        self._now = at
        self._last: tuple[Part, bool] | None = None  # the last outcome: of what, and whether it was done
        self._put(at, Kind.SAGA_STARTED, detail=_start(self._order))

    def called(self, at: int, part: Part, *, service: str = "", key: str = "", attempt: int = 0) -> None:
        """A call was made; `attempt` is its number where the history says it."""
        self._meet(part, service)
        if part.op is None:
            self._settle(at)
            return
        where = part.step, part.op
        if part.op is Op.COMPENSATION and not self._attempts[where]:
            self._owe(at, part)
        number = attempt or self._attempts[where] + 1
        if where in self._failed_at and number > 1:
            failed_at = self._failed_at.pop(where)
            at = max(at, self._now)
            wait = {"delay_ms": at - failed_at, "due_at": at}
            self._put(failed_at, Kind.RETRY_SCHEDULED, part, number, key, wait)
        self._attempts[where] = number
        self._put(at, Kind.ATTEMPT_STARTED, part, number, key)

    def done(self, at: int, part: Part, key: str = "") -> None:
        """A call was answered: it is done."""
        self._last = part, True
        if part.op is None:
            detail = {"service": self._steps[part.step].service, "record": "", "owner": self._order}
            self._put(at, Kind.LOCK_RELEASED, part, 0, key, detail)
            return
        if part.op is Op.COMPENSATION:
            self._owed.pop(part.step, None)
        self._put(at, Kind.ATTEMPT_SUCCEEDED, part, self._number(part), key, {"answer": {}, "replayed": False})

    def failed(self, at: int, part: Part, failure: Failure, key: str = "") -> None:
        """A call was not done, or nobody knows whether it was."""
        self._last = part, False
        reason = short(failure.reason)
        if part.op is Op.ACTION:
            outcome = "failed" if failure.is_definite else "unknown"
            self._cause = {"step": part.step, "op": str(Op.ACTION), "outcome": outcome, "reason": reason}
        if part.op is None:
            return  # it is asked again until it is answered, and no attempt of the saga's
        self._failed_at[part.step, part.op] = max(at, self._now)
        if failure.is_definite:
            detail = {"reason": reason, "status": 0, "retryable": failure.retryable, "whole_key": failure.whole_key}
            self._put(at, Kind.ATTEMPT_FAILED, part, self._number(part), key, detail)
        else:
            self._put(at, Kind.ATTEMPT_UNKNOWN, part, self._number(part), key, {"reason": reason})

    def turn(self, at: int) -> None:
        """From here on it goes back."""
        if not self._turned:
            self._turned = True
            cause = self._cause or {"step": "", "op": str(Op.ACTION), "outcome": "failed", "reason": "not told"}
            self._put(at, Kind.SAGA_COMPENSATING, self._at(cause["step"]), detail={"cause": cause})

    def went_through(self, at: int, *, undone: bool) -> None:
        """What drove it came to its end: all is done, or all undone where something was, or where it says so itself."""
        self.end(at, Kind.SAGA_COMPENSATED if undone or self._turned else Kind.SAGA_COMPLETED)

    def broke(self, at: int, what: str, said: str = "", *, by_itself: bool) -> None:
        """What drove it broke. One that failed by itself, once it had undone what it did, says no more than that."""
        last_was_done = self._last is not None and self._last[1]
        if by_itself and self._turned and last_was_done:
            self.end(at, Kind.SAGA_COMPENSATED)
        else:
            self.end(at, Kind.SAGA_NEEDS_OPERATOR, f"{what}: {said}" if said else what)

    def end(self, at: int, kind: Kind, reason: str = "") -> None:
        """It has ended. Whatever it says itself, it is not undone while an undo that was asked for was not answered."""
        if kind is Kind.SAGA_COMPENSATED and self._owed:
            kind, reason = Kind.SAGA_NEEDS_OPERATOR, f"{', '.join(self._owed.values())} was asked for and not done"
        if kind is Kind.SAGA_COMPENSATED:
            self.turn(at)
        stuck = self._last[0] if kind is Kind.SAGA_NEEDS_OPERATOR and self._last and not self._last[1] else None
        self._ended = True
        self._put(at, kind, stuck, detail={"reason": short(reason)} if kind is Kind.SAGA_NEEDS_OPERATOR else {})
        self._entries.append(Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER, at=self._now))

    def history(self, title: str) -> History:
        """Return what was written. Raises HistoryInvalid when no call was told of."""
        if not self._steps:
            raise HistoryInvalid("history.events", "tell of no call, so there is no saga to show")
        ordered = sorted(self._entries, key=lambda entry: entry.at)  # a wait is told when it is over, and begins before
        return History(
            platform=self._platform,
            title=short(title)[:64] or UNNAMED,
            order=self._order,
            steps=list(self._steps.values()),
            entries=[entry.placed(n, entry.at) for n, entry in enumerate(ordered, 1)],
            finished=self._ended,
        )

    def _meet(self, part: Part, service: str) -> None:
        step = self._steps.get(part.step)
        if step is None:
            known = _KNOWN.get(part.step)
            undo = next((c.name for c in _KNOWN.values() if c.step == part.step and c.op is Op.COMPENSATION), "")
            name = known.service if known else self._own_name(slug(service) or part.step)
            self._steps[part.step] = step = HeardStep(name=part.step, service=name, undo=undo)
            if len(self._steps) > MAX_STEPS:
                raise HistoryInvalid("history.events", f"tell of more than {MAX_STEPS} steps")
        if part.op is Op.COMPENSATION:
            self._steps[part.step] = replace(step, undo=part.name)

    def _own_name(self, service: str) -> str:
        """Return a name that no other step's service has here: each has a place of its own on the stage."""
        taken = {step.service for step in self._steps.values()}
        return next(
            name for n in range(1, MAX_STEPS + 2) if (name := service if n == 1 else f"{service}-{n}") not in taken
        )

    def _owe(self, at: int, part: Part) -> None:
        self.turn(at)
        self._owed[part.step] = part.name
        self._put(at, Kind.COMPENSATION_OWED, part)

    def _settle(self, at: int) -> None:
        if not self._settling:
            self._settling = True
            self._put(at, Kind.SETTLEMENT_OWED, detail={"steps": []})

    def _number(self, part: Part) -> int:
        return self._attempts[part.step, part.op or Op.ACTION]

    def _at(self, step: str) -> Part | None:
        return Part(step, None, step) if step else None

    def _put(
        self,
        at: int,
        kind: Kind,
        part: Part | None = None,
        attempt: int = 0,
        key: str = "",
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write an entry. Nothing is told before what was told already, whatever a clock said, but for a wait."""
        if kind is not Kind.RETRY_SCHEDULED:
            self._now = at = max(at, self._now)
        self._entries.append(
            Entry(
                kind=kind,
                saga=SAGA,
                order=self._order,
                step=part.step if part else "",
                op=part.op if part else None,
                attempt=attempt,
                key=short(key)[:200],
                detail=detail or {},
                at=at,
            )
        )


def _start(order: str) -> dict[str, Any]:
    return {
        "definition": "elsewhere",
        "version": 1,
        "index": 0,
        "payload": {"order": order},
        "policy": Policy().to_json(),
        "deadline_at": None,
    }
