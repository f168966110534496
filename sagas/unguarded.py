"""Mode `none`: the shell of an orchestrated run around rules that know no way back.

Wire, journal, locks and settlement are the same as for a saga, so that what differs on a page
is the missing protection and nothing else. After a crash the open call is unknown, and the
order ends there.
"""

from __future__ import annotations

from sagas import orchestrator
from sagas.decider import Moves
from sagas.definition import SagaDefinition
from sagas.state import AT_REST, SagaState
from sagas.unguarded_rules import decide_unguarded, left_waiting


class Driver(orchestrator.Driver):
    """Drives one run of unguarded orders until each is completed or abandoned."""

    @staticmethod
    def rule(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
        return decide_unguarded(definition, state, now)

    async def _finish(self) -> bool:
        if not self._can_move():
            # Behind a saga that waits for a person a lock may come free; behind an abandoned one it cannot.
            self._walk_away()
        return await super()._finish()

    def _walk_away(self) -> None:
        for saga, state in list(self.tape.states.items()):
            if state.phase not in AT_REST:
                self.tape.put([left_waiting(self._definition, state)])
                self._nudges[saga].set()
