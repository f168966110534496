"""How long a budget lasts at worst: every attempt unanswered, every wait as long as it may be. Pure.

The waits are the decider's own. With jitter they may be shorter, never longer, so the worst
case is the one without.
"""

from __future__ import annotations

from dataclasses import replace

from sagas.decider import delay_ms
from sagas.definition import Retry, Step
from sagas.entries import Op
from sagas.plan import RunPlan

SETTLE_WAITS_MS = (200, 400, 800, 1600, 3200, 5000)


def settle_wait_ms(unanswered: int) -> int:
    """Return the wait before a settlement is told again that got no answer `unanswered` times before; it ends with one."""
    return SETTLE_WAITS_MS[min(unanswered, len(SETTLE_WAITS_MS) - 1)]


def span_ms(retry: Retry, timeout_ms: int) -> int:
    """Return milliseconds from the first attempt to the end of the last one's patience."""
    plain = replace(retry, jitter=False)
    waits = sum(delay_ms(plain, n, 0, "", "", Op.ACTION, n + 1) for n in range(1, retry.max_attempts))
    return retry.max_attempts * timeout_ms + waits


def timeout_of(step: Step, plan: RunPlan) -> int:
    """Return how long one attempt of a step waits for its answer, in milliseconds."""
    return round(step.timeout * 1000) if step.timeout else plan.timeout_ms


def retry_of(step: Step, plan: RunPlan) -> Retry:
    """Return the budget of a step's action."""
    return step.retry or plan.retry


def compensation_retry_of(step: Step, plan: RunPlan) -> Retry:
    """Return the budget of a step's undo."""
    return step.compensation_retry or plan.compensation_retry


def action_span_ms(step: Step, plan: RunPlan) -> int:
    """Return how long a step may be tried before it counts as failed: as long it may be unknown what it did."""
    return span_ms(retry_of(step, plan), timeout_of(step, plan))


def compensation_span_ms(step: Step, plan: RunPlan) -> int:
    """Return how long an undo is tried before a person is asked."""
    return span_ms(compensation_retry_of(step, plan), timeout_of(step, plan))
