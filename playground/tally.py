"""A thousand runs as a page shows them: one shape per run, sorted by what became of it, and the counts. Pure.

An outcome is told apart by its shape first and by its hue second, and its words stand beside both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground.verdicts import Outcome

MOST_LISTED = 20  # violations that are written out


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How an outcome looks: a shape, a state that gives the hue, and what it means in words."""

    shape: str
    state: str
    words: str
    always: bool = True  # whether its count is shown when it is zero


FACES: Mapping[Outcome, Face] = {
    Outcome.COMPLETED: Face(shape="full", state="done", words="{sold}, charged once"),
    Outcome.MIXED: Face(shape="half", state="done", words="some {sold}, the others undone", always=False),
    Outcome.COMPENSATED: Face(shape="hollow", state="compensated", words="failed, all undone"),
    Outcome.NEEDS_OPERATOR: Face(shape="triangle", state="stuck", words="needs a human"),
    Outcome.HALF_DONE: Face(shape="ring", state="failed", words="half done, and no one will undo it", always=False),
    Outcome.DOUBLE_CHARGE: Face(shape="cross", state="failed", words="charged twice"),
    Outcome.OVERSOLD: Face(shape="diamond", state="pending", words="oversold"),
    Outcome.VIOLATION: Face(shape="star", state="stuck", words="a rule is broken"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The runs of one outcome, by their numbers from 1."""

    shape: str
    state: str
    words: str
    runs: Sequence[int]


def groups(outcomes: Sequence[Outcome], sold: str) -> list[Group]:
    """Return the groups that are worth a line, best outcome first. `sold`: what becomes of what is bought."""
    found = [
        Group(
            shape=face.shape,
            state=face.state,
            words=face.words.format(sold=sold),
            runs=[n for n, outcome in enumerate(outcomes, 1) if outcome is of],
        )
        for of, face in FACES.items()
    ]
    return [group for group, face in zip(found, FACES.values(), strict=True) if group.runs or face.always]
