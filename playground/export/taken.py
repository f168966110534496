"""A run as it is taken away: all that the databases know of it, read once, as plain values.

Every format is a function of this and of nothing else, so the same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground import facts
from playground.scenario import Scenario
from sagas import catalog, journal
from sagas.definition import SagaDefinition
from sagas.entries import Entry, entry_from_json, iso_from_ms, ms_from_iso
from sagas.errors import RunUnknown
from sagas.models import Run, Saga
from sagas.plan import RunPlan, plan_from_json

ORCHESTRATED = "orchestration"


class ExportRefused(Exception):
    """A run that cannot be written in some format, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenSaga:
    """One saga of a run, as it stands."""

    id: str
    order: str
    state: str
    cause: Mapping[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "order": self.order, "state": self.state, "cause": self.cause}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One run. `scenario` is its full JSON form, `facts` what its services' databases say now."""

    run: str
    definition: str
    version: int
    scenario: Mapping[str, Any]
    state: str
    created_ms: int
    sagas: Sequence[TakenSaga]
    facts: Mapping[str, Any]
    entries: Sequence[Entry]
    forked: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether nothing of the run moves by itself."""
        return self.state == Run.State.FINISHED

    @property
    def plan(self) -> RunPlan:
        """What the engine was told."""
        return plan_from_json(self.scenario)

    @property
    def steps(self) -> SagaDefinition:
        """The definition that the run keeps to. Raises DefinitionUnknown where this process lacks it."""
        return catalog.definition(self.definition, self.version)

    @property
    def query(self) -> str:
        """The scenario as an address has it."""
        return Scenario.parse(dict(self.scenario)).query()


def take(run_id: str) -> Taken:
    """Return a run with its whole journal. Raises RunUnknown."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise RunUnknown("run", run_id)
    rows = Saga.objects.filter(run=run).order_by("index")
    return Taken(
        run=run.pk,
        definition=run.definition,
        version=run.version,
        scenario=Scenario.parse(run.scenario).full(),
        state=run.state,
        created_ms=round(run.created_at.timestamp() * 1000),
        sagas=[TakenSaga(id=row.pk, order=row.order, state=row.state, cause=row.cause) for row in rows],
        facts=facts.read(run).facts(facts.price_of(run), at_rest=run.state == Run.State.FINISHED),
        entries=journal.read_all(run.pk),
        forked=getattr(run, "forked_from_id", None) is not None,
    )


def is_drivable(mode: str, saga: str) -> bool:
    """Return whether somebody drives this, and with services that are this project's to give."""
    return mode == ORCHESTRATED and saga in catalog.DEMOS


def need_driver(mode: str, saga: str, *, whose: str, driver: str) -> None:
    """Raise ExportRefused, for what `is_drivable` denies of `whose`, with the reason: it is not `driver`'s to drive."""
    if mode != ORCHESTRATED:
        raise ExportRefused(f"{whose}: mode {mode} has no orchestrator; {driver} drives, and there nobody does")
    if saga not in catalog.DEMOS:
        raise ExportRefused(f"the services of saga {saga!r} are its author's own, and stay where they are")


def to_json(taken: Taken) -> dict[str, Any]:
    """Return everything, as `from_json` reads it."""
    definition = taken.steps
    return {
        "run": {
            "id": taken.run,
            "state": taken.state,
            "created_at": iso_from_ms(taken.created_ms),
            "forked": taken.forked,
            "sagas": [saga.to_json() for saga in taken.sagas],
            "facts": dict(taken.facts),
        },
        "definition": {
            "name": definition.name,
            "version": definition.version,
            "steps": [
                {
                    "name": step.name,
                    "service": step.service,
                    "kind": str(step.kind),
                    "compensation": step.compensation_name or None,
                }
                for step in definition.steps
            ],
        },
        "scenario": dict(taken.scenario),
        "entries": [entry.to_json() for entry in taken.entries],
    }


def from_json(value: Mapping[str, Any]) -> Taken:
    """Return the run that `to_json` wrote. Raises KeyError or ValueError when it is no such value."""
    run, definition = value["run"], value["definition"]
    return Taken(
        run=run["id"],
        definition=definition["name"],
        version=definition["version"],
        scenario=value["scenario"],
        state=run["state"],
        created_ms=ms_from_iso(run["created_at"]),
        sagas=[TakenSaga(**saga) for saga in run["sagas"]],
        facts=run["facts"],
        entries=[entry_from_json(entry) for entry in value["entries"]],
        forked=run["forked"],
    )
