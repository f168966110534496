"""The journal: one writer, one transaction for many runs, and nothing that a database would lose."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from sagas import bulk, catalog, journal, journal_sql, leases
from sagas.databases import atomic
from sagas.entries import Entry, Kind
from sagas.errors import JournalConflict, LeaseLost
from sagas.journal import Batch, Journal
from sagas.models import Alert, JournalEntry, Run, Saga, Step
from sagas.projection import SagaRow
from sagas.runs import create_run
from sagas.starting import new_rows
from tests.engine import scenario

pytestmark = pytest.mark.usefixtures("engine_databases")


def fresh_run() -> str:
    run = create_run(scenario())
    Run.objects.filter(pk=run.pk).update(lease_owner="test", lease_epoch=1, leased_until=2**60)
    return run.pk


def note(run: str, seq: int, *, kind: Kind = Kind.SETTLEMENT_OWED, **fields: object) -> Entry:
    return Entry(kind=kind, saga=f"{run}-1", order="ord-8412", seq=seq, at=1_000 + seq, **fields)  # type: ignore[arg-type]


def append(*batches: Batch) -> tuple[list[BaseException | None], list[tuple[str, list[int]]]]:
    """Return each append's refusal or None, and what listeners heard, in order."""
    heard: list[tuple[str, list[int]]] = []

    def listen(run: str, entries: Sequence[Entry]) -> None:
        heard.append((run, [e.seq for e in entries]))

    async def go() -> list[BaseException | None]:
        book = Journal()
        book.listen(listen)
        book.start()
        try:
            futures = [book.append(batch) for batch in batches]
            return [
                e if isinstance(e, BaseException) else None
                for e in await asyncio.gather(*futures, return_exceptions=True)
            ]
        finally:
            await book.stop()

    return asyncio.run(go()), heard


def test_an_append_is_durable_and_heard_after_its_commit() -> None:
    run = fresh_run()
    outcomes, heard = append(Batch(run=run, epoch=1, entries=[note(run, 1), note(run, 2)]))
    assert outcomes == [None]
    assert heard == [(run, [1, 2])]
    assert journal.read(run) == [note(run, 1), note(run, 2)]
    assert journal.read(run, after=1) == [note(run, 2)]
    assert Run.objects.get(pk=run).last_seq == 2


def test_appends_that_wait_together_share_one_commit() -> None:
    runs = [fresh_run() for _ in range(30)]
    before = _commits(runs)
    outcomes, _ = append(*(Batch(run=run, epoch=1, entries=[note(run, 1)]) for run in runs))
    assert outcomes == [None] * 30
    assert 1 <= _commits(runs) - before <= 3


def test_rule_26_an_append_of_an_older_epoch_is_refused_and_writes_nothing() -> None:
    run, other = fresh_run(), fresh_run()
    stale, good = Batch(run=run, epoch=0, entries=[note(run, 1)]), Batch(run=other, epoch=1, entries=[note(other, 1)])
    outcomes, heard = append(stale, good)
    assert isinstance(outcomes[0], LeaseLost)
    assert (outcomes[0].run, outcomes[0].epoch) == (run, 0)
    assert outcomes[1] is None
    assert heard == [(other, [1])]
    assert journal.read(run) == []


def test_rule_07_entries_that_do_not_follow_are_refused() -> None:
    run = fresh_run()
    gap, doubled = Batch(run=run, epoch=1, entries=[note(run, 2)]), Batch(run=run, epoch=1, entries=[note(run, 1)])
    outcomes, _ = append(gap, doubled, doubled)
    assert [type(o) for o in outcomes] == [JournalConflict, type(None), JournalConflict]
    assert [e.seq for e in journal.read(run)] == [1]


def test_an_append_that_was_written_before_succeeds_again() -> None:
    run = fresh_run()
    batch = Batch(run=run, epoch=1, entries=[note(run, 1)], append_id="activity-7")
    first, _ = append(batch)
    second, _ = append(batch)
    assert first == second == [None]
    assert len(journal.read(run)) == 1


