"""What is wrong, or risky, about a scenario: its saga's steps, their budgets, and its protections. Pure.

`sagas.lint` and `sagas.lint_budgets` judge the declaration, `settings` what a scenario switches
off, and `proofs` shows each finding to be true by a scenario that goes wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playground.lint.proofs import EXAMPLES, proof
from playground.lint.settings import SETTINGS
from playground.scenario import Scenario
from sagas import catalog
from sagas.lint import Declared, Finding, lint, worst_first
from sagas.lint_budgets import lint_budgets
from sagas.plan import RunPlan

__all__ = ["Advice", "advise", "advise_on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A finding, the further steps of which the same is true, and the query of a scenario that shows it; "" for none."""

    finding: Finding
    also: tuple[str, ...] = ()
    shows: str = ""

    @property
    def address(self) -> str:
        """Where a reader sees it go wrong; "" where there is nothing to see."""
        return f"/lab/?{self.shows}" if self.shows else ""

    def to_json(self) -> dict[str, Any]:
        """Return the finding as `saga lint --json` prints it."""
        return {
            "rule": self.finding.rule,
            "severity": str(self.finding.severity),
            "step": self.finding.step or None,
            "also": list(self.also),
            "wrong": self.finding.wrong,
            "instead": self.finding.instead,
            "refused": self.finding.refused,
            "shows": self.address or None,
        }


def advise(scenario: Scenario, tried: Sequence[Finding] = ()) -> list[Advice]:
    """Return what is wrong with a scenario, the worst first; `tried` as of `advise_on`."""
    definition = catalog.definition(scenario.saga)
    findings = [*lint(definition), *lint_budgets(definition, scenario.plan())]
    findings += [finding for rule in SETTINGS for finding in rule(scenario, definition)]
    return _told([*findings, *tried], scenario)


def advise_on(declared: Declared, tried: Sequence[Finding] = ()) -> list[Advice]:
    """Return what is wrong with a declaration, sound or not, under the budgets of a default plan.

    `tried` is what came out when its steps were really called. How long its calls take is not known.
    """
    return _told([*lint(declared), *lint_budgets(declared, RunPlan(latency_ms=0)), *tried])


def _told(findings: Sequence[Finding], scenario: Scenario | None = None) -> list[Advice]:
    """Return one piece of advice for each rule, the worst first: further steps stand beside the first."""
    grouped: dict[str, list[Finding]] = {}
    for finding in worst_first(findings):
        grouped.setdefault(finding.rule, []).append(finding)
    return [
        Advice(
            finding=first,
            also=tuple(dict.fromkeys(finding.step for finding in others if finding.step != first.step)),
            shows=_shows(first, scenario),
        )
        for first, *others in grouped.values()
    ]


def _shows(finding: Finding, scenario: Scenario | None) -> str:
    found = proof(finding, scenario) if scenario is not None else None
    return EXAMPLES.get(finding.rule, "") if found is None else found.query()
