"""Each step of a saga really called, twice and in both orders, in databases that nobody keeps.

A linter that only reads can say what a saga is declared to be. Whether an action acts twice, or
an undo takes back what the action did, is seen by calling them. Each word below is delivered in
a world of its own: T is the action, C the compensation, always under one key.

    T T     a second delivery writes nothing new
    T C     nothing stands
    C T     nothing stands, although the action arrives after its undo
    T C C   a second undo takes back nothing more
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sagas import catalog
from sagas.databases import SERVICES
from sagas.decider import key_of
from sagas.definition import Step
from sagas.entries import Op
from sagas.lint import Declared, Finding, Severity
from sagas.memory import MemoryDatabases
from sagas.services.base import Answer, Call, Row, Service, Verdict

ORDER = "ord-8412"
STOCK = 3
EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, so that a try is the same on every day
ACTION, UNDO = Op.ACTION, Op.COMPENSATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the calls are made: what an order is about, and the protections that they have."""

    payload: Mapping[str, Any]
    idempotency: bool = True
    key_scope: str = "step"


def try_steps(declared: Declared, terms: Terms) -> list[Finding]:
    """Return what went wrong when each step was called; what could not be called is a warning, and says why.

    Only services whose databases are the engine's own are tried: another one's would be the real one.
    """
    with MemoryDatabases() as databases:
        return [
            finding for step in declared.steps for finding in databases.work(partial(_try_step, declared, step, terms))
        ]


def _try_step(declared: Declared, step: Step, terms: Terms) -> list[Finding]:
    service = catalog.SERVICES.get(step.service)
    if service is None or step.service not in SERVICES:
        return [_untried(step, f"its service {step.service} has no database that could be thrown away")]
    try:
        return list(_tried(_Trial(declared, step, service, terms)))
    except Exception as error:  # whatever a handler of one's own raises is what is to be told
        return [_untried(step, f"{type(error).__name__}: {error}")]


def _tried(trial: _Trial) -> Iterator[Finding]:
    step, name = trial.step, trial.step.name
    once = trial.play("T")
    if refusal := trial.refusal:
        yield _untried(step, f"{step.service} answers {refusal}")
        return
    if len(trial.play("TT")) > len(once):
        yield _finding(
            "acts-twice",
            name,
            f"{name} was called twice under one key, and did it twice.",
            "Keep the answer under its key, in the transaction of the effect, and give it again.",
        )
    if step.compensation is None:
        return
    undo, undone = step.compensation_name, trial.play("TC")
    if left := _net(undone):
        yield _finding(
            "compensation-leaves-something",
            name,
            f"{undo} was called after {name}, and {left} of what it did still stands.",
            "Let the undo take back all that stands under the action's key.",
        )
    if _net(trial.play("CT")):
        yield _finding(
            "compensation-overtaken",
            name,
            f"{undo} was called first, and {name} still had its effect when it arrived.",
            "Let the undo leave a mark, and the action look for it in the transaction of its effect.",
        )
    if len(trial.play("TCC")) > len(undone):
        yield _finding(
            "compensation-acts-twice",
            name,
            f"{undo} was called twice under one key, and took it back twice.",
            "Keep the undo's answer under its key, and give it again.",
        )


class _Trial:
    """One step of one saga. `refusal` is what its service said instead of doing the action, "" if it did."""

    def __init__(self, declared: Declared, step: Step, service: Service, terms: Terms) -> None:
        self.step, self.refusal = step, ""
        self._saga, self._service, self._terms = declared.name, service, terms

    def play(self, word: str) -> list[Row]:
        """Return the ledger rows of a new world, once each letter of a word was delivered in it."""
        world = f"try-{word}"
        self._service.seed(world, orders=[ORDER], stock=STOCK)
        for letter in word:
            answer = self._deliver(world, ACTION if letter == "T" else UNDO)
            if word == "T" and answer.verdict is not Verdict.OK:
                self.refusal = answer.reason or str(answer.verdict)
        return self._service.ledger(world)

    def _deliver(self, world: str, op: Op) -> Answer:
        step, terms = self.step, self._terms
        handler = step.action if op is ACTION else step.compensation
        assert handler is not None
        call = Call(
            world=world,
            order=ORDER,
            key=key_of(ORDER, step.name if op is ACTION else step.compensation_name, terms.key_scope),
            action_key=key_of(ORDER, step.name),
            op=op,
            body={"order": ORDER, **terms.payload},
            idempotency=terms.idempotency,
            at=EPOCH_MS,
        )
        return self._service.deliver(handler, call)


def _net(rows: list[Row]) -> int:
    return sum(row.amount for row in rows)


def _finding(rule: str, step: str, wrong: str, instead: str) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, step=step, wrong=wrong, instead=instead)


def _untried(step: Step, why: str) -> Finding:
    return Finding(
        rule="not-tried",
        severity=Severity.WARNING,
        step=step.name,
        wrong=f"{step.name} could not be called, so nobody knows whether it may be called twice: {why}.",
        instead="Say what an order is about, or try the step in a test of its own.",
    )
