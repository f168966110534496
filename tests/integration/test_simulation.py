"""The simulator: real drivers and services on virtual time, the same from the same seed, and in agreement with real runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import pytest

from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op, ms_from_iso
from sagas.errors import DefinitionUnknown, JournalConflict, LeaseLost, PlanInvalid, SimulationStuck
from sagas.journal_sql import Batch
from sagas.language import sentence_violations
from sagas.memory import MemoryDatabases, MemoryJournal
from sagas.models import Run
from sagas.services.base import Row
from sagas.services.inventory.models import WorldRow
from sagas.simulation import (
    EPOCH_MS,
    SimulatedRun,
    Simulator,
    interleavings,
    journal_hash,
    simulate,
)
from sagas.virtual import Calls, VirtualClock, play
from tests.engine import Finished, drive, fault, scenario

RESERVE = "reserve-inventory"
LOCKS = ["fail-fast", "wait"]
NO_LOCK = ["off", "naive"]
LAMP: dict[str, Any] = {"orders": 2, "stock": 1}
DEFAULT_PACE: dict[str, Any] = {"latency_ms": 250, "timeout_ms": 1000, "retry": {}, "compensation_retry": {}}

EVENTFUL = scenario(
    fault("notify-warehouse", "lost-reply", times=2),
    fault("book-delivery", "decline"),
    fault("charge-payment", "error", on="compensation", times=2),
    fault("create-order", "crash-after", times=1),
    **{**DEFAULT_PACE, "retry": {"jitter": True}},
    orders=3,
    stock=2,
    lock="wait",
    schedule="free",
)
EVENTFUL_HASH = "a9fa147875c9dd616214fa60aab7c4d53461751a7a38a2a985a0fd5308cfc83d"


def test_rule_37_the_same_seed_gives_the_same_journal_on_every_machine(engine_databases: None) -> None:
    run = simulate(EVENTFUL, 42)
    met = {(e.step, str(e.kind)) for e in run.entries}
    assert {
        ("notify-warehouse", "replayed"),
        ("book-delivery", "saga-compensating"),
        ("charge-payment", "retry-scheduled"),
        ("", "orchestrator-recovered"),
        (RESERVE, "lock-denied"),
    } <= met
    assert journal_hash(run.entries) == EVENTFUL_HASH


def test_rule_37_twice_the_same_and_another_seed_another_journal(engine_databases: None) -> None:
    with Simulator() as simulator:
        hashes = [journal_hash(simulator.run(EVENTFUL, seed).entries) for seed in (1, 2, 1, 3)]
    assert hashes[0] == hashes[2] == journal_hash(simulate(EVENTFUL, 1).entries)
    assert len(set(hashes)) == 3


def test_rule_37_two_simulations_at_once_do_not_know_of_each_other(engine_databases: None) -> None:
    told = scenario(**LAMP, lock="off")
    with ThreadPoolExecutor(2) as pool:
        hashes = {journal_hash(run.entries) for run in pool.map(lambda _: simulate(told, 5), range(8))}
    assert len(hashes) == 1


def test_two_simulations_take_turns_because_their_keys_are_the_same(engine_databases: None) -> None:
    def work_of_another(pool: ThreadPoolExecutor) -> Future[SimulatedRun]:
        waiting = pool.submit(simulate, scenario(), 5)
        assert not wait([waiting], timeout=0.5).done
        return waiting

    with ThreadPoolExecutor(1) as pool, MemoryDatabases() as databases:
        waiting = databases.work(lambda: work_of_another(pool))
        assert waiting.result().states == ["completed"]


def test_a_hash_sees_every_field_of_every_entry() -> None:
    entry = Entry(kind=Kind.SAGA_STARTED, saga="s", order="o", detail={"index": 0}, seq=1, at=EPOCH_MS)
    changes: list[dict[str, Any]] = [
        {"kind": Kind.SAGA_LOST},
        {"lane": Lane.SERVICE},
        {"saga": "t"},
        {"order": "p"},
        {"step": "x"},
        {"op": Op.ACTION},
        {"attempt": 1},
        {"key": "k"},
        {"detail": {"index": 1}},
        {"seq": 2},
        {"at": EPOCH_MS + 1},
    ]
    variants = [[entry], [], [entry, entry], *([replace(entry, **change)] for change in changes)]
    assert len({journal_hash(variant) for variant in variants}) == len(variants)


FAULTS = [
    ("charge-payment", on, kind)
    for on in ("action", "compensation")
    for kind in ("decline", "error", "timeout", "lost-reply", "late", "duplicate", "crash-before", "crash-after")
]


def aimed(step: str, on: str, kind: str) -> dict[str, Any]:
    turn = [fault("notify-warehouse", "decline")] if on == "compensation" else []
    times = 1 if kind.startswith("crash") else None
    return scenario(fault(step, kind, on=on, times=times), *turn, timeout_ms=1500)


def line(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    """Return what a journal says without its times, and without what its run and its worker are called."""
    return [(e.saga.rpartition("-")[2], e.lane, e.kind, e.step, e.op, e.attempt, e.key) for e in entries]


def books(ledgers: dict[str, Sequence[Row]]) -> dict[str, list[Row]]:
    return {name: [replace(row, at=0) for row in rows] for name, rows in ledgers.items()}


def agree(simulated: SimulatedRun, done: Finished) -> None:
    real = {name: catalog.SERVICES[name].ledger(done.run.pk) for name in simulated.ledgers}
    assert simulated.states == done.states
    assert books(dict(simulated.ledgers)) == books(dict(real))
    assert simulated.facts == done.facts()


def test_a_simulated_run_says_what_a_real_one_says_under_every_fault(engine_databases: None) -> None:
    with Simulator() as simulator:
        for cell, done in zip(FAULTS, drive(*(aimed(*cell) for cell in FAULTS)), strict=True):
            simulated = simulator.run(aimed(*cell), 3)
            agree(simulated, done)
            assert line(simulated.entries) == line(done.entries), cell
            assert sentence_violations(simulated.entries, catalog.ORDER) == []


RACED = [
    {"lock": "off", "schedule": [0, 1, 1, 0, *[0] * 6, *[1] * 6]},
    {"lock": "naive", "schedule": [1, 0, 1, 0, *[0, 1] * 6]},
    {"lock": "fail-fast", "schedule": [1, *[0, 1] * 6]},
    {"lock": "wait", "schedule": [0, 1, *[0] * 6, *[1] * 6]},
]


def test_a_simulated_race_ends_as_a_real_one(engine_databases: None) -> None:
    told = [scenario(**LAMP, **each, timeout_ms=5000) for each in RACED]
    for each, done in zip(told, drive(*told), strict=True):
        simulated = simulate(each, 9)
        agree(simulated, done)
        assert line(simulated.entries) == line(done.entries)


def test_a_simulated_run_leaves_the_real_databases_alone(engine_databases: None) -> None:
    before = (Run.objects.count(), WorldRow.objects.count())
    run = simulate(scenario(**LAMP), 1)
    assert (Run.objects.count(), WorldRow.objects.count()) == before
    assert [len(service.ledger(run.run)) for service in catalog.SERVICES.values()] == [0] * len(catalog.SERVICES)
    assert sum(len(rows) for rows in run.ledgers.values()) == 7


def test_time_is_virtual_and_adds_up(engine_databases: None) -> None:
    told = scenario(fault("charge-payment", "timeout", times=2), **DEFAULT_PACE)
    run = simulate({**told, "retry": {"initial_ms": 60_000, "max_ms": 60_000}}, 1)
    assert run.states == ["completed"]
    assert len([e for e in run.entries if e.kind is Kind.ATTEMPT_UNKNOWN]) == 2, "the fault was never met"
    assert run.entries[0].at == EPOCH_MS == ms_from_iso("2026-01-01T00:00:00.000Z")
    # Seven calls and settlements of 250 ms, two of 1 s without an answer, two waits of a minute.
    assert run.entries[-1].at - EPOCH_MS == 7 * 250 + 2 * 1000 + 2 * 60_000
    assert [e.at for e in run.entries] == sorted(e.at for e in run.entries)


def test_an_answer_in_the_last_moment_is_heard(engine_databases: None) -> None:
    run = simulate(scenario(latency_ms=1000, timeout_ms=1000), 1)
    assert not [e for e in run.entries if e.kind is Kind.ATTEMPT_UNKNOWN]
    late = simulate(scenario(latency_ms=1001, timeout_ms=1000), 1)
    assert [e for e in late.entries if e.kind is Kind.ATTEMPT_UNKNOWN]


def _any_scenario(seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    steps = [step.name for step in catalog.ORDER.steps]
    kinds = ["decline", "error", "timeout", "lost-reply", "late", "duplicate", "crash-before", "crash-after"]
    faults = [
        fault(
            dice.choice(steps),
            dice.choice(kinds),
            on=dice.choice(["action", "compensation"]),
            times=dice.choice([1, 2]),
        )
        for _ in range(dice.randrange(5))
    ]
    return scenario(
        *faults,
        orders=dice.randrange(1, 5),
        stock=dice.randrange(4),
        lock=dice.choice(LOCKS + NO_LOCK),
        schedule=dice.choice(["free", "rendezvous", [0] * 10]),
        idempotency=dice.random() < 0.9,
        latency_ms=dice.choice([0, 10]),
        deadline_ms=dice.choice([None, None, 50]),
    )


def test_rule_25_when_faults_stop_every_saga_ends_in_bounded_virtual_time(engine_databases: None) -> None:
    ends: set[str] = set()
    with Simulator() as simulator:
        for seed in range(120):
            told = _any_scenario(seed)
            run = simulator.run(told, seed)
            ends.update(run.states)
            assert set(run.states) <= {"completed", "compensated", "needs-operator"} | _parked(run), (seed, told)
            assert run.entries[-1].kind is Kind.RUN_FINISHED
            # Two directions of five steps, three attempts each, a timeout and a wait per attempt; in line, one by one.
            assert run.entries[-1].at - EPOCH_MS <= told["orders"] * 2 * 5 * 3 * (40 + 20 + 10)
    assert ends >= {"completed", "compensated", "needs-operator"}


def _parked(run: SimulatedRun) -> set[str]:
    """Return the state of who waits in line behind a saga that waits for a person and keeps its lock."""
    return {"running"} if "needs-operator" in run.states else set()


def test_a_run_in_which_nothing_can_happen_is_an_error() -> None:
    clock, calls = VirtualClock(0), Calls(1)
    with pytest.raises(SimulationStuck, match="nothing"):
        play(asyncio.Event().wait(), clock, calls)


def test_a_run_without_end_is_an_error() -> None:
    clock, calls = VirtualClock(0), Calls(1)

    async def for_ever() -> None:
        while True:
            await clock.sleep(1)

    with pytest.raises(SimulationStuck, match="not ended"):
        play(for_ever(), clock, calls)


def test_calls_that_wait_are_answered_one_by_one_in_the_seeds_order() -> None:
    def orders(seed: int) -> list[str]:
        answered: list[str] = []
        calls = Calls(seed)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(calls, answered.append, name) for name in "abc"))

        play(main(), VirtualClock(0), calls)
        return answered

    assert {"".join(orders(seed)) for seed in range(60)} == {"abc", "acb", "bac", "bca", "cab", "cba"}
    assert orders(7) == orders(7)


def test_what_a_call_raises_is_its_callers() -> None:
    calls = Calls(1)

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.get_running_loop().run_in_executor(calls, lambda: 1 // 0)

    play(main(), VirtualClock(0), calls)


def _placed(seq: int) -> list[Entry]:
    return [Entry(kind=Kind.SAGA_LOST).placed(seq, 0)]


@pytest.mark.parametrize(
    ("batch", "refusal"),
    [
        (Batch(run="r", epoch=1, entries=_placed(2)), None),
        (Batch(run="r", epoch=1, entries=_placed(1), append_id="first"), None),
        (Batch(run="r", epoch=0, entries=_placed(2)), LeaseLost),
        (Batch(run="r", epoch=2, entries=_placed(2)), LeaseLost),
        (Batch(run="r", epoch=1, entries=_placed(3)), JournalConflict),
        (Batch(run="r", epoch=1, entries=_placed(1)), JournalConflict),
        (Batch(run="other", epoch=1, entries=_placed(2)), JournalConflict),
    ],
)
async def test_a_journal_in_memory_refuses_what_the_journal_refuses(
    batch: Batch, refusal: type[Exception] | None
) -> None:
    book, heard = MemoryJournal("r"), list[int]()
    book.listen(lambda run, entries: heard.extend(e.seq for e in entries))
    await book.append(Batch(run="r", epoch=1, entries=_placed(1), append_id="first"))
    future = book.append(batch)
    if refusal is not None:
        with pytest.raises(refusal):
            await future
    else:
        await future
    is_new = refusal is None and not batch.append_id
    assert [e.seq for e in book.entries] == [1, *([2] if is_new else [])]
    assert heard == [1, *([2] if is_new else [1] if refusal is None else [])]


def test_what_cannot_be_simulated_says_so(engine_databases: None) -> None:
    with pytest.raises(DefinitionUnknown):
        simulate(scenario(saga="no-such-saga"), 1)
    with pytest.raises(PlanInvalid) as refused:
        interleavings(scenario(orders=3))
    assert refused.value.field == "orders"
