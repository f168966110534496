"""The language of a saga: an automaton that reads what an orchestrator wrote.

    T1..Tn | T1..Tj (attempt j)? Cj..C1

`T` are actions in the definition's order, `C` the compensations of what may have taken
effect, newest first. The automaton also reads what surrounds them: attempts and budgets,
back-off, what is owed, the settlement, the ends. It shares no code with the engine, so
that one mistake cannot hide in both. A saga that is still under way is a sentence so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagas.definition import SagaDefinition, Step
from sagas.entries import Entry, Kind, Lane, Op


def sentence_violations(entries: Iterable[Entry], definition: SagaDefinition) -> list[str]:
    """Return what breaks the language in the entries of one run in mode `orchestration`, each with its place.

    Reads the orchestrator's lane of every saga, an operator's acts, and `run-finished`, at
    which each saga has ended, waits for a person, or waits for a lock that such a one keeps.
    """
    readers: dict[str, _Reader] = {}
    found: list[str] = []
    for entry in entries:
        if entry.kind is Kind.RUN_FINISHED:
            found += [f"seq {entry.seq}: {said}" for said in _not_at_rest(readers)]
        elif entry.saga and (entry.lane is Lane.ORCHESTRATOR or entry.kind is Kind.OPERATOR_ACTED):
            reader = readers.setdefault(entry.saga, _Reader(definition))
            found += [f"{entry.saga}, seq {entry.seq}: {said}" for said in reader.read(entry)]
    return found


@dataclass
class _Line:
    """What was said of one direction of one step."""

    attempts: int = 0
    failures: int = 0
    key: str = ""
    due_at: int | None = None
    open: bool = False
    ok: bool = False
    unknown: bool = False
    queued: bool = False
    parked: bool = False
    refused: bool = False
    given_up: bool = False

    @property
    def maybe(self) -> bool:
        return self.ok or self.unknown or self.queued


class _Reader:
    """Reads one saga; `stage` is new, forward, settling, backward, stuck or ended."""

    def __init__(self, definition: SagaDefinition) -> None:
        self.definition = definition
        self.stage = "new"
        self.stuck_in: tuple[str, str, Op | None] = ("", "", None)
        self.lines = {(step.name, op): _Line() for step in definition.steps for op in Op}
        self.owed: list[str] = []
        self.settled: list[str] = []
        self.cancelled = False
        self.open_at_turn = ""
        self.policy: Mapping[str, Any] = {}
        self.deadline_at: int | None = None
        self._wrong: list[str] = []

    def read(self, entry: Entry) -> list[str]:
        """Return what is wrong with the next entry."""
        self._wrong = []
        if self.stage == "new" and entry.kind is not Kind.SAGA_STARTED:
            return ["a saga starts before all else"]
        word = _WORDS.get(entry.kind)
        self._must(word is not None, f"{entry.kind} is no word of the orchestrator")
        self._must(self.stage == "new" or entry.kind is not Kind.SAGA_STARTED, "a saga starts once")
        self._must(self.stage != "ended" or entry.lane is not Lane.ORCHESTRATOR, f"{entry.kind} after the end")
        known = not entry.step or entry.step in self._names()
        self._must(known, f"the definition has no step {entry.step!r}")
        if word and known:
            word(self, entry)
        return self._wrong

    def started(self, entry: Entry) -> None:
        named = (entry.detail["definition"], entry.detail["version"])
        self._must(named == (self.definition.name, self.definition.version), f"it is a saga of {named}")
        self.policy, self.deadline_at = entry.detail["policy"], entry.detail["deadline_at"]
        self.stage = "forward"

    def attempt(self, entry: Entry) -> None:
        line, what = self._line(entry), f"{entry.op} of {entry.step}"
        self._must(not self._open(), f"{what} starts while {self._open()} awaits an answer")
        self._must(
            entry.attempt == line.attempts + 1, f"attempt {entry.attempt} of {what} follows attempt {line.attempts}"
        )
        self._must(entry.key == self._key(entry), f"{what} has the key {entry.key!r}, not {self._key(entry)!r}")
        self._must(not self._spent(entry.step, entry.op), f"{what} starts after its budget is spent")
        if line.failures and not line.parked:
            self._must(line.due_at is not None, f"{what} is tried again without a retry-scheduled")
        self._must(line.due_at is None or entry.at >= line.due_at, f"{what} starts before it is due")
        if entry.op is Op.ACTION:
            self._must(self.stage == "forward", f"{what} starts in stage {self.stage}")
            self._must(entry.step == self._current(), f"{what} starts, {self._current()!r} is next")
            obeyed = not self.cancelled or line.parked or self._no_return()
            self._must(obeyed, f"{what} starts after the saga was cancelled")
        else:
            self._must(self.stage == "backward", f"{what} starts in stage {self.stage}")
            self._must(not self._forgotten(), f"{what} starts, but nothing is owed to {self._forgotten()}")
            self._must(entry.step == self._newest_owed(), f"{what} starts, {self._newest_owed()!r} is the newest owed")
        line.attempts, line.key, line.open, line.parked, line.due_at = entry.attempt, entry.key, True, False, None

    def outcome(self, entry: Entry) -> None:
        line, detail = self._line(entry), entry.detail
        here = line.open and entry.attempt == line.attempts
        self._must(here, f"{entry.kind} of {entry.step}, attempt {entry.attempt}: it awaits no outcome")
        self._must(entry.key in ("", line.key), f"the outcome of {entry.step} came under the key {entry.key!r}")
        line.open = False
        if entry.kind is Kind.ATTEMPT_SUCCEEDED:
            line.ok, line.unknown, line.queued = True, False, False
        elif entry.kind is Kind.LOCK_DENIED:
            self._must(detail["waiting"] is True, "a refused lock is an attempt-failed")
            line.queued = line.parked = True
        else:
            line.failures += 1
            line.unknown = line.unknown or entry.kind is Kind.ATTEMPT_UNKNOWN
            line.refused = entry.kind is Kind.ATTEMPT_FAILED and not detail["retryable"]
            if detail.get("whole_key"):
                line.unknown = line.queued = False

    def retry(self, entry: Entry) -> None:
        line, budget = self._line(entry), self._budget(entry.step, entry.op)
        self._must(line.failures > 0 and not line.open, f"a retry of {entry.step} without a failure")
        self._must(entry.attempt == line.attempts + 1, f"a retry of {entry.step} names attempt {entry.attempt}")
        self._must(line.due_at is None, f"a second retry of {entry.step} for one failure")
        self._must(not self._spent(entry.step, entry.op), f"a retry of {entry.step} after its budget is spent")
        longest = min(budget["max_ms"], budget["initial_ms"] * budget["factor"] ** (line.failures - 1))
        delay = entry.detail["delay_ms"]
        self._must(0 <= delay <= longest, f"a back-off of {delay} ms, at most {longest} were allowed")
        self._must(budget["jitter"] or delay == int(longest), f"a back-off of {delay} ms without jitter, not {longest}")
        line.due_at = entry.detail["due_at"]

    def turn(self, entry: Entry) -> None:
        cause, at = entry.detail["cause"], self._current()
        self._must(self.stage == "forward", f"the saga turns in stage {self.stage}")
        self._must(bool(at) and not self._no_return(), "the saga turns after the point of no return")
        self._must(cause["step"] == at == entry.step, f"the saga turns at {cause['step']!r}, {at!r} was next")
        spent = bool(at) and self._spent(at, Op.ACTION)
        late = self.deadline_at is not None and entry.at >= self.deadline_at
        why = {"failed": spent, "unknown": spent, "cancelled": self.cancelled, "deadline": late}
        self._must(why.get(cause["outcome"], False), f"the saga turns without reason: {dict(cause)}")
        self.stage, self.open_at_turn = "backward", self._open()

    def owe(self, entry: Entry) -> None:
        step, older = entry.step, self._index(self.owed[-1]) if self.owed else len(self.lines)
        self._must(self.stage == "backward", f"{step} is owed a compensation in stage {self.stage}")
        self._must(self.definition.step(step).compensation is not None, f"{step} has no compensation to owe")
        self._must(self.lines[step, Op.ACTION].maybe, f"{step} is owed a compensation and cannot have taken effect")
        self._must(step not in self.owed, f"{step} is owed its compensation twice")
        self._must(self._index(step) < older or step == self.open_at_turn, f"{step} is owed after an older step")
        self.owed.append(step)

    def settle(self, entry: Entry) -> None:
        self._must(self.stage == "forward" and not self._current(), "the settlement comes before the last success")
        self._must(list(entry.detail["steps"]) == self._to_settle(), f"settlement of {entry.detail['steps']}")
        self.stage = "settling"

    def told(self, entry: Entry) -> None:
        self._must(self.stage == "settling", f"{entry.step} is settled in stage {self.stage}")
        rest = [name for name in self._to_settle() if name not in self.settled]
        self._must(rest[:1] == [entry.step], f"{entry.step} is settled, left were {rest}")
        self.settled.append(entry.step)

    def complete(self, entry: Entry) -> None:
        self._must(self.stage == "settling" and self.settled == self._to_settle(), "completed without settlement")
        self.stage = "ended"

    def compensated(self, entry: Entry) -> None:
        self._must(self.stage == "backward" and not self._open(), f"compensated in stage {self.stage}")
        lacking = [name for name in self.owed if not self.lines[name, Op.COMPENSATION].ok]
        self._must(not lacking, f"compensated without the success of {lacking}")
        self._must(not self._forgotten(), f"compensated, but nothing was owed to {self._forgotten()}")
        self.stage = "ended"

    def stop(self, entry: Entry) -> None:
        self._must(self.stage in ("forward", "backward", "settling"), f"it needs an operator in stage {self.stage}")
        if entry.op:
            self._must(self._spent(entry.step, entry.op), f"{entry.step} needs an operator, its budget is not spent")
            self._must(not self._open(), f"it needs an operator while {self._open()} awaits an answer")
            way = self._newest_owed() if entry.op is Op.COMPENSATION else self._current()
            self._must(entry.step == way, f"{entry.step} needs an operator, {way!r} was next")
        if entry.op is Op.ACTION:
            self._must(self._no_return(), f"{entry.step} needs an operator, but could be undone")
        self.stuck_in, self.stage = (self.stage, entry.step, entry.op), "stuck"

    def act(self, entry: Entry) -> None:
        self.cancelled = self.cancelled or entry.detail["action"] == "cancel"
        action = entry.detail["action"]
        if action == "fail":
            line = self._line(entry)
            self._must(line.open, f"{entry.step} is failed and awaits no answer")
            line.given_up = True
        if action in ("retry", "resolve") and self.stage == "stuck":
            self.stage, step, op = self.stuck_in
            if op:
                line = self.lines[step, op]
                line.failures, line.refused, line.given_up, line.due_at = 0, False, False, None
                line.ok = action == "resolve"

    def unguarded(self, entry: Entry) -> None:
        self._must(False, f"{entry.kind} is no end of an orchestrated saga")
        self.stage = "ended"

    def _must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self._wrong.append(otherwise)

    def _line(self, entry: Entry) -> _Line:
        return self.lines[entry.step, entry.op or Op.ACTION]

    def _names(self) -> list[str]:
        return [step.name for step in self.definition.steps]

    def _index(self, step: str) -> int:
        return self._names().index(step)

    def _open(self) -> str:
        return next((name for (name, _), line in self.lines.items() if line.open), "")

    def _current(self) -> str:
        return next((name for name in self._names() if not self.lines[name, Op.ACTION].ok), "")

    def _newest_owed(self) -> str:
        unsettled = [name for name in self.owed if not self.lines[name, Op.COMPENSATION].ok]
        return max(unsettled, key=self._index, default="")

    def _forgotten(self) -> list[str]:
        return [name for name in self._names() if self.lines[name, Op.ACTION].maybe and name not in self.owed]

    def _to_settle(self) -> list[str]:
        return [step.name for step in self.definition.steps if step.settlement]

    def _no_return(self) -> bool:
        """True from the moment from which a pivot may have taken effect, or a retriable step is next."""
        if not self._current():
            return True
        kinds = {step.kind for step in self.definition.steps if self.lines[step.name, Op.ACTION].maybe}
        return "pivot" in kinds or self.definition.step(self._current()).kind == "retriable"

    def _spent(self, step: str, op: Op | None) -> bool:
        line = self.lines[step, op or Op.ACTION]
        undecided = self.definition.step(step).kind == "pivot" and line.maybe
        spent = line.given_up or line.failures >= self._budget(step, op)["max_attempts"]
        return spent or (line.refused and not undecided)

    def _budget(self, step: str, op: Op | None) -> Mapping[str, Any]:
        found: Step = self.definition.step(step)
        own, plan = (found.retry, "retry") if op is Op.ACTION else (found.compensation_retry, "compensation_retry")
        budget: Mapping[str, Any] = self.policy[plan]
        return {name: getattr(own, name) for name in budget} if own else budget

    def _key(self, entry: Entry) -> str:
        step = self.definition.step(entry.step)
        name = step.name if entry.op is Op.ACTION else step.compensation_name
        return f"saga:{entry.order}" if self.policy["key_scope"] == "order" else f"saga:{entry.order}:{name}"


def _not_at_rest(readers: Mapping[str, _Reader]) -> list[str]:
    stuck = any(reader.stage == "stuck" for reader in readers.values())
    return [
        f"the run is finished and {saga} is in stage {reader.stage}"
        for saga, reader in readers.items()
        if reader.stage not in ("ended", "stuck") and not (stuck and any(line.parked for line in reader.lines.values()))
    ]


_WORDS: Mapping[Kind, Callable[[_Reader, Entry], None]] = {
    Kind.SAGA_STARTED: _Reader.started,
    Kind.ATTEMPT_STARTED: _Reader.attempt,
    Kind.ATTEMPT_SUCCEEDED: _Reader.outcome,
    Kind.ATTEMPT_FAILED: _Reader.outcome,
    Kind.ATTEMPT_UNKNOWN: _Reader.outcome,
    Kind.LOCK_DENIED: _Reader.outcome,
    Kind.RETRY_SCHEDULED: _Reader.retry,
    Kind.SAGA_COMPENSATING: _Reader.turn,
    Kind.COMPENSATION_OWED: _Reader.owe,
    Kind.SETTLEMENT_OWED: _Reader.settle,
    Kind.LOCK_RELEASED: _Reader.told,
    Kind.SAGA_COMPLETED: _Reader.complete,
    Kind.SAGA_COMPENSATED: _Reader.compensated,
    Kind.SAGA_NEEDS_OPERATOR: _Reader.stop,
    Kind.OPERATOR_ACTED: _Reader.act,
    Kind.SAGA_ABANDONED: _Reader.unguarded,
    Kind.SAGA_LOST: _Reader.unguarded,
}
