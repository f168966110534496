"""The counter of a loop, where people ask: what makes no sense is refused with a reason, the rest is obeyed. Pure.

One thing after another: an act that reaches into a service is durable before the service is asked,
and what was asked after it waits until the service has answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from sagas.definition import SagaDefinition
from sagas.engines.jobs import Json
from sagas.engines.told import Asked
from sagas.entries import Entry
from sagas.gate import Gate
from sagas.operators import FAIL, OF_RUN, RELEASE, SENSELESS, acted, given_up, is_told, meant_by
from sagas.state import SagaState


class Counter:
    """`states` is the loop's own mapping. `handled` is what the next append says of commands."""

    def __init__(
        self, definition: SagaDefinition, states: Mapping[str, SagaState], gate: Gate, entries: Sequence[Entry]
    ) -> None:
        self._definition, self._states, self._gate, self._entries = definition, states, gate, entries
        self._waiting: deque[Asked] = deque()
        self._seen: set[int] = set()
        self._reaching: tuple[Asked, int, Json] | None = None
        self._is_out = False
        self._refusals: dict[int, str] = {}
        self.handled: list[tuple[int, int, str]] = []

    def take(self, asked: Asked) -> None:
        """Take what is asked, unless it was taken before."""
        if asked.id not in self._seen:
            self._seen.add(asked.id)
            self._waiting.append(asked)

    @property
    def is_asked(self) -> bool:
        """Whether anything waits to be obeyed."""
        return bool(self._waiting) or self._reaching is not None

    def next(self) -> Asked | None:
        """Return what is to be obeyed now, or None."""
        return self._waiting.popleft() if self._waiting and self._reaching is None else None

    def obey(self, asked: Asked, *, has_ended: bool) -> tuple[list[Entry], tuple[str, str] | None]:
        """Return the entries of an act, and the saga and the record where a service must be asked as well."""
        if asked.kind in OF_RUN:
            return self._move_gate(asked, has_ended), None
        meant = meant_by(self._definition, self._states.values(), asked.kind, asked.saga, asked.detail)
        if not meant:
            self._refusals[asked.id] = SENSELESS
        elif asked.kind == RELEASE:
            entry = _entry(asked, meant[0])
            return [] if is_told(self._entries, entry) else [entry], (meant[0].saga, str(asked.detail["record"]))
        facts = [_entry(asked, state) for state in meant]
        if asked.kind == FAIL:
            facts += [unknown for state in meant for unknown in given_up(state, asked.who)]
        return facts, None

    def handle(self, asked: Asked, index: int) -> None:
        """Say in the next append that this is done, or why it was refused; `index` is that of its last new entry."""
        self.handled.append((asked.id, index, self._refusals.pop(asked.id, "")))

    def wait_for(self, asked: Asked, mark: int, what: Json) -> None:
        """Have a service asked once entry number `mark` is durable."""
        self._reaching = (asked, mark, what)

    def to_take_away(self, durable: int) -> Json | None:
        """Return what a service is to be asked now, once."""
        if self._reaching is None or self._is_out or self._reaching[1] > durable:
            return None
        self._is_out = True
        return self._reaching[2]

    def taken_away(self, refusal: str, index: int) -> None:
        """Take the service's answer; see `handle`."""
        if self._reaching is not None:
            self._refusals[self._reaching[0].id] = refusal
            self.handle(self._reaching[0], index)
        self._reaching, self._is_out = None, False

    def _move_gate(self, asked: Asked, has_ended: bool) -> list[Entry]:
        refusal = "the run is finished" if has_ended else self._gate.refusal(asked.kind)
        if refusal:
            self._refusals[asked.id] = refusal
            return []
        entry = _entry(asked)
        self._gate.obey(entry)
        return [entry]


def _entry(asked: Asked, state: SagaState | None = None) -> Entry:
    more: dict[str, Any] = dict(asked.detail)
    return acted(asked.kind, asked.who, asked.why, asked.saw, more, state)
