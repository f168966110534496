"""The hot path: everything that a commit of the journal writes, as multi-row SQL.

Plain statements that SQLite and PostgreSQL both take, through Django's connection of the
writer's own thread. Call `write` inside a transaction only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from sagas.entries import Entry, Kind
from sagas.errors import JournalConflict, LeaseLost
from sagas.pausing import PAUSE, RESUME
from sagas.projection import SagaRow

DATABASE = "default"

ENTRY_COLUMNS = (
    *("run_id", "seq", "at_ms", "lane", "saga", "order", "kind", "step", "op", "attempt", "key", "detail", "append_id"),
)
INSERT_ENTRY = """INSERT INTO sagas_journalentry
    (run_id, seq, at_ms, lane, saga, "order", kind, step, op, attempt, "key", detail, append_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
UPDATE_RUN = """UPDATE sagas_run SET last_seq = %s, state = %s, finished_at_ms = %s, paused = paused AND %s
    WHERE id = %s"""
UPDATE_PAUSED = """UPDATE sagas_run SET paused = %s WHERE id = %s"""
UPDATE_SAGA = """UPDATE sagas_saga SET state = %s, cause = %s WHERE id = %s"""
UPDATE_STEP = """UPDATE sagas_step SET state = %s, attempts = %s, compensation_state = %s, compensation_attempts = %s
    WHERE saga_id = %s AND "index" = %s"""
INSERT_ALERT = """INSERT INTO sagas_alert (saga_id, step, reason, raised_at_ms) VALUES (%s, %s, %s, %s)"""
RESOLVE_ALERT = """UPDATE sagas_alert SET resolved_at_ms = %s WHERE saga_id = %s AND resolved_at_ms IS NULL"""
ENDS_ALERT = ("retry", "resolve")
HANDLE_COMMAND = """UPDATE sagas_command SET handled_seq = %s, refusal = %s WHERE id = %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one driver wants to be true, all of it or nothing.

    `entries` are consecutive and placed (`seq`, `at`). `handled` maps ids of commands to the
    `seq` of the entry that obeyed them (0: refused, with the reason in `refusals`). A batch
    whose `append_id` is already in the journal succeeds without being written again.
    """

    run: str
    epoch: int
    entries: Sequence[Entry]
    sagas: Sequence[SagaRow] = ()
    state: str = "running"
    handled: dict[int, int] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    append_id: str = ""

    @property
    def last_seq_before(self) -> int:
        """The `seq` that the run must have for this batch to follow it; -1 for no entries."""
        return self.entries[0].seq - 1 if self.entries else -1


def write(batches: Sequence[Batch]) -> list[Exception | None]:
    """Write every batch that may be written; return, for each, None or why it was not.

    Raises IntegrityError when the database refuses a row: then nothing may be kept.
    """
    heads = _heads(sorted({batch.run for batch in batches}))
    outcomes: list[Exception | None] = []
    accepted: list[Batch] = []
    for batch in batches:
        refusal, is_new = judge(batch, heads.get(batch.run), _is_written)
        outcomes.append(refusal)
        if refusal is None and is_new:
            accepted.append(batch)
            if batch.entries:
                heads[batch.run] = (batch.epoch, batch.entries[-1].seq)
    if accepted:
        _insert(accepted)
    return outcomes


def _heads(runs: Sequence[str]) -> dict[str, tuple[int, int]]:
    connection = connections[DATABASE]
    marks = ", ".join(["%s"] * len(runs))
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, lease_epoch, last_seq FROM sagas_run WHERE id IN ({marks}) ORDER BY id{lock}", runs)
        return {run: (epoch, seq) for run, epoch, seq in cursor.fetchall()}


def judge(
    batch: Batch, head: tuple[int, int] | None, is_written: Callable[[Batch], bool]
) -> tuple[Exception | None, bool]:
    """Return why a batch may not be written, or None, and whether it says anything new.

    `head` is the epoch and the last `seq` of its run, None where there is no such run.
    """
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


def _is_written(batch: Batch) -> bool:
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM sagas_journalentry WHERE run_id = %s AND seq = %s AND append_id = %s",
            [batch.run, batch.last_seq_before + 1, batch.append_id],
        )
        return cursor.fetchone() is not None


def _insert(batches: Sequence[Batch]) -> None:
    entries = [(batch, entry) for batch in batches for entry in batch.entries]
    with connections[DATABASE].cursor() as cursor:
        _many(cursor, INSERT_ENTRY, [entry_row(batch, entry) for batch, entry in entries])
        _many(cursor, UPDATE_PAUSED, [(action == PAUSE, run) for run, action in _pauses(entries)])
        _many(cursor, UPDATE_RUN, [_run_row(batch) for batch in batches if batch.entries])
        latest = [row for batch in batches for row in batch.sagas]
        _many(cursor, UPDATE_SAGA, [(s.state, _json(s.cause), s.saga) for s in latest])
        steps = [(s.saga, n, step) for s in latest for n, step in s.steps]
        _many(
            cursor,
            UPDATE_STEP,
            [(t.state, t.attempts, t.compensation_state, t.compensation_attempts, saga, n) for saga, n, t in steps],
        )
        _alerts(cursor, [entry for _, entry in entries])
        handled = [(seq, batch.refusals.get(pk, ""), pk) for batch in batches for pk, seq in batch.handled.items()]
        _many(cursor, HANDLE_COMMAND, handled)


def _pauses(entries: Sequence[tuple[Batch, Entry]]) -> list[tuple[str, str]]:
    acted = [(batch.run, e.detail["action"]) for batch, e in entries if e.kind is Kind.OPERATOR_ACTED]
    return [(run, action) for run, action in acted if action in (PAUSE, RESUME)]


def _alerts(cursor: Any, entries: Sequence[Entry]) -> None:
    raised = [e for e in entries if e.kind is Kind.SAGA_NEEDS_OPERATOR]
    acted = [e for e in entries if e.kind is Kind.OPERATOR_ACTED and e.detail["action"] in ENDS_ALERT]
    _many(cursor, RESOLVE_ALERT, [(e.at, e.saga) for e in acted])
    _many(cursor, INSERT_ALERT, [(e.saga, e.step, e.detail["reason"], e.at) for e in raised])


def entry_row(batch: Batch, e: Entry) -> tuple[Any, ...]:
    first = e is batch.entries[0]
    detail = json.dumps(dict(e.detail), separators=(",", ":"))
    return (
        *(batch.run, e.seq, e.at, str(e.lane), e.saga, e.order, str(e.kind), e.step),
        *(str(e.op or ""), e.attempt, e.key, detail, batch.append_id if first else ""),
    )


def _run_row(batch: Batch) -> tuple[Any, ...]:
    last, is_over = batch.entries[-1], batch.state == "finished"
    return last.seq, batch.state, last.at if is_over else None, not is_over, batch.run


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(dict(value), separators=(",", ":"))


def _many(cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        cursor.executemany(statement, rows)
