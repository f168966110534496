"""What is wrong, or risky, about the budgets of a declared saga under a plan: tries, waits, timeouts, deadlines. Pure.

Only what the plan's mode heeds is said: a deadline and undos that are retried exist where
somebody drives, a timeout everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from sagas.budgets import action_span_ms, compensation_retry_of, compensation_span_ms, retry_of, timeout_of
from sagas.definition import Step, StepKind
from sagas.lint import Declared, Finding, Severity, worst_first
from sagas.plan import RunPlan

ENDURING_MS = 24 * 3600 * 1000  # whoever has to go through is tried for a day, and outlasts any outage


def lint_budgets(declared: Declared, plan: RunPlan) -> list[Finding]:
    """Return what is wrong with the budgets that each step would have; the worst first.

    `plan.latency_ms` is how long a call takes until its answer on a good day, 0 where that is not known.
    """
    rules = (_timeouts, _deadline, _late_tries, _compensation_budgets, _one_try, _enduring)
    return worst_first([finding for rule in rules for finding in rule(declared, plan)])


def _timeouts(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    for step in declared.steps:
        patience = timeout_of(step, plan)
        if patience < plan.latency_ms:
            yield Finding(
                rule="timeout-below-latency",
                severity=Severity.ERROR,
                step=step.name,
                wrong=f"{step.name} is given up after {patience} ms and answers after {plan.latency_ms} ms, so each "
                "answer comes too late and every call counts as unknown.",
                instead=f"Wait longer than {plan.latency_ms} ms: several times the latency of a good day.",
            )


def _deadline(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    """Yield a deadline that falls before the last step that may still be given up can begin, with nothing going wrong."""
    if plan.deadline_ms is None or plan.mode == "choreography":
        return
    for n, step in enumerate(_may_turn(declared) if plan.mode == "orchestration" else declared.steps):
        if n * plan.latency_ms >= plan.deadline_ms:
            yield Finding(
                rule="deadline-too-short",
                severity=Severity.ERROR,
                step=step.name,
                wrong=f"On a good day {step.name} begins after {n * plan.latency_ms} ms, and the deadline has passed "
                f"after {plan.deadline_ms} ms: no order ever completes.",
                instead="Move the deadline beyond the time that all the calls take.",
            )
            return


def _late_tries(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    """Yield each step whose tries, if all of them are needed, last beyond the deadline."""
    if plan.deadline_ms is None or plan.mode != "orchestration":
        return
    if any(timeout_of(step, plan) < plan.latency_ms for step in declared.steps):
        return  # no answer is heard in time anyway
    for n, step in enumerate(_may_turn(declared)):
        begins, lasts = n * plan.latency_ms, action_span_ms(step, plan)
        # Of a pivot that was not answered nobody knows whether it may be given up, so a deadline cuts nothing short.
        cut = step.kind is not StepKind.PIVOT and retry_of(step, plan).max_attempts > 1
        if cut and begins < plan.deadline_ms < begins + lasts:
            yield Finding(
                rule="tries-beyond-deadline",
                severity=Severity.WARNING,
                step=step.name,
                wrong=f"{retry_of(step, plan).max_attempts} tries of {step.name} last up to {lasts} ms from "
                f"{begins} ms on, and the deadline of {plan.deadline_ms} ms turns the order back before they are spent.",
                instead="Lengthen the deadline, or shorten timeout and waits, until the whole budget fits.",
            )


def _compensation_budgets(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    if plan.mode == "none":
        return
    # Where nobody drives, nobody is called either: an undo that is spent is not heard of again.
    nobody = plan.mode == "choreography"
    severity = Severity.ERROR if nobody else Severity.WARNING
    end = "leaves the order half done for good" if nobody else "leaves the undo to a person"
    for step in declared.steps:
        if step.compensation is None or step.kind is not StepKind.COMPENSATABLE:
            continue
        lasts, unknown = compensation_span_ms(step, plan), action_span_ms(step, plan)
        if compensation_retry_of(step, plan).max_attempts == 1:
            yield Finding(
                rule="compensation-tried-once",
                severity=severity,
                step=step.name,
                wrong=f"{step.compensation_name} is tried once, so a single error {end}.",
                instead="Let an undo be tried at least as often as its action.",
            )
        elif lasts < unknown:
            yield Finding(
                rule="compensation-gives-up-first",
                severity=severity,
                step=step.name,
                wrong=f"{step.compensation_name} gives up after {lasts} ms, while what {step.name} did may be unknown for "
                f"{unknown} ms: an outage that the action outlasts {end}.",
                instead="Give the undo more tries or longer waits than its action.",
            )


def _one_try(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    if plan.mode == "none":
        return  # there is no second try in any case
    for step in declared.steps:
        if step.kind is StepKind.COMPENSATABLE and retry_of(step, plan).max_attempts == 1:
            yield Finding(
                rule="tried-once",
                severity=Severity.NOTE,
                step=step.name,
                wrong=f"One lost answer to {step.name}, and the order is given up.",
                instead="Allow a second try: with a key it is safe.",
            )


def _enduring(declared: Declared, plan: RunPlan) -> Iterator[Finding]:
    if plan.mode != "orchestration":
        return
    for step in declared.steps:
        retry = retry_of(step, plan)
        if step.kind is StepKind.RETRIABLE and action_span_ms(step, plan) < ENDURING_MS:
            yield Finding(
                rule="retriable-gives-up",
                severity=Severity.WARNING,
                step=step.name,
                wrong=f"{step.name} has to go through and cannot be undone, but after {retry.max_attempts} tries within "
                f"{action_span_ms(step, plan)} ms a person has to see to it.",
                instead="Give it a retry policy of its own that outlasts any outage.",
            )


def _may_turn(declared: Declared) -> list[Step]:
    """Return the steps before which an order may still be given up."""
    steps = list(declared.steps)
    kinds = [step.kind for step in steps]
    end = next((n for n, kind in enumerate(kinds) if kind is StepKind.RETRIABLE), len(steps))
    if StepKind.PIVOT in kinds:
        end = min(end, kinds.index(StepKind.PIVOT) + 1)
    return steps[:end]
