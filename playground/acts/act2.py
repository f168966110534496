"""Act 2, the way back: pick the step that fails, whether the first undo fails too, and what else each step does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.acts.base import NOTHING, PICKS, STEPS, Act, FormReader, failing_step
from playground.scenario import FaultSpec, Scenario
from sagas import catalog

BASE: Mapping[str, Any] = {
    "latency_ms": 1100,  # slow enough to watch one call at a time
    "timeout_ms": 3000,
    "retry": {"max_attempts": 1},
    "compensation_retry": {"max_attempts": 4, "initial_ms": 1000, "factor": 2.0, "max_ms": 5000},
}


ILLS: Mapping[str, Mapping[str, Any]] = {
    "refuses": {"kind": "decline"},
    "silent": {"kind": "lost-reply"},
    "undo-twice": {"on": "compensation", "kind": "error", "times": 2},
    "undo-never": {"on": "compensation", "kind": "error", "times": None},
}
ILL_WORDS: Mapping[str, str] = {
    "": "works",
    "refuses": "refuses",
    "silent": "no answer, work done",
    "undo-twice": "undo fails twice",
    "undo-never": "undo never works",
}
WELL = ("",) * len(STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """One step's menu: what it may do, what is chosen, and what would be undone, newest first, if it failed."""

    n: int
    step: str
    chosen: str
    unwind: Sequence[str]

    @property
    def options(self) -> list[tuple[str, str]]:
        """The menu's values and words."""
        return list(ILL_WORDS.items())


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader picked: the step that fails (1 to 5, or "none"), whether the first undo fails, each step's ill."""

    fail: str = "4"
    undo: bool = False
    ills: tuple[str, ...] = WELL

    @property
    def is_ill(self) -> bool:
        """Whether any menu is set."""
        return self.ills != WELL

    @property
    def menus(self) -> list[Menu]:
        """The five menus."""
        undos = [step.compensation_name for step in catalog.ORDER.steps]
        return [
            Menu(n=n, step=step, chosen=ill, unwind=undos[: n - 1][::-1])
            for n, (step, ill) in enumerate(zip(STEPS, self.ills, strict=True), 1)
        ]

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that this choice means."""
        ill = [{"step": step, **ILLS[ill]} for step, ill in zip(STEPS, self.ills, strict=True) if ill]
        return self._picked() + ill

    def _picked(self) -> list[dict[str, Any]]:
        if self.fail == NOTHING:
            return []
        failing = int(self.fail) - 1
        faults: list[dict[str, Any]] = [{"step": STEPS[failing], "kind": "error"}]
        if self.undo and failing > 0:
            budget = BASE["compensation_retry"]["max_attempts"]
            undone_first = STEPS[failing - 1]
            faults.append({"step": undone_first, "on": "compensation", "kind": "error", "times": budget})
        return faults


ACT = Act("act-2", BASE, first={"faults": Choice().faults()})


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    read = FormReader(form)
    ills = tuple(read.one_of(f"ill-{n}", tuple(ILL_WORDS), "") for n in range(1, len(STEPS) + 1))
    choice = Choice(read.one_of("fail", PICKS, NOTHING), read.switch("undo"), ills)
    read.check()
    return choice


def choice_of(scenario: Scenario) -> Choice:
    """Return the choice that shows a scenario on the page, as far as the page can show it."""
    ills = {fault.step: name for fault in scenario.faults if (name := _ill_of(fault))}
    picked = scenario.model_copy(update={"faults": [f for f in scenario.faults if not _ill_of(f)]})
    undone = any(fault.on == "compensation" for fault in picked.faults)
    return Choice(failing_step(picked), undone, tuple(ills.get(step, "") for step in STEPS))


def _ill_of(fault: FaultSpec) -> str:
    """Return the menu entry that a fault is, or "" for one that the menus do not have."""
    told = {"on": fault.on, "kind": fault.kind, "times": fault.times}
    return next((name for name, ill in ILLS.items() if {"on": "action", "times": None, **ill} == told), "")


def scenario_of(choice: Choice) -> Scenario:
    """Return act 2's scenario for a choice made on the page."""
    return ACT.scenario({"faults": choice.faults()})
