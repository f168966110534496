"""A saga played in a toy world: pure, in virtual time, with every outcome and accident named.

`Play` does what a driver does between the decider and the services; `World` is services
that keep their side of the contract, so that what really happened can be held against
what the saga believed. No database, no clock, no chance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from sagas.decider import Call, Move, Park, Rest, Settle, Wait, advance, ask_again, settle_open, split
from sagas.definition import SagaDefinition
from sagas.entries import Entry
from sagas.state import Phase, Policy, SagaState, evolve
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
    ORDER,
    ORDER_ID,
    SAGA,
    failed,
    ok,
    operator,
    queued,
    refused,
    settled,
    started,
    told,
    turned,
    unknown,
)

LATENCY_MS = 10


class World:
    """Services that keep their contract: one effect per key, a stored answer, a fence, a place in a line."""

    def __init__(self) -> None:
        self.effects: set[str] = set()
        self.places: set[str] = set()
        self.fenced: set[str] = set()
        self.answers: dict[str, str] = {}
        self.late: list[Call] = []

    def hear(self, call: Call, reply: str) -> Entry:
        """Return how an attempt ends for its caller, after whatever really happened."""
        step, n, op = call.step, call.attempt, call.op
        if reply in ("lost", "late", "lost-reply"):
            if reply == "late":
                self.late.append(call)
            if reply == "lost-reply":
                self._deliver(call)
            return unknown(step, n, op)
        if reply in ("error", "refused"):
            return failed(step, n, op, retryable=reply == "error")
        if op is ACTION and step not in self.answers and step not in self.fenced:
            if reply == "queued":
                self.places.add(step)
                return queued(step, n)
            if reply == "refused-for-good":
                self.answers[step] = reply
                self.places.discard(step)
        verdict = self._deliver(call)
        return ok(step, n, op) if verdict == "ok" else refused(step, n, op, whole_key=True)

    def arrive(self) -> None:
        """Let every message that is still on its way arrive."""
        while self.late:
            self._deliver(self.late.pop(0))

    def _deliver(self, call: Call) -> str:
        if call.op is COMPENSATION:
            self.fenced.add(call.step)
            self.effects.discard(call.step)
            self.places.discard(call.step)
            return "ok"
        if call.step in self.fenced:
            return "fenced"
        if self.answers.setdefault(call.step, "ok") == "ok":
            self.effects.add(call.step)
            self.places.discard(call.step)
        return self.answers[call.step]


class Play:
    """One saga from its start to rest. Each move of the script is an accident and a reply.

    Accidents, while the call or the wait goes on: `cancel`, `crash`, `time` (700 ms pass), `late`
    (late messages arrive), `idle` (a settlement is not answered, a wait is cut short), `turn`
    (some other engine turns the saga while an action is open) or "".
    Replies are those of `World.hear`; `replies` by the call's name come first. Where neither
    says anything all is well. An operator retries while the script lasts, then `retries` times.
    """

    def __init__(
        self,
        definition: SagaDefinition = ORDER,
        script: Sequence[tuple[str, str]] = (),
        *,
        replies: Mapping[str, Sequence[str]] | None = None,
        policy: Policy | None = None,
        deadline_ms: int | None = None,
        retries: int = 0,
    ) -> None:
        self.definition, self.now, self.world = definition, NOW, World()
        self.entries: list[Entry] = []
        self.states = [SagaState(saga=SAGA, order=ORDER_ID)]
        self._script, self._retries = deque(script), retries
        self._replies = {name: deque(given) for name, given in (replies or {}).items()}
        deadline_at = None if deadline_ms is None else NOW + deadline_ms
        self.put(started(definition, policy=policy, deadline_at=deadline_at))

    @property
    def state(self) -> SagaState:
        return self.states[-1]

    def put(self, *facts: Entry) -> None:
        for entry in facts:
            self.entries.append(entry.placed(len(self.entries) + 1, self.now))
            self.states.append(evolve(self.state, self.entries[-1]))

    def run(self, moves: int = 300) -> Play:
        """Play on until the saga rests; fails when it does not within this many moves."""
        for _ in range(moves):
            if not self.move():
                return self
        raise AssertionError(f"no rest within {moves} moves: {told(self.entries, self.definition)}")

    def heal(self) -> None:
        """Let all be well from here on: no accident, every reply `ok`, no operator.

        What must go through is refused no more: a stored refusal would outlive every retry.
        """
        self._script.clear()
        self._retries = 0
        self._replies.clear()
        for step in self.definition.steps:
            if step.kind == "retriable" and step.name not in self.world.effects:
                self.world.answers.pop(step.name, None)

    def move(self) -> bool:
        """Make one move; return False when the saga rests and the script has ended."""
        _, facts, move = advance(self.definition, self.state, self.now)
        self.put(*facts)
        if isinstance(move, Rest) and not self._somebody_retries():
            return False
        accident, reply = self._script.popleft() if self._script else ("", "ok")
        self._suffer(move, accident, reply)
        return True

    def _somebody_retries(self) -> bool:
        if self.state.phase is not Phase.NEEDS_OPERATOR or not (self._script or self._retries):
            return False
        self._retries -= not self._script
        return True

    def _suffer(self, move: Move | None, accident: str, reply: str) -> None:
        if accident == "cancel":
            self.put(operator("cancel"))
        self.now += 700 if accident == "time" else LATENCY_MS
        if accident == "late":
            self.world.arrive()
        if accident == "turn" and isinstance(move, Call) and move.op is ACTION:
            self._turn_while_open(move.step)
        match move:
            case Call():
                self._call(move, reply, crash=accident == "crash")
            case Settle() if accident not in ("idle", "crash"):
                self.put(settled(move.step, move.key))
            case Wait() if accident != "idle":
                self.now = max(self.now, move.until)
            case Park() if accident == "idle" and move.until:
                self.now = max(self.now, move.until)
            case Park() if reply != "queued":
                self._release(reply)
            case Rest() if self.state.phase is Phase.NEEDS_OPERATOR:
                self.put(operator("retry"))
            case None:
                raise AssertionError("a call is open, and nobody waits for its answer")

    def _turn_while_open(self, step: str) -> None:
        if self.definition.step(step).kind == "compensatable":
            owed = [s.name for s in self.definition.steps[::-1] if self.state.step(s.name).action.may_have_taken_effect]
            self.put(operator("cancel"), *turned(step, *owed, outcome="cancelled"))

    def _release(self, reply: str) -> None:
        facts, move = split(ask_again(self.definition, self.state))
        self.put(*facts)
        assert isinstance(move, Call)
        self._call(move, reply, crash=False)

    def _call(self, call: Call, reply: str, *, crash: bool) -> None:
        step = self.definition.step(call.step)
        given = self._replies.get(step.name if call.op is ACTION else step.compensation_name)
        heard = self.world.hear(call, given.popleft() if given else reply)
        self.put(*(settle_open(self.state, "the driver died") if crash else [heard]))
