"""What is wrong, or risky, about a saga as it is declared. Pure: nothing is called and nothing is tried.

Anything with a name, a version and steps can be read, so also what `SagaDefinition` refuses: its
refusal carries the `Declaration`. Findings that it refuses outright are marked `refused`; those that
it allows are about the budgets of a plan, in `sagas.lint_budgets`, and about a point of no return
that brings more risk than it takes away.

    error     money, stock or a promise ends up wrong, or nobody knows, or it never completes
    warning   it ends well, but a person is called, or an order undone, where it need not be
    note      worth knowing; nothing goes wrong by it alone

Sources: Garcia-Molina and Salem, 1987 (every step needs its compensation before it runs);
Richardson, "Microservices Patterns", chapter 4 (the order of kinds around the pivot).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sagas.definition import NAME, Step, StepKind


class Severity(StrEnum):
    """How bad it is if nothing is done about a finding, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule says: one sentence of what goes wrong, one of what to do.

    `step` is the action's name, "" where the whole saga is meant. `refused`: `SagaDefinition`
    refuses such a declaration when it is made.
    """

    rule: str
    severity: Severity
    step: str = ""
    wrong: str
    instead: str
    refused: bool = False


class Declared(Protocol):
    """What can be linted: a `SagaDefinition`, or a `Declaration` that could not become one."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def steps(self) -> tuple[Step, ...]: ...


def lint(declared: Declared) -> list[Finding]:
    """Return what is wrong with the steps themselves, whatever a run is told; the worst first."""
    rules = (_empty, _names, _shared_names, _compensations, _order, _pivot_at_the_end)
    return worst_first([finding for rule in rules for finding in rule(declared)])


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by severity; within one, in the order in which they were found."""
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))


def _refused(rule: str, step: str, wrong: str, instead: str) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, step=step, wrong=wrong, instead=instead, refused=True)


def _empty(declared: Declared) -> Iterator[Finding]:
    if not declared.steps:
        yield _refused("no-steps", "", "A saga without steps does nothing and ends nowhere.", "Give it a step.")


def _names(declared: Declared) -> Iterator[Finding]:
    instead = "Write it in lower-case words joined by dashes, as in charge-payment."
    if not NAME.fullmatch(declared.name):
        yield _refused("unusable-name", "", f"The saga's name {declared.name!r} fits in no address.", instead)
    if declared.version < 1:
        yield _refused(
            "unusable-name",
            "",
            f"Version {declared.version} is none that a running saga could keep to.",
            "Count versions from 1.",
        )
    for step in declared.steps:
        undo = step.compensation_name if step.compensation is not None else None
        for name in (step.name, undo):
            if name is not None and not NAME.fullmatch(name):
                yield _refused(
                    "unusable-name", step.name, f"The name {name!r} is part of a key, and fits in none.", instead
                )


def _shared_names(declared: Declared) -> Iterator[Finding]:
    """Yield names that stand for two calls: their keys would be one, and the second gets the first one's answer."""
    seen: dict[str, str] = {}
    for step in declared.steps:
        for name in (step.name, step.compensation_name):
            if name and name in seen:
                yield _refused(
                    "shared-name",
                    step.name,
                    f"The name {name} is used by {seen[name]} already, so two calls share one key and the second one "
                    "is given the first one's answer.",
                    "Give each action and each undo a name of its own.",
                )
            elif name:
                seen[name] = step.name


def _compensations(declared: Declared) -> Iterator[Finding]:
    for n, step in enumerate(declared.steps):
        if step.kind is not StepKind.COMPENSATABLE:
            if step.compensation is not None:
                yield _refused(
                    "idle-compensation",
                    step.name,
                    f"{step.name} is a {step.kind} step, which is never undone: {step.compensation_name} never runs.",
                    "Take the undo away, or make the step compensatable.",
                )
        elif step.compensation is None:
            yield _without_compensation(step, declared.steps[n + 1 :])


def _without_compensation(step: Step, later: Sequence[Step]) -> Finding:
    """Return what is said of a step without an undo: somebody may have registered it later, and that is too late."""
    other = next((s for s in later if s.service == step.service and s.compensation is not None), None)
    if other is None:
        return _refused(
            "missing-compensation",
            step.name,
            f"When a later step fails, what {step.name} did stands, and nobody takes it back.",
            "Give it a compensation, or a kind that needs none: pivot or retriable.",
        )
    return _refused(
        "late-compensation",
        step.name,
        f"{other.compensation_name} is registered with {other.name}, after {step.name} may already have happened: "
        f"whatever fails in between leaves {step.name} standing.",
        f"Declare the undo with {step.name} itself, so that it is owed before the call is made.",
    )


def _order(declared: Declared) -> Iterator[Finding]:
    """Yield what breaks compensatable* → pivot → retriable*."""
    passed: Step | None = None
    for step in declared.steps:
        if step.kind is StepKind.COMPENSATABLE and passed is not None:
            yield _refused(
                "compensatable-after-pivot",
                step.name,
                f"{step.name} can fail after {passed.name}, which cannot be undone: the saga can go neither on nor back.",
                f"Call {step.name} before {passed.name}, or make it retriable so that it goes through in the end.",
            )
        elif step.kind is StepKind.PIVOT and passed is not None:
            yield _after_return(step, passed)
        if step.kind is not StepKind.COMPENSATABLE and passed is None:
            passed = step


def _after_return(step: Step, passed: Step) -> Finding:
    if passed.kind is StepKind.PIVOT:
        return _refused(
            "second-pivot",
            step.name,
            f"{passed.name} has passed the point of no return, and {step.name} may still say no: nothing can be undone then.",
            "Keep one pivot, and make what follows it retriable.",
        )
    return _refused(
        "retriable-before-pivot",
        step.name,
        f"{passed.name} has been done for good before {step.name} decides whether the order goes through.",
        f"Call {passed.name} after the pivot, or give it a compensation.",
    )


def _pivot_at_the_end(declared: Declared) -> Iterator[Finding]:
    last = declared.steps[-1] if declared.steps else None
    if last is not None and last.kind is StepKind.PIVOT:
        yield Finding(
            rule="pivot-at-the-end",
            severity=Severity.NOTE,
            step=last.name,
            wrong=f"When {last.name} is not answered, nobody can tell whether it happened and a person has to decide, "
            "though no later step depends on it.",
            instead="Give it a compensation and make it compensatable, if what it does can be taken back.",
        )
