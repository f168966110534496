"""What is durable before what: intents before calls, facts together, and nothing half done by a shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError, connections

from sagas import catalog, journal
from sagas.entries import Entry, Kind, Lane, Op
from sagas.models import JournalEntry
from sagas.runs import ask_run, create_run
from sagas.services.base import Call, Row
from sagas.worker import Pace
from tests.engine import Finished, drive, fault, finish, read, scenario, until, working
from tests.meddled import PATIENCE, Door, Meddled, with_one

pytestmark = pytest.mark.usefixtures("engine_databases")

TURNS = fault("book-delivery", "decline")


def run_with(
    services: dict[str, Any], *faults: dict[str, Any], pace: Pace | None = None, **fields: Any
) -> tuple[Finished, list[list[Entry]]]:
    """Return a run that a worker with these services has driven, and its commits one by one."""
    run, commits = create_run(scenario(*faults, timeout_ms=60_000, **fields)), list[list[Entry]]()

    def hear(which: str, entries: Sequence[Entry]) -> None:
        if which == run.pk:
            commits.append(list(entries))

    async def go() -> None:
        async with working(pace, services=services) as (book, _, wait):
            book.listen(hear)
            await wait([run.pk])

    try:
        asyncio.run(go())
    finally:
        for service in services.values():
            if isinstance(service, Meddled):
                service.close()
    return read(run.pk), commits


def test_rule_04_at_the_door_of_every_service_the_intent_is_committed_already() -> None:
    unannounced: list[str] = []

    def look_it_up(call: Call) -> None:
        if call.op is None:
            return
        intents = JournalEntry.objects.filter(run=call.world, kind=Kind.ATTEMPT_STARTED, key=call.key)
        seen.append(call.key)
        if intents.count() < seen.count(call.key):
            unannounced.append(call.key)
        connections["default"].close()

    seen: list[str] = []
    again = fault("create-order", "error", times=1)
    services = {step.service: Meddled(step.service, before=look_it_up) for step in catalog.ORDER.steps}
    done, _ = run_with({**catalog.SERVICES, **services}, TURNS, again)
    assert done.states == ["compensated"]
    assert len(seen) == 8, "four actions and their compensations"
    assert unannounced == []


def test_rule_05_a_failure_and_the_wait_that_follows_it_are_one_commit() -> None:
    broken = (fault("create-order", "error", times=2), fault("charge-payment", "error", on="compensation", times=1))
    done, commits = run_with(dict(catalog.SERVICES), TURNS, *broken)
    waits = done.kinds(Kind.RETRY_SCHEDULED)
    assert [(e.step, e.op) for e in waits] == [
        *[("create-order", Op.ACTION)] * 2,
        ("charge-payment", Op.COMPENSATION),
    ]
    for wait in waits:
        (together,) = [commit for commit in commits if wait in commit]
        failed = (Kind.ATTEMPT_FAILED, wait.step, wait.op, wait.attempt - 1)
        assert failed in [(e.kind, e.step, e.op, e.attempt) for e in together]


def test_rule_05_a_lock_changes_hands_in_the_commit_of_the_row_that_says_so() -> None:
    done, commits = run_with(dict(catalog.SERVICES), TURNS)
    changes = [*done.kinds(Kind.LOCK_ACQUIRED), *done.kinds(Kind.LOCK_RELEASED)]
    assert len(changes) == 4, "a unit and an order, taken and given back"
    for change in changes:
        (together,) = [commit for commit in commits if change in commit]
        assert (Kind.EFFECT, change.step, change.op) in [(e.kind, e.step, e.op) for e in together]


@pytest.mark.parametrize("turns", [False, True])
def test_rule_05_the_end_of_the_only_saga_and_of_its_run_are_one_commit(turns: bool) -> None:
    done, commits = run_with(dict(catalog.SERVICES), *([TURNS] if turns else []))
    ended = Kind.SAGA_COMPENSATED if turns else Kind.SAGA_COMPLETED
    assert [e.kind for e in commits[-1]][-2:] == [ended, Kind.RUN_FINISHED]
    assert done.run.state == "finished"


class Mute(Meddled):
    """A service whose ledger cannot be read the first time."""

    reads = 0

    def ledger(self, world: str, after: int = 0) -> list[Row]:
        self.reads += 1
        if self.reads == 1:
            raise OperationalError("the ledger is locked")
        return super().ledger(world, after)


def test_what_a_saga_heard_is_kept_where_a_ledger_cannot_be_read_at_its_end() -> None:
    delivery = Mute("delivery")
    done, _ = run_with(with_one(delivery), pace=Pace(lease_ms=1000, poll_ms=50))
    assert delivery.reads == 3, "once in vain, by the next driver as it begins, and at the end"
    (heard,) = done.kinds(Kind.ATTEMPT_SUCCEEDED, step="book-delivery", lane=Lane.ORCHESTRATOR)
    (recovered,) = done.kinds(Kind.ORCHESTRATOR_RECOVERED)
    assert heard.seq < done.kinds(Kind.SAGA_COMPLETED)[0].seq < recovered.seq
    assert done.states == ["completed"]
    assert done.facts()["charges"] == len(done.kinds(Kind.ATTEMPT_STARTED, step="charge-payment")) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_rule_08_a_connection_that_breaks_is_unknown_whatever_the_service_did(when: str) -> None:
    broken: list[str] = []

    def reset(call: Call) -> None:
        if call.op is Op.ACTION and not broken:
            broken.append(call.key)
            raise ConnectionResetError("reset by peer")

    payments = Meddled("payments", **{when: reset})
    done, _ = run_with(with_one(payments))
    heard = [e for e in done.entries if (e.step, e.attempt, e.lane) == ("charge-payment", 1, Lane.ORCHESTRATOR)]
    assert [str(e.kind) for e in heard] == ["attempt-started", "attempt-unknown"]
    assert "ConnectionResetError" in heard[-1].detail["reason"]
    assert len(done.kinds(Kind.REPLAYED)) == (1 if when == "after" else 0)
    assert (done.states, done.facts()["charges"]) == (["completed"], 1)


def stopped_at(door: Door, *faults: dict[str, Any], cancel: bool = False) -> Finished:
    """Return a run whose worker was shut down while a call waited at a door, and which another one ended."""
    run = create_run(scenario(*faults, timeout_ms=60_000))

    async def go() -> None:
        async with working(services=with_one(door)):
            assert await asyncio.to_thread(door.entered.wait, PATIENCE)
            if cancel:
                await asyncio.to_thread(ask_run, run.pk, "cancel", who="ann", why="too slow")
                await asyncio.to_thread(until_obeyed, run.pk)

    try:
        asyncio.run(go())
    finally:
        door.open.set()
        door.close()
    (done,) = finish(run)
    return done


def until_obeyed(run: str) -> None:
    until(run, lambda entries: any(e.kind is Kind.OPERATOR_ACTED for e in entries))


def test_rule_23_a_shutdown_in_the_middle_of_an_unwind_is_gone_on_from() -> None:
    done = stopped_at(Door("inventory", Op.COMPENSATION), TURNS)
    assert done.states == ["compensated"]
    assert len(done.kinds(Kind.SAGA_COMPENSATING)) == 1
    undone = [e.step for e in done.kinds(Kind.ATTEMPT_SUCCEEDED, op=Op.COMPENSATION)]
    assert undone == ["notify-warehouse", "charge-payment", "create-order", "reserve-inventory"]
    tried = [e.step for e in done.kinds(Kind.ATTEMPT_STARTED, op=Op.COMPENSATION)]
    assert tried == [*undone, "reserve-inventory"], "only what was not settled is asked for again"
    assert done.facts()["units_held"] == done.facts()["pending"] == 0


def test_rule_34_a_running_step_that_a_cancel_and_a_shutdown_end_counts_as_unknown() -> None:
    done = stopped_at(Door("payments"), cancel=True)
    (unknown,) = done.kinds(Kind.ATTEMPT_UNKNOWN, lane=Lane.ORCHESTRATOR)
    assert (unknown.step, unknown.op) == ("charge-payment", Op.ACTION)
    assert done.sagas[0].cause["outcome"] == "cancelled"
    owed = [e.step for e in done.kinds(Kind.COMPENSATION_OWED)]
    assert owed == ["charge-payment", "create-order", "reserve-inventory"], "it may have been charged"
    assert done.states == ["compensated"]
    assert done.facts()["charged"] == done.facts()["refunded"]
    assert journal.read_all(done.run.pk)[-1].kind is Kind.RUN_FINISHED


def test_rule_29_who_waits_for_a_unit_never_holds_what_another_one_waits_for() -> None:
    # With one contested record per saga nobody can wait in a circle, whatever the order of moves.
    (done,) = drive(scenario(TURNS, orders=8, stock=2, lock="wait", timeout_ms=20_000))
    holds: dict[str, str] = {}
    waited = 0
    for e in done.entries:
        if e.step != "reserve-inventory":
            continue
        if e.kind is Kind.LOCK_DENIED:
            waited += 1
            assert e.order not in holds.values(), f"{e.order} waits for {e.detail['record']} and holds {holds}"
        elif e.kind is Kind.LOCK_ACQUIRED:
            holds[e.detail["record"]] = e.order
        elif e.kind is Kind.LOCK_RELEASED and holds.get(e.detail["record"]) == e.detail["owner"]:
            del holds[e.detail["record"]]
    assert waited >= 6
    assert (done.states, holds) == (["compensated"] * 8, {})
    for definition in catalog.DEFINITIONS.values():
        contested = [s.name for s in definition.steps if s.service in ("inventory", "flights")]
        assert len(contested) <= 1, f"{definition.name} could hold one unit and wait for another"
