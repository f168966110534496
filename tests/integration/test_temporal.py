"""Runs on a real Temporal server: what this project's own worker writes, kind by kind, and what people ask as signals."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from sagas import catalog, runs
from sagas.entries import Kind
from sagas.forks import fork_run
from sagas.models import Command, Run
from tests.conformance.outcome import outcome_of
from tests.engine import HELD, Finished, drive, fault, is_held, paused, scenario, step_and_cancel, until
from tests.inline import told
from tests.pauses import pause_violations
from tests.temporal import Temporal, create, drive_temporal

pytestmark = pytest.mark.usefixtures("engine_databases")

STEPS = [step.name for step in catalog.ORDER.steps]
NEVER = {"initial_ms": 60_000, "max_ms": 60_000}
ALIKE = {
    "all well": scenario(),
    **{f"{step} declined": scenario(fault(step, "decline")) for step in STEPS},
    "lost reply": scenario(fault("charge-payment", "lost-reply", times=1), timeout_ms=2500),
    "stuck": scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation")),
    "dies after": scenario(fault("charge-payment", "crash-after", times=1)),
    "deadline": scenario(fault("create-order", "error"), deadline_ms=9000, retry={"max_attempts": 9, **NEVER}),
}
RACES = {
    "wait": scenario(orders=2, stock=1, lock="wait"),
    "off": scenario(orders=2, stock=1, lock="off"),
}


@pytest.fixture(scope="module")
def both(engine_databases: None, temporal_of_module: Temporal) -> dict[str, tuple[Finished, Finished]]:
    """Every scenario on this project's own worker and on Temporal."""
    scenarios = ALIKE | RACES
    there = drive_temporal(temporal_of_module, *[create(each) for each in scenarios.values()])
    here = drive(*scenarios.values())
    return dict(zip(scenarios, zip(here, there, strict=True), strict=True))


@pytest.mark.parametrize("name", ALIKE)
def test_temporal_writes_the_same_journal(both: dict[str, tuple[Finished, Finished]], name: str) -> None:
    here, there = both[name]
    assert told(there.entries) == told(here.entries)
    assert there.states == here.states
    assert there.facts() == here.facts()
    assert there.run.state == "finished"


@pytest.mark.parametrize("name", RACES)
def test_a_race_of_two_orders_ends_the_same(both: dict[str, tuple[Finished, Finished]], name: str) -> None:
    here, there = both[name]
    assert sorted(there.states) == sorted(here.states)
    assert there.facts() == here.facts()
    assert bool(there.kinds(Kind.LOCK_DENIED)) is (name == "wait")


def test_what_a_run_came_to_is_told_in_the_words_of_the_comparison(both: dict[str, tuple[Finished, Finished]]) -> None:
    here, there = (outcome_of(each) for each in both["book-delivery declined"])
    assert there == here
    assert there.ends == {"ord-8412": "compensated"}
    assert there.undone == {"ord-8412": ("recall-pick", "refund-payment", "cancel-order", "release-inventory")}
    assert [row[:3] for row in there.books["payments"]] == [("ord-8412", "charge", 4900), ("ord-8412", "refund", -4900)]


def test_people_retry_what_is_stuck_by_a_signal(temporal: Temporal) -> None:
    run = create(
        scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation", times=3))
    )

    def retry() -> None:
        until(run.pk, lambda entries: entries[-1].kind is Kind.RUN_FINISHED)
        runs.retry_saga(run.sagas.get().pk, who="ada", why="the bank is back")
        until(run.pk, lambda entries: [e.kind for e in entries].count(Kind.RUN_FINISHED) == 2)

    (mended,) = drive_temporal(temporal, run, before=retry)
    assert mended.states == ["compensated"]
    assert Command.objects.get(run=run).handled_seq == mended.kinds(Kind.OPERATOR_ACTED)[0].seq
    assert not mended.kinds(Kind.ORCHESTRATOR_RECOVERED)  # the workflow was open, and heard of it


@pytest.mark.torture
def test_whoever_asks_something_of_a_run_that_has_ended_is_told_no(temporal: Temporal) -> None:
    """Its workflow is closed: what is asked starts a new execution, which begins from the journal."""
    (ended,) = drive_temporal(temporal, create(scenario()))
    asked = Command.objects.create(run=ended.run, kind="cancel", who="ada", saw=1)

    def refused() -> None:
        until(ended.run.pk, lambda entries: Command.objects.filter(pk=asked.pk, handled_seq=0).exists())

    other = create(scenario())
    drive_temporal(temporal, other, before=refused)
    asked.refresh_from_db()
    assert asked.refusal == "no saga is in a state in which this makes sense"


def test_people_pause_step_and_cancel(temporal: Temporal) -> None:
    run = paused(create(scenario()))
    (cancelled,) = drive_temporal(temporal, run, before=partial(step_and_cancel, run))
    assert cancelled.states == ["compensated"]
    assert cancelled.sagas[0].cause["outcome"] == "cancelled"
    assert [e.detail["action"] for e in cancelled.kinds(Kind.OPERATOR_ACTED)] == ["pause", "step", "cancel", "resume"]
    assert pause_violations(cancelled.entries) == []


@pytest.mark.torture
def test_a_fork_goes_on_from_its_moment(temporal: Temporal, settings: Any) -> None:
    settings.SAGA_ENGINE = "temporal"
    (whole,) = drive_temporal(temporal, create(scenario(fault("book-delivery", "decline"))))
    fork = fork_run(whole.run, whole.kinds(Kind.SAGA_COMPENSATING)[0].seq - 2, scenario())
    (other,) = drive_temporal(temporal, Run.objects.get(pk=fork.pk))
    assert other.states == ["completed"]
    assert other.kinds(Kind.ORCHESTRATOR_RECOVERED)


def test_a_run_that_temporal_forgot_goes_on_from_its_journal(temporal: Temporal) -> None:
    run = create(HELD)
    with Temporal() as other:
        (left,) = drive_temporal(other, run, before=lambda: until(run.pk, is_held), leave=True)
    assert left.states == ["compensating"]
    (done,) = drive_temporal(temporal, run)
    assert done.states == ["compensated"]
    assert done.entries[: len(left.entries)] == left.entries
    assert len(done.kinds(Kind.ORCHESTRATOR_RECOVERED)) == 1
    assert done.run.lease_epoch == left.run.lease_epoch + 1
