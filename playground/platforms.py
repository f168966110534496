"""Where a platform comes to another end than the engine of this house, and why. Pure.

The table is shown to readers and held by `tests/conformance`: what is not in it must end the same
everywhere, and what is in it must really differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STEP_FUNCTIONS, TEMPORAL, DURABLE_FUNCTIONS = "Step Functions", "Temporal", "Durable Functions"
PLATFORMS: Sequence[str] = (STEP_FUNCTIONS, TEMPORAL, DURABLE_FUNCTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What ends `there` on a platform and `here` on the built-in engine; both are states of a saga.

    `cases` are those of `tests/conformance` in which it does.
    """

    platform: str
    cases: Sequence[str]
    what: str
    here: str
    there: str
    why: str


DIFFERENCES: Sequence[Difference] = (
    Difference(
        platform=STEP_FUNCTIONS,
        cases=("pivot, budget spent", "trip: charge-card error"),
        what="Every attempt at the point of no return fails, and each time the service says that it did nothing.",
        here="compensated",
        there="needs-operator",
        why="A state machine remembers the last error and not the ones before it. An earlier attempt might have had no "
        "answer, so it neither goes on nor turns back.",
    ),
    Difference(
        platform=STEP_FUNCTIONS,
        cases=("no wait before a deadline",),
        what="A step fails nine times and is tried again at once, eight seconds before the deadline.",
        here="completed",
        there="compensated",
        why="Amazon States Language waits a whole second at least before it tries again, so the deadline comes first.",
    ),
)


def listed(platform: str) -> Mapping[str, Difference]:
    """Return the differences of a platform by their cases."""
    return {case: each for each in DIFFERENCES if each.platform == platform for case in each.cases}
