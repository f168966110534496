"""The hot path: everything that a commit of the journal writes, as multi-row SQL.

The statements are `sagas.bulk`'s, so that SQLite and PostgreSQL share this page. Call `write`
inside a transaction, or tell it how to begin one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from sagas import one_message
from sagas.bulk import Row, Statement, ask, insert, run, update
from sagas.entries import Entry, Kind
from sagas.errors import JournalConflict, LeaseLost
from sagas.one_message import Known
from sagas.pausing import PAUSE, RESUME
from sagas.projection import SagaRow

DATABASE = "default"
RUNNING = "running"
NOWHERE = -2  # no `seq`, and before none

Work = tuple[Statement, Sequence[Row]]

ENTRY_TYPES = {
    **{"run_id": "text", "seq": "int", "at_ms": "bigint", "lane": "text", "saga": "text", "order": "text"},
    **{"kind": "text", "step": "text", "op": "text", "attempt": "int", "key": "text", "detail": "jsonb"},
    "append_id": "text",
}
STEP_TYPES = {"state": "text", "attempts": "int", "compensation_state": "text", "compensation_attempts": "int"}

RUN_TYPES = {
    **{"id": "text", "definition": "text", "version": "int", "scenario": "jsonb", "payload": "jsonb", "state": "text"},
    **{"last_seq": "int", "lease_owner": "text", "lease_epoch": "int", "leased_until": "bigint", "paused": "boolean"},
    **{"engine": "text", "pruning": "boolean", "created_at": "timestamptz"},
}
SAGA_TYPES = {
    **{"id": "text", "run_id": "text", "index": "int", "order": "text", "state": "text", "definition": "text"},
    "created_at": "timestamptz",
}
NEW_STEP_TYPES = {
    **{"saga_id": "text", "index": "int", "name": "text", "service": "text", "key": "text"},
    **{"compensation_name": "text", "compensation_key": "text"},
    **STEP_TYPES,
}

INSERT_RUN = insert("sagas_run", RUN_TYPES)
INSERT_SAGA = insert("sagas_saga", SAGA_TYPES)
INSERT_STEP = insert("sagas_step", NEW_STEP_TYPES)
INSERT_ENTRY = insert("sagas_journalentry", ENTRY_TYPES)
GO_ON_RUN = update("sagas_run", {"last_seq": "int"}, {"id": "text"})  # touches no index
UPDATE_RUN = update(
    "sagas_run",
    {"last_seq": "int", "state": "text", "finished_at_ms": "bigint", "paused": "boolean"},
    {"id": "text"},
    only_off=["paused"],
)
RELEASE_RUN = update("sagas_run", {"lease_owner": "text", "leased_until": "bigint"}, {"id": "text"})
UPDATE_PAUSED = update("sagas_run", {"paused": "boolean"}, {"id": "text"})
UPDATE_SAGA = update("sagas_saga", {"state": "text", "cause": "jsonb"}, {"id": "text"})
UPDATE_STEP = update("sagas_step", STEP_TYPES, {"saga_id": "text", "index": "int"})
INSERT_ALERT = insert("sagas_alert", {"saga_id": "text", "step": "text", "reason": "text", "raised_at_ms": "bigint"})
RESOLVE_ALERT = update(
    "sagas_alert", {"resolved_at_ms": "bigint"}, {"saga_id": "text"}, where="sagas_alert.resolved_at_ms IS NULL"
)
ENDS_ALERT = ("retry", "resolve")
HANDLE_COMMAND = update("sagas_command", {"handled_seq": "int", "refusal": "text"}, {"id": "bigint"})

HEADS = {
    "sqlite": "SELECT id, lease_epoch, last_seq, state FROM sagas_run WHERE id IN ({marks})",
    "postgresql": "SELECT id, lease_epoch, last_seq, state FROM sagas_run WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """The rows of a run as its first entries leave them, in the columns of RUN_TYPES, SAGA_TYPES and NEW_STEP_TYPES."""

    run: Row
    sagas: Sequence[Row]
    steps: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one driver wants to be true, all of it or nothing.

    `entries` are consecutive and placed (`seq`, `at`). `handled` maps ids of commands to the
    `seq` of the entry that obeyed them (0: refused, with the reason in `refusals`). A batch
    whose `append_id` is already in the journal succeeds without being written again. `new`
    makes the run itself with all that `entries` change in its rows, and is refused where the run exists.
    `releases` gives the run's lease back.
    """

    run: str
    epoch: int
    entries: Sequence[Entry]
    sagas: Sequence[SagaRow] = ()
    state: str = RUNNING
    handled: dict[int, int] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    append_id: str = ""
    new: NewRun | None = None
    releases: bool = False

    @property
    def last_seq_before(self) -> int:
        """The `seq` that the run must have for this batch to follow it; -1 for no entries."""
        return self.entries[0].seq - 1 if self.entries else -1

    @property
    def follows(self) -> tuple[int, int]:
        """The epoch and the `seq` after which this batch may be written."""
        return self.epoch, self.last_seq_before