def test_rule_05_one_poisoned_batch_fails_alone() -> None:
    run, poisoned = fresh_run(), fresh_run()
    # An alert of a saga that does not exist breaks a foreign key, which only the database can know.
    stray = Entry(kind=Kind.SAGA_NEEDS_OPERATOR, saga="nobody-1", seq=1, at=1, detail={"reason": "x"})
    outcomes, _ = append(Batch(run=poisoned, epoch=1, entries=[stray]), Batch(run=run, epoch=1, entries=[note(run, 1)]))
    assert isinstance(outcomes[0], JournalConflict)
    assert outcomes[1] is None
    assert (len(journal.read(poisoned)), len(journal.read(run))) == (0, 1)


@pytest.mark.parametrize("wrong", [{"step": "half a \ud800"}, {"op": "no Op"}, {"attempt": 10**30}], ids=str)
def test_a_row_that_cannot_be_written_down_ends_neither_the_writer_nor_its_neighbours(wrong: dict[str, object]) -> None:
    run, broken = fresh_run(), fresh_run()
    entry = note(broken, 1, **{"kind": Kind.SAGA_NEEDS_OPERATOR, "detail": {"reason": "x"}, **wrong})
    outcomes, _ = append(Batch(run=broken, epoch=1, entries=[entry]), Batch(run=run, epoch=1, entries=[note(run, 1)]))
    assert isinstance(outcomes[0], JournalConflict)
    assert outcomes[1] is None
    assert (len(journal.read(broken)), len(journal.read(run))) == (0, 1)


def test_rule_05_poisoned_batches_fail_alone_among_many() -> None:
    runs = [fresh_run() for _ in range(9)]
    stray = Entry(kind=Kind.SAGA_NEEDS_OPERATOR, saga="nobody-1", seq=1, at=1, detail={"reason": "x"})
    batches = [Batch(run=run, epoch=1, entries=[stray if n in (2, 7) else note(run, 1)]) for n, run in enumerate(runs)]
    outcomes, heard = append(*batches)
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [2, 7]
    assert sorted(run for run, _ in heard) == sorted(run for n, run in enumerate(runs) if n not in (2, 7))
    assert [len(journal.read(run)) for run in runs] == [1, 1, 0, 1, 1, 1, 1, 0, 1]


