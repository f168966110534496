"""Runs on Durable Task: the same journal, kind by kind, as this project's own worker's, and people who act on them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from playground.scenario import Scenario
from sagas import runs
from sagas.entries import Kind, Lane
from sagas.models import Command
from tests import durable
from tests.conformance.durable import DurableFunctions
from tests.conformance.outcome import outcome_of
from tests.engine import HELD, Finished, drive, fault, is_held, paused, scenario, step_and_cancel, until
from tests.integration.test_engine_elsewhere import ALIKE, RACES, STEPS, told
from tests.pauses import pause_violations

pytestmark = pytest.mark.usefixtures("engine_databases")

QUICK = ("all well", "the trip", "lost reply", "arrives late", "stuck", "dies after", "deadline")
QUICK_RACES = ("wait", "naive")
SILENCE_MS, DEADLINE_MS = 2000, 5000  # two engines at once, and no answer is to be late by chance
Both = Mapping[str, tuple[Finished, Finished]]


def patient(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario with more time for whatever is to be in time."""
    deadline = {"deadline_ms": DEADLINE_MS} if value.get("deadline_ms") else {}
    return {**value, "timeout_ms": max(SILENCE_MS, value["timeout_ms"]), **deadline}


def both_ways(scenarios: Mapping[str, Any]) -> Both:
    """Return each scenario as this project's own worker drove it, and as Durable Task did."""
    scenarios = {name: patient(value) for name, value in scenarios.items()}
    here = drive(*scenarios.values())
    there = durable.finish(*[durable.create(each) for each in scenarios.values()])
    return dict(zip(scenarios, zip(here, there, strict=True), strict=True))


def alike(both: tuple[Finished, Finished]) -> None:
    here, there = both
    assert told(there.entries) == told(here.entries)
    assert there.states == here.states
    assert there.facts() == here.facts()


def ends_alike(both: tuple[Finished, Finished]) -> None:
    here, there = both
    assert sorted(there.states) == sorted(here.states)
    assert there.facts() == here.facts()


@pytest.fixture(scope="module")
def both(engine_databases: None) -> Both:
    declined = {f"{step} declined": ALIKE[f"{step} declined"] for step in STEPS}
    return both_ways({name: ALIKE[name] for name in QUICK} | declined | {name: RACES[name] for name in QUICK_RACES})


@pytest.mark.parametrize("name", [*QUICK, *(f"{step} declined" for step in STEPS)])
def test_both_engines_write_the_same_journal(both: Both, name: str) -> None:
    alike(both[name])


@pytest.mark.parametrize("name", QUICK_RACES)
def test_races_end_the_same(both: Both, name: str) -> None:
    ends_alike(both[name])


@pytest.mark.torture
def test_every_other_scenario_is_the_same_too() -> None:
    for name, each in both_ways(ALIKE).items():
        assert each[1].entries, name
        alike(each)
    for each in both_ways(RACES).values():
        ends_alike(each)


def test_what_the_services_did_is_told_in_the_words_of_every_engine(both: Both) -> None:
    stuck = outcome_of(both["stuck"][1])
    assert stuck.ends == {"ord-8412": "needs-operator"}
    assert stuck.undone == {"ord-8412": ("recall-pick",)}
    assert stuck.books["payments"] == [("ord-8412", "charge", 4900, "saga:ord-8412:charge-payment")]
    assert outcome_of(both["all well"][1]).books["inventory"][1][1] == "sell"


def test_people_retry_what_is_stuck_while_its_orchestration_waits_and_after_it_is_gone() -> None:
    """The first retry is an event for the orchestration that waits, the second one finds another backend."""
    run = durable.create(
        scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation", times=7))
    )

    def retry() -> None:
        stuck = until(run.pk, lambda entries: entries[-1].kind is Kind.RUN_FINISHED)
        runs.retry_saga(f"{run.pk}-1", who="ada", why="the bank is back")
        until(run.pk, lambda entries: len(entries) > len(stuck) and entries[-1].kind is Kind.RUN_FINISHED)

    (again,) = durable.finish(run, before=retry)
    assert again.states == ["needs-operator"]
    assert not again.kinds(Kind.ORCHESTRATOR_RECOVERED), "it was an event for whoever waited, and no new beginning"
    runs.retry_saga(again.sagas[0].pk, who="ada", why="now it is")
    (mended,) = durable.finish(run)
    assert mended.states == ["compensated"]
    acted = mended.kinds(Kind.OPERATOR_ACTED)
    assert [e.detail["action"] for e in acted] == ["retry", "retry"]
    assert list(Command.objects.filter(run=run).order_by("pk").values_list("handled_seq", flat=True)) == [
        entry.seq for entry in acted
    ]


def test_people_pause_and_step_and_cancel() -> None:
    run = paused(durable.create(scenario()))
    (cancelled,) = durable.finish(run, before=partial(step_and_cancel, run))
    assert cancelled.states == ["compensated"]
    assert [e.detail["action"] for e in cancelled.kinds(Kind.OPERATOR_ACTED)] == ["pause", "step", "cancel", "resume"]
    assert pause_violations(cancelled.entries) == []


def test_another_backend_goes_on_where_the_journal_ends() -> None:
    run = durable.create(HELD)
    left = durable.leave(run, when=is_held)
    assert left.states == ["compensating"]
    (finished,) = durable.finish(run)
    assert finished.states == ["compensated"]
    assert finished.entries[: len(left.entries)] == left.entries
    assert finished.kinds(Kind.ORCHESTRATOR_RECOVERED)
    assert [e.step for e in finished.kinds(Kind.EFFECT, lane=Lane.SERVICE)][-1] == "reserve-inventory"


def test_a_scenario_is_performed_for_whoever_compares_engines() -> None:
    outcome = DurableFunctions().perform(Scenario.parse(scenario(fault("notify-warehouse", "decline"))))
    assert (DurableFunctions.name, outcome.ends) == ("Durable Functions", {"ord-8412": "compensated"})
    assert outcome.undone == {"ord-8412": ("refund-payment", "cancel-order", "release-inventory")}
