"""What the orchestrator function is made of: attempts, their budgets, the way back, and a person where neither way is safe.

Everything here is replayed from the orchestration's history each time something happens. So it asks the
context for the time, draws nothing at random, and touches no service itself: activities do.

How an attempt ends is one of four words, each an activity's result:

    ok        the service did it
    failed    the service says that nothing happened; `retry` whether asking again may help, `final` whether
              no attempt under this key ever did anything
    unknown   nobody can tell; asking again under the same key is safe
    queued    in line for a lock; asking again takes the place up, and costs nothing
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SETTLE_WAITS_MS = (200, 400, 800, 1600, 3200, 5000)  # the last one repeats until the service answers
LINE_MS = 200  # between two looks at the line for a lock
RETRY = "retry"  # the external event by which a person has it tried again
ACTION, COMPENSATION, SETTLEMENT = "action", "compensation", "settlement"

Steps = Generator[Any, Any, Any]


@dataclass(frozen=True)
class Budget:
    """How often something is tried, and how long is waited in between. Times in milliseconds."""

    max_attempts: int
    initial_ms: int
    factor: float
    max_ms: int
    jitter: bool = False


@dataclass(frozen=True)
class Step:
    """One action in one service, what undoes it, and what makes it final; "" for what there is not.

    `kind` is compensatable, pivot (the point of no return) or retriable (it has to go through).
    """

    name: str
    service: str
    undo: str
    settlement: str
    kind: str
    timeout_ms: int
    budget: Budget
    undo_budget: Budget


class TurnBack(Exception):
    """The order is given up at a step; what may have happened is undone."""

    def __init__(self, step: str, outcome: str, reason: str) -> None:
        super().__init__(step, outcome, reason)
        self.cause = {"step": step, "op": ACTION, "outcome": outcome, "reason": reason}


class Saga:
    """One order. `steps` by name in their order; `terms`: deadline_ms, key_scope, seed."""

    def __init__(self, context: Any, steps: Sequence[Step], terms: Mapping[str, Any]) -> None:
        self._context, self._terms = context, terms
        self._steps = {step.name: step for step in steps}
        self._given: dict[str, Any] = context.get_input(dict)
        limit = terms["deadline_ms"]
        self._deadline = None if limit is None else context.current_utc_datetime + timedelta(milliseconds=limit)
        self._owed: list[str] = []
        self._doubtful: set[str] = set()
        self._passed = False
        self._tries: dict[str, int] = {}
        self._undone: list[str] = []

    def call(self, name: str) -> Steps:
        """Call a step until it succeeds. Raises TurnBack where the order is given up."""
        step = self._steps[name]
        self._owed.append(name)  # before the call: one without an answer may have worked
        try:
            while True:
                outcome, reason = yield from self._tried(step, ACTION)
                if outcome == "ok":
                    self._doubtful.discard(name)
                    self._passed = self._passed or step.kind == "pivot"
                    return
                if self._may_turn(step):
                    raise TurnBack(name, outcome, reason)
                yield from self._person(name, reason)
        except TurnBack:
            if name not in self._doubtful:
                self._owed.remove(name)  # it has definitely not happened
            raise

    def undo(self, name: str) -> Steps:
        """Undo a step that is owed, until that is done. It works from the key alone, and twice is once."""
        if name not in self._owed:
            return
        step = self._steps[name]
        while True:
            outcome, reason = yield from self._tried(step, COMPENSATION)
            if outcome == "ok":
                self._undone.append(step.undo)
                return
            yield from self._person(step.undo, reason)

    def settle(self, name: str) -> Steps:
        """Tell a step's service that the order is complete, until it answers: nothing turns back any more."""
        step, unanswered = self._steps[name], 0
        while True:
            heard = yield from self._attempt(step, SETTLEMENT)
            if heard["outcome"] == "ok":
                return
            yield from self._wait(SETTLE_WAITS_MS[min(unanswered, len(SETTLE_WAITS_MS) - 1)])
            unanswered += 1

    def ended(self, state: str, turn: TurnBack | None = None) -> dict[str, Any]:
        """Return what the orchestration returns."""
        self._context.set_custom_status({"state": state})
        return {"state": state, "cause": turn.cause if turn else None, "undone": self._undone}

    def _tried(self, step: Step, op: str) -> Steps:
        """Return how a step's budget ended in one direction: ok, failed or unknown, and why. Raises TurnBack when late."""
        budget, failures = step.budget if op == ACTION else step.undo_budget, 0
        while True:
            if op == ACTION and self._is_late(step):
                raise TurnBack(step.name, "deadline", "the saga's deadline has passed")
            heard = yield from self._attempt(step, op)
            if heard["outcome"] == "ok":
                return "ok", ""
            if op == ACTION and heard["outcome"] in ("unknown", "queued"):
                self._doubtful.add(step.name)
            if heard["outcome"] == "queued":
                yield from self._wait(LINE_MS, step)
                continue
            failures += 1
            if op == ACTION and heard["final"]:
                self._doubtful.discard(step.name)
            undecided = op == ACTION and self._is_undecided(step)
            refused = heard["outcome"] == "failed" and not heard["retry"] and not undecided
            if refused or failures >= budget.max_attempts:
                return "unknown" if op == ACTION and step.name in self._doubtful else "failed", heard["reason"]
            yield from self._wait(self._pause_ms(budget, failures, step, op), step if op == ACTION else None)

    def _attempt(self, step: Step, op: str) -> Steps:
        """Return what one attempt came to. An activity that broke may have asked, so that is unknown."""
        command = {ACTION: step.name, COMPENSATION: step.undo, SETTLEMENT: step.settlement}[op]
        self._tries[command] = self._tries.get(command, 0) + 1
        call = {**self._given, "key": self._key(step, command, op), "timeout_ms": step.timeout_ms}
        try:
            return (yield self._context.call_activity(command.replace("-", "_"), call, expected_type=dict))
        except Exception as error:
            return {"outcome": "unknown", "retry": True, "final": False, "reason": str(error)}

    def _person(self, at: str, reason: str) -> Steps:
        """Wait until a person has seen to what stands in the way; locks are kept meanwhile."""
        self._context.set_custom_status({"state": "needs-operator", "at": at, "reason": reason})
        yield self._context.wait_for_external_event(RETRY, expected_type=dict)
        self._context.set_custom_status({"state": "running"})

    def _wait(self, ms: int, step: Step | None = None) -> Steps:
        """Wait; before a step that may be given up, no longer than until the deadline."""
        if ms > 0:
            until = self._context.current_utc_datetime + timedelta(milliseconds=ms)
            if step is not None and self._deadline is not None and self._may_turn(step):
                until = min(until, self._deadline)
            yield self._context.create_timer(until)

    def _is_late(self, step: Step) -> bool:
        limit = self._deadline
        return limit is not None and self._may_turn(step) and self._context.current_utc_datetime >= limit

    def _may_turn(self, step: Step) -> bool:
        return not (self._passed or step.kind == "retriable" or self._is_undecided(step))

    def _is_undecided(self, step: Step) -> bool:
        """Return whether a point of no return may have been passed, and nobody knows."""
        return step.kind == "pivot" and step.name in self._doubtful

    def _key(self, step: Step, command: str, op: str) -> str:
        """Return the idempotency key: of order, step and direction, never of the attempt."""
        order = self._given["order"]
        if op == SETTLEMENT:
            return f"saga:{order}:settle-{step.service}"
        return f"saga:{order}" if self._terms["key_scope"] == "order" else f"saga:{order}:{command}"

    def _pause_ms(self, budget: Budget, failures: int, step: Step, op: str) -> int:
        """Return the wait before the next attempt: exponential, capped, and with jitter a hash, so that it replays."""
        longest = int(min(budget.max_ms, budget.initial_ms * budget.factor ** (failures - 1)))
        if not budget.jitter:
            return longest
        upcoming = self._tries[step.name if op == ACTION else step.undo] + 1
        drawn = f"{self._terms['seed']}|{self._given['order']}|{step.name}|{op}|{upcoming}"
        return int.from_bytes(hashlib.sha256(drawn.encode()).digest()[:8], "big") % (longest + 1)