def test_rule_05_of_one_run_the_last_word_of_a_commit_stands() -> None:
    run = fresh_run()
    rows = [SagaRow(saga=f"{run}-1", state=state, cause=None, steps=()) for state in ("running", "completed")]
    batches = [Batch(run=run, epoch=1, entries=[note(run, n)], sagas=[row]) for n, row in enumerate(rows, 1)]
    outcomes, _ = append(*batches)
    assert outcomes == [None, None]
    stored = Run.objects.get(pk=run)
    assert (stored.last_seq, stored.sagas.get().state) == (2, "completed")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every question that a commit asks before it writes."""
    questions: list[str] = []

    def heard(connection: BaseDatabaseWrapper, first: str, query: str, values: Sequence[Any]) -> list[Any]:
        questions.append(query)
        return bulk.ask(connection, first, query, values)

    monkeypatch.setattr(journal_sql, "ask", heard)
    return questions


def test_postgresql_itself_judges_what_follows_as_it_should(asked: list[str]) -> None:
    run, other = fresh_run(), fresh_run()
    in_one_go = [Batch(run=run, epoch=1, entries=[note(run, n, step="x")]) for n in (1, 2)]
    outcomes, _ = append(*in_one_go, Batch(run=other, epoch=1, entries=[note(other, 1)], state="finished"))
    assert outcomes == [None] * 3
    assert [(r.last_seq, r.state) for r in map(run_of, (run, other))] == [(2, "running"), (1, "finished")]
    assert len(asked) == (0 if connections["default"].vendor == "postgresql" else 1)


@pytest.mark.parametrize("wrong", ["finished", "epoch", "gap", "unknown", "twice", "written before"])
def test_where_a_run_is_not_as_expected_it_is_asked_about_and_its_neighbours_are_written(
    asked: list[str], wrong: str
) -> None:
    run, other = fresh_run(), fresh_run()
    append(Batch(run=run, epoch=1, entries=[note(run, 1)], append_id="a-1", state="finished"))
    asked.clear()
    batch = {
        "finished": Batch(run=run, epoch=1, entries=[note(run, 2)]),
        "epoch": Batch(run=run, epoch=2, entries=[note(run, 2)]),
        "gap": Batch(run=run, epoch=1, entries=[note(run, 3)]),
        "unknown": Batch(run="nobody", epoch=1, entries=[note("nobody", 1)]),
        "twice": Batch(run=run, epoch=1, entries=[note(run, 1)]),
        "written before": Batch(run=run, epoch=1, entries=[note(run, 1)], append_id="a-1"),
    }[wrong]
    outcomes, _ = append(batch, Batch(run=other, epoch=1, entries=[note(other, 1)]))
    refusals = {"epoch": LeaseLost, "gap": JournalConflict, "unknown": JournalConflict, "twice": JournalConflict}
    assert [type(o) for o in outcomes] == [refusals.get(wrong, type(None)), type(None)]
    assert (run_of(run).last_seq, run_of(run).state) == ((2, "running") if wrong == "finished" else (1, "finished"))
    assert run_of(other).last_seq == 1
    assert asked


def run_of(pk: str) -> Run:
    return Run.objects.get(pk=pk)


def begin_to_write(connection: BaseDatabaseWrapper, run: str) -> None:
    """Begin a transaction that holds a run, and on SQLite the whole file; to close the connection gives it up."""
    connection.inc_thread_sharing()
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sagas_run SET paused = paused WHERE id = %s", [run])


def test_an_append_waits_for_another_writer_and_the_event_loop_does_not() -> None:
    first, second = fresh_run(), fresh_run()

    async def go() -> None:
        book = Journal()
        book.start()
        await book.append(Batch(run=first, epoch=1, entries=[note(first, 1)]))
        other = connections["default"].copy()
        await asyncio.to_thread(begin_to_write, other, second)
        waiting = book.append(Batch(run=second, epoch=1, entries=[note(second, 1)]))
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert not waiting.done()
        await asyncio.to_thread(other.close)
        await waiting
        await book.stop()

    asyncio.run(go())
    assert [e.seq for e in journal.read(second)] == [1]


def test_a_new_run_begins_with_its_first_batch_and_only_once() -> None:
    known = Run.objects.get(pk=fresh_run())
    run = Run(pk=f"new-{known.pk[4:]}", definition=known.definition, version=1, scenario={}, payload={"a": None})
    run.lease_owner, run.lease_epoch, run.leased_until, run.created_at = "me", 1, 7, known.created_at
    saga = Saga(pk=f"{run.pk}-1", run=run, index=1, order="ord-1", definition="order", created_at=run.created_at)
    batch = Batch(run=run.pk, epoch=1, entries=[note(run.pk, 1)], new=new_rows(run, saga, catalog.ORDER, last_seq=1))
    outcomes, heard = append(batch, batch)
    assert [type(o) for o in outcomes] == [type(None), JournalConflict]
    assert heard == [(run.pk, [1])]
    stored = Run.objects.get(pk=run.pk)
    assert (stored.payload, stored.last_seq, stored.lease_owner, stored.leased_until) == ({"a": None}, 1, "me", 7)
    assert (stored.created_at, stored.paused, stored.state) == (run.created_at, False, "running")
    like = create_run(scenario())
    made, usual = (list(Step.objects.filter(saga__run=r).order_by("index")) for r in (run.pk, like.pk))
    for ours, theirs in zip(made, usual, strict=True):
        for field in Step._meta.fields:
            if field.name not in ("id", "saga", "key", "compensation_key"):
                assert getattr(ours, field.name) == getattr(theirs, field.name)
    assert made[0].key == "saga:ord-1:reserve-inventory"


def test_rule_05_entry_rows_alert_and_run_state_commit_together() -> None:
    run = fresh_run()
    saga = SagaRow(saga=f"{run}-1", state="needs-operator", cause={"step": "x"}, steps=())
    stuck = note(run, 1, kind=Kind.SAGA_NEEDS_OPERATOR, step="charge-payment", detail={"reason": "spent"})
    outcomes, _ = append(Batch(run=run, epoch=1, entries=[stuck], sagas=[saga], state="finished"))
    assert outcomes == [None]
    stored = Run.objects.get(pk=run)
    assert (stored.state, stored.finished_at_ms) == ("finished", stuck.at)
    assert stored.sagas.get().state == "needs-operator"
    assert Alert.objects.get(saga=f"{run}-1").reason == "spent"


def test_rule_07_the_database_refuses_to_change_or_delete_an_entry() -> None:
    run = fresh_run()
    append(Batch(run=run, epoch=1, entries=[note(run, 1)]))
    rows = JournalEntry.objects.filter(run=run)
    with pytest.raises(IntegrityError, match="append-only"), atomic("default"):
        rows.update(kind=Kind.SAGA_COMPLETED)
    with pytest.raises(IntegrityError, match="append-only"), atomic("default"):
        rows.delete()
    with pytest.raises(IntegrityError), atomic("default"):
        Run.objects.filter(pk=run).delete()
    Run.objects.filter(pk=run).update(pruning=True)
    Run.objects.filter(pk=run).delete()
    assert not rows.exists()


def test_a_listener_that_breaks_does_not_stop_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    run = fresh_run()

    async def go() -> None:
        book = Journal()
        book.listen(lambda run, entries: 1 / 0)  # type: ignore[arg-type, return-value]
        book.start()
        await book.append(Batch(run=run, epoch=1, entries=[note(run, 1)]))
        await book.append(Batch(run=run, epoch=1, entries=[note(run, 2)]))
        await book.stop()

    asyncio.run(go())
    assert len(journal.read(run)) == 2
    assert "journal.listener-failed" in caplog.text


def test_rule_28_a_lease_is_free_for_others_only_after_it_ran_out() -> None:
    run = create_run(scenario()).pk
    (held,) = leases.claim_due("ann", now=1_000, lease_ms=500, limit=9, only=run)
    assert leases.claim_due("ben", now=1_400, lease_ms=500, limit=9, only=run) == []
    assert leases.renew("ann", [run], now=1_400, lease_ms=500) == {run}
    assert leases.claim_due("ben", now=1_600, lease_ms=500, limit=9, only=run) == []
    (taken,) = leases.claim_due("ben", now=1_900, lease_ms=500, limit=9, only=run)
    assert (held.epoch, taken.epoch) == (1, 2)
    assert leases.renew("ann", [run], now=2_000, lease_ms=500) == set()
    assert leases.take_over(held, "ann", now=2_000, lease_ms=500) is None


def test_a_lease_that_was_given_back_can_be_claimed_at_once() -> None:
    run = create_run(scenario()).pk
    leases.claim_due("ann", now=1_000, lease_ms=10_000, limit=9, only=run)
    leases.release("ann", [run])
    assert len(leases.claim_due("ben", now=1_001, lease_ms=500, limit=9, only=run)) == 1


def _commits(runs: list[str]) -> int:
    """Return SQLite's change counter, or how many transactions of PostgreSQL wrote the entries of these runs."""
    with connections["default"].cursor() as cursor:
        if connections["default"].vendor == "postgresql":
            mine = "SELECT count(DISTINCT xmin::text) FROM sagas_journalentry WHERE run_id = ANY(%s)"
            cursor.execute(mine, [runs])
        else:
            cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])
