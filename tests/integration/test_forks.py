"""Forks at every entry of runs of every kind: the same past, a world that agrees with it, a new future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sagas import catalog
from sagas.entries import Entry, Kind
from sagas.errors import PlanInvalid
from sagas.forks import fork_run
from sagas.language import sentence_violations
from sagas.models import Run
from sagas.observer import witness
from sagas.projection import project
from sagas.runs import ask_run, create_run, retry_saga
from sagas.state import evolve
from sagas.tape import fold
from tests.engine import Finished, drive, fault, finish, read, scenario, until

pytestmark = pytest.mark.timeout(400)  # its families are some 300 runs

AT_FOUR = fault("notify-warehouse", "decline")
ONCE = {"max_attempts": 2, "initial_ms": 2}
# Many forks queue for one thread per service: no answer may be late by chance.
PATIENT = {"timeout_ms": 20_000, "retry": ONCE, "compensation_retry": ONCE}
SILENT = {**PATIENT, "timeout_ms": 1500}  # where silence is waited for

# Each with the distance between two entries at which it is forked.
PARENTS: Mapping[str, tuple[dict[str, Any], int]] = {
    "a lost reply": (scenario(fault("charge-payment", "lost-reply"), **SILENT), 1),
    "a late call": (scenario(fault("create-order", "late"), **SILENT), 2),
    "all is well": (scenario(**PATIENT), 2),
    "nobody undoes": (scenario(AT_FOUR, fault("charge-payment", "error", on="compensation"), **PATIENT), 2),
    "one waits for another": (scenario(AT_FOUR, orders=2, stock=1, lock="wait", **PATIENT), 1),
    "no lock": (scenario(orders=2, stock=1, lock="off", schedule=[0, 1, 0, 1], **PATIENT), 2),
    "a death": (
        scenario(fault("charge-payment", "crash-after", times=1), **{**PATIENT, "retry": {**ONCE, "max_attempts": 3}}),
        2,
    ),
    "no stored answers": (
        scenario(fault("charge-payment", "duplicate"), fault("book-delivery", "decline"), idempotency=False, **PATIENT),
        2,
    ),
    "no way back": (scenario(AT_FOUR, mode="none", **PATIENT), 1),
    "nobody in charge": (scenario(AT_FOUR, orders=2, stock=1, lock="wait", mode="choreography", **PATIENT), 2),
    "an event is dropped": (scenario(fault("book-delivery", "drop-event"), mode="choreography", **PATIENT), 1),
}
TOGETHER = 60  # runs that are driven at once
UNGUARDED = ("no way back", "an event is dropped")


@dataclass(frozen=True)
class Family:
    """A run, its forks with the same faults, and some with none, each by its moment and at its end."""

    parent: Finished
    same: Mapping[int, Finished]
    mended: Mapping[int, Finished]

    @property
    def forks(self) -> list[tuple[int, Finished]]:
        return [*self.same.items(), *self.mended.items()]


def fork_of(parent: Run, at: int, *, same: bool) -> Run:
    return fork_run(parent, at, parent.scenario if same else {**parent.scenario, "faults": []})


@pytest.fixture(scope="module")
def families(engine_databases: None) -> dict[str, Family]:
    parents = dict(zip(PARENTS, drive(*(each for each, _ in PARENTS.values())), strict=True))
    wanted = [
        (name, same, at)
        for name, parent in parents.items()
        for same, stride in ((True, PARENTS[name][1]), (False, 5))
        for at in sorted({*range(stride, len(parent.entries), stride), len(parent.entries)})
    ]
    ended: dict[tuple[str, bool, int], Finished] = {}
    for n in range(0, len(wanted), TOGETHER):
        made = {key: fork_of(parents[key[0]].run, key[2], same=key[1]) for key in wanted[n : n + TOGETHER]}
        finish(*[run for run in made.values() if run.state == Run.State.RUNNING])
        ended |= {key: read(run.pk) for key, run in made.items()}

    def of(name: str, *, same: bool) -> dict[int, Finished]:
        return {at: done for (n, s, at), done in ended.items() if (n, s) == (name, same)}

    return {name: Family(parent, of(name, same=True), of(name, same=False)) for name, parent in parents.items()}


def bare(entry: Entry) -> tuple[Any, ...]:
    """Return what an entry says, whichever run and moment it is of."""
    moments = ("at", "due_at", "deadline_at")
    detail = {key: value for key, value in entry.detail.items() if key not in moments}
    return entry.seq, entry.kind, entry.lane, entry.saga[16:], entry.step, entry.op, entry.attempt, entry.key, detail


def ledgers(run: str) -> set[tuple[Any, ...]]:
    return {
        (name, row.n, row.order, row.kind, row.amount, row.key, row.record)
        for name, service in catalog.SERVICES.items()
        for row in service.ledger(run)
    }


def told(entries: list[Entry]) -> set[tuple[Any, ...]]:
    effects = [(e, e.detail) for e in entries if e.kind is Kind.EFFECT]
    return {(d["service"], d["n"], e.order, d["kind"], d["amount"], e.key, d["record"]) for e, d in effects}


def is_open(entries: list[Entry]) -> bool:
    """Return whether an attempt awaits its answer at the end of these entries."""
    ends = (Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_FAILED, Kind.ATTEMPT_UNKNOWN)
    begun = {(e.saga, e.step, e.op, e.attempt) for e in entries if e.kind is Kind.ATTEMPT_STARTED}
    return bool(begun - {(e.saga, e.step, e.op, e.attempt) for e in entries if e.kind in ends})


@pytest.mark.parametrize("name", PARENTS)
def test_a_fork_has_the_past_of_its_parent_and_a_world_that_agrees_with_its_journal(
    families: dict[str, Family], name: str
) -> None:
    parent = families[name].parent
    for at, done in families[name].forks:
        assert [bare(e) for e in done.entries[:at]] == [bare(e) for e in parent.entries[:at]]
        assert (done.run.forked_from_id, done.run.forked_at) == (parent.run.pk, at)
        assert {e.saga.rpartition("-")[0] for e in done.entries if e.saga} == {done.run.pk}
        assert ledgers(done.run.pk) == told(done.entries), f"forked at {at}"


@pytest.mark.parametrize("name", PARENTS)
def test_with_the_same_faults_a_fork_ends_like_its_parent(families: dict[str, Family], name: str) -> None:
    parent = families[name].parent
    for at, done in families[name].same.items():
        if name == "no way back" and is_open(parent.entries[:at]):
            assert done.states == ["abandoned"], "nobody asks again after a crash"
        elif name == "no lock" and is_open(parent.entries[:at]):
            assert "completed" in done.states, "who has only looked looks again after a crash"
        else:
            assert sorted(done.states) == sorted(parent.states), f"forked at {at}, {parent.entries[at - 1].kind}"
        if done.run.scenario.get("mode", "orchestration") == "orchestration":
            assert sentence_violations(done.entries, catalog.ORDER) == []


@pytest.mark.parametrize("name", [name for name in PARENTS if name not in UNGUARDED])
def test_without_faults_a_fork_ends_well(families: dict[str, Family], name: str) -> None:
    for at, done in families[name].mended.items():
        if "needs-operator" in done.states:
            assert Kind.SAGA_NEEDS_OPERATOR in [e.kind for e in done.entries[:at]], "that was before the fork"
            (done,) = finish(done.run, before=lambda saga=done.sagas[0].pk: retry_saga(saga, who="ada"))
        assert set(done.states) <= {"completed", "compensated"}
        facts = done.facts()
        if name not in ("no lock", "no stored answers"):
            assert (facts["pending"], facts["oversold"], facts["double_charges"]) == (0, 0, 0)
            assert facts["charged"] - facts["refunded"] == 4900 * done.states.count("completed")


@pytest.mark.parametrize("name", PARENTS)
def test_rule_07_a_forks_rows_are_the_fold_of_a_journal_without_gaps(families: dict[str, Family], name: str) -> None:
    for _, ended in families[name].forks:
        done = read(ended.run.pk)
        assert [e.seq for e in done.entries] == list(range(1, len(done.entries) + 1))
        rule = witness if done.run.scenario.get("mode") == "choreography" else evolve
        states = fold(done.entries, {saga.pk: saga.order for saga in done.sagas}, rule)
        for saga in done.sagas:
            row = project(catalog.ORDER, states[saga.pk])
            kept = [
                (s.index, s.state, s.attempts, s.compensation_state, s.compensation_attempts)
                for s in saga.steps.order_by("index")
            ]
            assert (row.state, row.cause) == (saga.state, saga.cause)
            assert kept == [
                (n, s.state, s.attempts, s.compensation_state, s.compensation_attempts) for n, s in row.steps
            ]


@pytest.mark.parametrize("name", PARENTS)
def test_rule_18_stored_answers_are_rebuilt_byte_for_byte(families: dict[str, Family], name: str) -> None:
    parent = families[name].parent
    last = families[name].same[len(parent.entries)]
    for service in catalog.SERVICES.values():
        kept = {(a.key, a.status, a.body) for a in service.answers(last.run.pk)}
        assert kept == {(a.key, a.status, a.body) for a in service.answers(parent.run.pk)}


def test_rule_15_a_call_that_was_fenced_is_fenced_in_the_fork_as_well(families: dict[str, Family]) -> None:
    family = families["a late call"]
    for done in family.same.values():
        fenced = done.kinds(Kind.STEP_FENCED, step="create-order")
        assert fenced, "the late call has not arrived"
        assert done.facts()["orders_confirmed"] == 0


def test_a_fork_is_moved_in_time_with_all_that_it_waits_for() -> None:
    slow = {"max_attempts": 3, "initial_ms": 60_000, "max_ms": 60_000}
    parent = create_run(scenario(fault("create-order", "error", times=1), retry=slow, deadline_ms=120_000))

    def look() -> None:
        until(parent.pk, lambda entries: entries[-1].kind is Kind.RETRY_SCHEDULED)
        ask_run(parent.pk, "cancel", who="ada")

    (done,) = finish(parent, before=look)
    at = next(e.seq for e in done.entries if e.kind is Kind.RETRY_SCHEDULED)
    done.run.refresh_from_db()
    fork = read(fork_run(done.run, at, done.run.scenario).pk)
    moved = fork.entries[-1].at - done.entries[at - 1].at
    assert moved > 0
    assert [e.at for e in fork.entries] == [e.at + moved for e in done.entries[:at]]
    assert fork.entries[-1].detail["due_at"] == done.entries[at - 1].detail["due_at"] + moved
    assert fork.entries[0].detail["deadline_at"] == done.entries[0].detail["deadline_at"] + moved
    assert (fork.run.state, fork.run.last_seq, fork.sagas[0].state) == ("running", at, "running")


def test_a_fork_of_a_fork_and_of_a_run_that_is_still_paused() -> None:
    parent = create_run(scenario(AT_FOUR, **PATIENT))
    ask_run(parent.pk, "pause", who="ada")
    grandchildren: list[Run] = []

    def look() -> None:
        entries = until(parent.pk, lambda entries: entries[-1].kind is Kind.OPERATOR_ACTED)
        parent.refresh_from_db()
        child = fork_run(parent, len(entries), parent.scenario)
        until(child.pk, lambda entries: entries[-1].kind is Kind.RUN_FINISHED)
        child.refresh_from_db()
        turned = next(e.seq for e in read(child.pk).entries if e.kind is Kind.SAGA_COMPENSATING)
        grandchildren.append(fork_run(child, turned - 2, {**child.scenario, "faults": []}))
        until(grandchildren[0].pk, lambda entries: entries[-1].kind is Kind.RUN_FINISHED)
        ask_run(parent.pk, "resume", who="ada")

    (done,) = finish(parent, before=look)
    grandchild = read(grandchildren[0].pk)
    child = read(grandchild.run.forked_from_id)
    assert (done.states, child.states, grandchild.states) == (["compensated"], ["compensated"], ["completed"])
    acted = [(e.detail["action"], e.detail["who"]) for e in child.kinds(Kind.OPERATOR_ACTED)]
    assert acted == [("pause", "ada"), ("resume", "the fork")]
    assert ledgers(grandchild.run.pk) == told(grandchild.entries)


@pytest.mark.parametrize("at", [0, 10_000])
def test_a_fork_at_an_entry_that_is_not_there_is_refused(families: dict[str, Family], at: int) -> None:
    parent = families["all is well"].parent.run
    with pytest.raises(PlanInvalid) as error:
        fork_run(parent, at, parent.scenario)
    assert error.value.field == "at"