def write(
    batches: Sequence[Batch], connection: BaseDatabaseWrapper | None = None, begin: str = ""
) -> list[Exception | None]:
    """Write every batch that may be written; return, for each, None or why it was not.

    `begin` opens a transaction, which is committed here; to roll it back is the caller's. Raises IntegrityError or
    DataError when the database refuses a row: then nothing may be kept. The connection is this thread's own
    unless another one is given.
    """
    connection = connection or connections[DATABASE]
    with connection.wrap_database_errors:
        return _write(batches, connection, begin)


def _write(batches: Sequence[Batch], connection: BaseDatabaseWrapper, begin: str) -> list[Exception | None]:
    def is_written(batch: Batch) -> bool:
        return _is_written(batch, connection)

    if begin and connection.vendor == "postgresql" and _append_at_once(batches, connection):
        return [None] * len(batches)
    heads, states = _heads({batch.run for batch in batches}, connection, begin)
    outcomes: list[Exception | None] = []
    accepted: list[Batch] = []
    for batch in batches:
        refusal, is_new = judge(batch, heads.get(batch.run), is_written)
        outcomes.append(refusal)
        if refusal is None and is_new:
            accepted.append(batch)
            heads[batch.run] = (
                batch.epoch,
                batch.entries[-1].seq if batch.entries else heads.get(batch.run, (0, 0))[1],
            )
    run(connection, _work(accepted, states), "COMMIT" if begin else "")
    return outcomes


def prepare(connection: BaseDatabaseWrapper) -> None:
    """Make a connection ready to be given to `write` with a `begin`."""
    if connection.vendor == "postgresql":
        with connection.wrap_database_errors:
            one_message.prepare(connection, [statement for statement, _ in _work([], {})])


def _append_at_once(batches: Sequence[Batch], connection: BaseDatabaseWrapper) -> bool:
    """Write every batch if each follows a run that is on its way; return False, with nothing written, where one does not."""
    known: dict[str, Known] = {}
    begun: list[str] = []
    ends: dict[str, tuple[int, int]] = {}
    for batch in batches:
        if batch.append_id or ends.get(batch.run, batch.follows) != batch.follows:
            return False
        if batch.new is not None:
            begun.append(batch.run)
        elif batch.run not in ends:
            seq = batch.last_seq_before if batch.entries else None
            known[batch.run] = Known(batch.run, batch.epoch, seq, RUNNING if batch.state == RUNNING else None)
        ends[batch.run] = (batch.epoch, batch.entries[-1].seq if batch.entries else NOWHERE)
    work = _work(batches, dict.fromkeys(known, RUNNING))
    return one_message.append(connection, list(known.values()), begun, work)


