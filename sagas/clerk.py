"""The clerk of a run: has what people ask of it journaled and obeyed, in the order of asking.

What makes no sense any more is refused with a reason. An act that reaches into a service is
committed before the service is asked, like any other intent; whoever takes over asks again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from sagas.definition import SagaDefinition
from sagas.entries import Entry
from sagas.gate import Gate
from sagas.models import Command
from sagas.operators import FAIL, NOBODY_DRIVES, OF_RUN, RELEASE, SENSELESS, acted, given_up, is_told, meant_by
from sagas.state import SagaState
from sagas.tape import Tape


class Clerk:
    """Takes commands while the driver works. Without `take_away` nobody drives, and only the gate can be moved.

    `nudge(saga)` has a saga decide anew; `abandon(saga)` has it wait no longer for an answer;
    `take_away(state, record)` takes a record from a saga and returns why it could not, or "".
    """

    def __init__(
        self,
        definition: SagaDefinition,
        tape: Tape,
        gate: Gate,
        entries: Sequence[Entry],
        *,
        nudge: Callable[[str], None] = lambda saga: None,
        abandon: Callable[[str], None] = lambda saga: None,
        take_away: Callable[[SagaState, str], Awaitable[str]] | None = None,
    ) -> None:
        self._definition, self._tape, self._gate, self._entries = definition, tape, gate, entries
        self._nudge, self._abandon, self._take_away = nudge, abandon, take_away
        self._waiting: deque[Command] = deque()
        self._seen: set[int] = set()

    def take(self, commands: Iterable[Command]) -> bool:
        """Return whether any of these commands is new; those taken before are passed over."""
        new = [command for command in commands if command.pk not in self._seen]
        self._seen.update(command.pk for command in new)
        self._waiting += new
        return bool(new)

    @property
    def is_asked(self) -> bool:
        """Whether anything waits to be obeyed."""
        return bool(self._waiting)

    async def obey(self, *, finished: bool = False) -> None:
        """Return when all that was asked is obeyed or refused, and that is durable."""
        if not self._waiting:
            return
        while self._waiting:
            command = self._waiting.popleft()
            if command.kind in OF_RUN:
                self._move_gate(command, "the run is finished" if finished else self._gate.refusal(command.kind))
            else:
                await self._tell_sagas(command)
        await self._tape.commit()

    def _move_gate(self, command: Command, refusal: str) -> None:
        if not refusal:
            entry = _entry(command)
            self._tape.put([entry])
            self._gate.obey(entry)
        self._tape.handle(command.pk, refusal)

    async def _tell_sagas(self, command: Command) -> None:
        if self._take_away is None:
            self._tape.handle(command.pk, NOBODY_DRIVES)
            return
        states = self._tape.states.values()
        meant = meant_by(self._definition, states, command.kind, command.saga, command.detail)
        refusal = "" if meant else SENSELESS
        if meant and command.kind == RELEASE:
            await self._intend(_entry(command, meant[0]))
            refusal = await self._take_away(meant[0], str(command.detail["record"]))
        else:
            for state in meant:
                self._tape.put([_entry(command, state)])
                if command.kind == FAIL:
                    self._abandon(state.saga)
                    self._tape.put(given_up(state, command.who))
        self._tape.handle(command.pk, refusal)
        for state in meant:
            self._nudge(state.saga)

    async def _intend(self, entry: Entry) -> None:
        if not is_told(self._entries, entry):
            self._tape.put([entry])
        await self._tape.commit()


def _entry(command: Command, state: SagaState | None = None) -> Entry:
    return acted(command.kind, command.who, command.why, command.saw, command.detail, state)
