"""What the linter finds in the lab's scenario, in one line and in full. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playground.lint import Advice, advise
from playground.scenario import Scenario
from sagas.lint import Severity

STATES = {Severity.ERROR: "stuck", Severity.WARNING: "unknown", Severity.NOTE: "idle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding; `where` names its step and counts the others, "" where the whole saga is meant."""

    state: str
    word: str
    where: str
    wrong: str
    instead: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """All findings of a scenario; `word` counts them, and `first` says the worst."""

    state: str
    word: str
    first: str
    lines: Sequence[Line] = ()


def linted(scenario: Scenario | None) -> Linted:
    """Return what is found in a scenario; None is a form that holds none yet."""
    if scenario is None:
        return Linted(state="idle", word="Not checked", first="Something in the form is not readable yet.")
    advice = advise(scenario)
    if not advice:
        return Linted(state="done", word="No findings", first="No rule finds fault with these settings.")
    return Linted(
        state=STATES[advice[0].finding.severity],
        word=_counted(advice),
        first=advice[0].finding.wrong,
        lines=[_line(each) for each in advice],
    )


def _counted(advice: Sequence[Advice]) -> str:
    counts = Counter(each.finding.severity for each in advice)
    return ", ".join(
        f"{counts[severity]} {severity}{'s' if counts[severity] > 1 else ''}"
        for severity in Severity
        if counts[severity]
    )


def _line(advice: Advice) -> Line:
    found = advice.finding
    return Line(
        state=STATES[found.severity],
        word=str(found.severity),
        where=found.step + (f" and {len(advice.also)} more" if advice.also else ""),
        wrong=found.wrong,
        instead=found.instead,
        address=advice.address,
    )