def _heads(
    runs: Iterable[str], connection: BaseDatabaseWrapper, begin: str
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Return epoch and last `seq` of each run, and its state; nobody else changes them in this transaction."""
    asked, values = sorted(runs), list[Any]()
    if connection.vendor == "sqlite":
        statement, values = HEADS["sqlite"].format(marks=", ".join("?" * len(asked))), asked
    else:
        statement, values = HEADS["postgresql"], [asked]
    found = ask(connection, begin, statement, values)
    return {run: (epoch, seq) for run, epoch, seq, _ in found}, {run: state for run, _, _, state in found}


def judge(
    batch: Batch, head: tuple[int, int] | None, is_written: Callable[[Batch], bool]
) -> tuple[Exception | None, bool]:
    """Return why a batch may not be written, or None, and whether it says anything new.

    `head` is the epoch and the last `seq` of its run, None where there is no such run.
    """
    if batch.new is not None:
        return (None, True) if head is None else (JournalConflict(batch.run, "there is such a run already"), False)
    if head is None:
        return JournalConflict(batch.run, "there is no such run"), False
    epoch, last_seq = head
    if batch.append_id and is_written(batch):
        return None, False
    if epoch != batch.epoch:
        return LeaseLost(batch.run, batch.epoch), False
    if batch.entries and batch.last_seq_before != last_seq:
        return JournalConflict(batch.run, f"entry {batch.entries[0].seq} does not follow {last_seq}"), False
    return None, True


def _is_written(batch: Batch, connection: BaseDatabaseWrapper) -> bool:
    mark = "?" if connection.vendor == "sqlite" else "%s"
    found = connection.connection.execute(
        f"SELECT 1 FROM sagas_journalentry WHERE run_id = {mark} AND seq = {mark} AND append_id = {mark}",
        [batch.run, batch.last_seq_before + 1, batch.append_id],
    )
    return found.fetchone() is not None


def _work(batches: Sequence[Batch], states: Mapping[str, str]) -> list[Work]:
    """Return all that these batches write, in its order."""
    begun = [batch.new for batch in batches if batch.new is not None]
    entries = [(batch, entry) for batch in batches for entry in batch.entries]
    latest = [row for batch in batches for row in batch.sagas]
    steps = ((*step, s.saga, n) for s in latest for n, step in s.steps)
    handled = ((seq, batch.refusals.get(pk, ""), pk) for batch in batches for pk, seq in batch.handled.items())
    return [
        (INSERT_RUN, [new.run for new in begun]),
        (INSERT_SAGA, [row for new in begun for row in new.sagas]),
        (INSERT_STEP, [row for new in begun for row in new.steps]),
        (INSERT_ENTRY, [entry_row(batch, entry) for batch, entry in entries]),
        (UPDATE_PAUSED, _last((action == PAUSE, run) for run, action in _pauses(entries))),
        *_runs([batch for batch in batches if batch.entries and batch.new is None], states),
        (UPDATE_SAGA, _last((s.state, s.cause, s.saga) for s in latest if s.moved)),
        (UPDATE_STEP, _last(steps, keys=2)),
        *_alerts([entry for _, entry in entries]),
        (HANDLE_COMMAND, _last(handled)),
    ]


def _runs(batches: Sequence[Batch], states: Mapping[str, str]) -> list[Work]:
    """Move the rows of runs on; the state is written only where it is a new one, for the sake of its indexes."""
    last = {batch.run: batch for batch in batches}.values()
    moved = {b.run for b in batches if b.state != states.get(b.run) or b.state == "finished"}
    return [
        (GO_ON_RUN, [(batch.entries[-1].seq, batch.run) for batch in last if batch.run not in moved]),
        (UPDATE_RUN, [_run_row(batch) for batch in last if batch.run in moved]),
        (RELEASE_RUN, [("", 0, batch.run) for batch in last if batch.releases]),
    ]


def _last(rows: Iterable[Row], keys: int = 1) -> list[Row]:
    """Return the last of the rows that are about one thing; the columns that name it come last."""
    return list({row[-keys:]: row for row in rows}.values())


def _pauses(entries: Sequence[tuple[Batch, Entry]]) -> list[tuple[str, str]]:
    acted = [(batch.run, e.detail["action"]) for batch, e in entries if e.kind is Kind.OPERATOR_ACTED]
    return [(run, action) for run, action in acted if action in (PAUSE, RESUME)]


def _alerts(entries: Sequence[Entry]) -> list[Work]:
    raised = [e for e in entries if e.kind is Kind.SAGA_NEEDS_OPERATOR]
    acted = [e for e in entries if e.kind is Kind.OPERATOR_ACTED and e.detail["action"] in ENDS_ALERT]
    return [
        (RESOLVE_ALERT, _last((e.at, e.saga) for e in acted)),
        (INSERT_ALERT, [(e.saga, e.step, e.detail["reason"], e.at) for e in raised]),
    ]


def entry_row(batch: Batch, e: Entry) -> Row:
    """Return an entry as a row of the columns `ENTRY_TYPES`."""
    return (
        *(batch.run, e.seq, e.at, e.lane.value, e.saga, e.order, e.kind.value, e.step),
        *(e.op.value if e.op else "", e.attempt, e.key, e.detail, batch.append_id if e is batch.entries[0] else ""),
    )


def _run_row(batch: Batch) -> Row:
    last, is_over = batch.entries[-1], batch.state == "finished"
    return last.seq, batch.state, last.at if is_over else None, not is_over, batch.run
