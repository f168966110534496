"""One pass over a run's journal for everything that its page says beside the stage. Pure."""

from __future__ import annotations

from typing import Any

from playground.replay.beliefs import Beliefs
from playground.replay.lights import Lights
from playground.replay.records import Records
from playground.replay.telling import Telling
from playground.replay.trace import Trace
from sagas.definition import SagaDefinition
from sagas.entries import Entry
from sagas.plan import RunPlan


class Reading:
    """The panels of one run, seen from one saga. `price` is what one order costs, in cents."""

    def __init__(self, plan: RunPlan, definition: SagaDefinition, saga: str, order: str, *, price: int) -> None:
        self.records = Records(definition)
        self.lights = Lights(definition, self.records, price=price, stock=plan.stock, kept_back=plan.keep_back)
        self.trace = Trace(definition, saga)
        self.beliefs = Beliefs(plan, definition, saga, order)
        self._telling = Telling()
        self._moments = [0]
        self._began: int | None = None
        self.seq = 0

    def add(self, entry: Entry) -> None:
        """Take the next entry of the run's journal."""
        if self._began is None:
            self._began = entry.at
        self.seq, ms = entry.seq, max(0, entry.at - self._began)
        self.records.add(entry, ms)
        self.lights.add(entry)
        self._moments.append(self._telling.tell(entry.at))
        self.trace.add(entry, self._moments[-1], ms)
        self.beliefs.add(entry)

    def view(self, at: int) -> dict[str, Any]:
        """Return the panels as a template shows them at entry `at`."""
        return {
            "at": at,
            "seq": self.seq,
            "records": self.records.view(at),
            "lights": self.lights.view(at),
            "trace": self.trace.view(at, self._moments[at]),
            "beliefs": self.beliefs.view(at),
            "driven": self.beliefs.driven,
        }
