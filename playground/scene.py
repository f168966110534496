"""What a page shows at moment n: a pure fold of the journal's first n entries.

`Fold` takes entries one by one and gives, after each, the whole small scene: the saga in
focus, one line for each other saga, the ledgers and facts of the run. Live pages, replay,
the page without JavaScript and the tests all paint these scenes and derive nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground import faces, wording
from playground.checkout import Checkout
from playground.chorus import Chorus
from playground.focus import Focus
from playground.replay.telling import Telling
from playground.sentences import sentence
from playground.signature import signature
from playground.world import World
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind
from sagas.pausing import Pause, evolve_pause
from sagas.plan import RunPlan, order_name

__all__ = ["Fold", "idle_scene", "sentence"]

PAUSED = "paused"
NOTHING_YET = "Nothing has happened yet."

FOCUS: Mapping[str, type[Focus]] = {"orchestration": Focus, "none": Checkout, "choreography": Chorus}


class Fold:
    """The scene of one run, seen from one saga (`focus`; None is the first that starts)."""

    def __init__(self, plan: RunPlan, definition: SagaDefinition, focus: str | None = None) -> None:
        self._plan, self._definition = plan, definition
        self._many = plan.orders > 1
        self._saga = focus
        self._focus = FOCUS[plan.mode](plan, definition, order_name(_number(focus) - 1))
        self._world = World(definition, many=self._many)
        self._views: dict[str, dict[str, Any]] = {}
        self._others: dict[str, Focus] = {}
        self._lines: dict[str, dict[str, Any]] = {}
        self._over = False
        self._began: int | None = None
        self._telling = Telling()
        self._entry: dict[str, Any] | None = None
        self._seq = self._ms = 0
        self._say = NOTHING_YET
        self._outcome: Entry | None = None
        self._pause = Pause()

    def add(self, entry: Entry) -> None:
        """Take the next entry of the run's journal."""
        if self._began is None:
            self._began = entry.at
        if self._saga is None and entry.kind is Kind.SAGA_STARTED:
            self._saga = entry.saga
        self._seq, self._ms = entry.seq, max(0, entry.at - self._began)
        self._pause = evolve_pause(self._pause, entry)
        changed = self._world.add(entry)
        own = entry.saga in ("", self._saga)
        said = self._add_own(entry) if own else self._add_other(entry)
        self._over = entry.kind is Kind.RUN_FINISHED
        self._forget_views(entry.step if own else "", changed, everything=own and entry.kind in self._focus.far)
        self._entry = {
            "seq": entry.seq,
            "t": self._telling.tell(entry.at),
            "clock": wording.clock(self._ms),
            "kind": str(entry.kind),
            "state": faces.of_entry(entry),
            "what": faces.what(entry, self._focus.name(entry), many=self._many),
            "key": entry.key or None,
            "say": said,
        }

    @property
    def line(self) -> dict[str, Any] | None:
        """The journal line of the last entry; None before the first. `t` is the moment at which it is told."""
        return self._entry

    def scene(self) -> dict[str, Any]:
        """Return the scene after the last entry: JSON values, which later entries do not change."""
        focus, order = self._focus, self._focus.state.order
        for name, leg in focus.legs.items():
            if name not in self._views:
                self._views[name] = leg.view(self._world.ledgers[leg.step.service].view(order))
        return {
            "seq": self._seq,
            "ms": self._ms,
            "saga": self._saga,
            "order": order,
            "plan": focus.plan,
            "end": focus.end,
            "paused": self._pause.is_on,
            "orch": {
                "state": focus.orch[0],
                "word": PAUSED if self._pause.is_on and focus.end is None else focus.orch[1],
                "title": focus.title,
            },
            "legs": [self._views[name] for name in focus.legs],
            "token": focus.token,
            "entry": self._entry,
            "say": self._say,
            "facts": self._facts(),
            "sold": wording.capital(focus.goods.sold),
            "alert": focus.alert,
            "others": list(self._lines.values()),
            "over": self._over,
        }

    def signature(self) -> dict[str, Any]:
        """Return the saga in focus as a line of a list has it; see `playground.signature`."""
        return signature(self._focus)

    def _facts(self) -> dict[str, str]:
        focus, world = self._focus, self._world
        return {
            "charged": wording.plain("payments", world.total("payments")),
            "held": str(sum(world.total(seller) for seller in wording.SELLERS)),
            "shipped": str(world.shipped),
            "knows": focus.knows,
        }

    def _add_own(self, entry: Entry) -> str:
        focus = self._focus
        focus.add(entry)
        if not entry.saga:  # it is about the run as a whole, and so about every saga
            for other in self._others.values():
                other.add(entry)
            self._draw_lines(*self._others)
        said = sentence(entry, focus.known(entry))
        if entry.kind in faces.ENDS:
            self._outcome = entry
        if focus.end is None or self._outcome is None:
            self._say = said
        else:  # at an end the outcome stays, with what still arrives late
            self._say = sentence(self._outcome, focus.known(self._outcome))
        return said

    def _add_other(self, entry: Entry) -> str:
        self._focus.token = None
        if entry.saga not in self._others:
            self._others[entry.saga] = FOCUS[self._plan.mode](self._plan, self._definition, entry.order)
        self._others[entry.saga].add(entry)
        self._draw_lines(entry.saga)
        return f"{entry.order}: {sentence(entry)}"

    def _draw_lines(self, *sagas: str) -> None:
        for saga in sagas:
            other = self._others[saga]
            self._lines[saga] = {"saga": saga, "order": other.state.order, **signature(other)}

    def _forget_views(self, step: str, service: str, *, everything: bool) -> None:
        """Drop the leg views that an entry made old; the others are kept as they are."""
        for name, leg in self._focus.legs.items():
            if everything or name == step or leg.step.service == service:
                self._views.pop(name, None)


def idle_scene(plan: RunPlan, definition: SagaDefinition) -> dict[str, Any]:
    """Return the stage before any run."""
    return Fold(plan, definition).scene()


def _number(saga: str | None) -> int:
    """Return the n of a saga id `<run>-<n>`; 1 where there is none."""
    tail = (saga or "").rpartition("-")[2]
    return int(tail) if tail.isdigit() else 1
