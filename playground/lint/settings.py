"""Rules about what a scenario switches off: the saga itself, keys, locks, whoever would notice. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from playground.lint.proofs import paying_step, sharing_steps
from playground.scenario import Scenario
from sagas.definition import SagaDefinition
from sagas.lint import Finding, Severity

UNLOCKED = ("off", "naive")


def no_saga(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    if scenario.mode == "none":
        yield Finding(
            rule="no-saga",
            severity=Severity.ERROR,
            wrong="When a call fails, what was done before it stands, and nobody knows.",
            instead="Let an orchestrator, or events, undo what was done.",
        )


def keys_off(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    step = paying_step(definition)
    if not scenario.idempotency:
        yield Finding(
            rule="keys-off",
            severity=Severity.ERROR,
            step=step,
            wrong=f"A message that arrives twice is obeyed twice: {step} is done again, and so is whatever else comes twice.",
            instead="Switch keys on, so that a second delivery gets the answer of the first.",
        )


def key_without_step(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    shared = sharing_steps(definition)
    if scenario.key_scope == "order" and scenario.mode != "none" and shared is not None:
        action, undo = shared
        yield Finding(
            rule="key-without-step",
            severity=Severity.ERROR,
            step=action,
            wrong=f"{action} and {undo} have one key, so the undo is given the action's answer and undoes nothing.",
            instead="Make the key of order and step, as in saga:ord-8412:charge-payment.",
        )


def unlocked_race(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    contested = definition.contested
    if contested is not None and scenario.lock in UNLOCKED and scenario.orders > scenario.stock > 0:
        yield Finding(
            rule="unlocked-race",
            severity=Severity.ERROR,
            step=contested.name,
            wrong=f"All {scenario.orders} orders look before any of them takes: more than the stock of {scenario.stock} "
            "is promised.",
            instead="Take the record in one conditional update, as the locks fail fast and wait in line do.",
        )


def wait_without_end(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    contested = definition.contested
    if contested is None or contested.compensation is None or scenario.lock != "wait":
        return
    if scenario.mode == "orchestration" and scenario.orders > scenario.stock > 0 and scenario.deadline_ms is None:
        yield Finding(
            rule="wait-without-end",
            severity=Severity.WARNING,
            step=contested.name,
            wrong="Behind an order that waits for a person, the others wait in line for as long as that person takes.",
            instead="Give orders a deadline, or let them fail fast.",
        )


def watcher(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    if scenario.mode != "choreography":
        return
    if scenario.watcher_ms is None:
        yield Finding(
            rule="nobody-watches",
            severity=Severity.ERROR,
            wrong="When one event is lost, the order stops half done, and no participant notices.",
            instead="Let a watcher call off an order that has fallen silent.",
        )
    elif scenario.watcher_ms < scenario.latency_ms:
        yield Finding(
            rule="impatient-watcher",
            severity=Severity.ERROR,
            wrong=f"A delivery takes {scenario.latency_ms} ms, and after {scenario.watcher_ms} ms of silence the watcher "
            "calls the order off: sound orders are undone.",
            instead="Let the watcher wait longer than a delivery with all its tries.",
        )


def unheeded_deadline(scenario: Scenario, definition: SagaDefinition) -> Iterator[Finding]:
    if scenario.mode == "choreography" and scenario.deadline_ms is not None:
        yield Finding(
            rule="unheeded-deadline",
            severity=Severity.WARNING,
            wrong=f"Nobody drives, so nobody looks at the deadline of {scenario.deadline_ms} ms: a late order goes on.",
            instead="Let a watcher call off an order that is silent for too long, or have an orchestrator.",
        )


SETTINGS: Sequence[Callable[[Scenario, SagaDefinition], Iterator[Finding]]] = (
    no_saga,
    keys_off,
    key_without_step,
    unlocked_race,
    wait_without_end,
    watcher,
    unheeded_deadline,
)
