"""The services, each with an SQLite file of its own. They keep what a saga needs of them:

one key, one effect    an answer is stored under the call's key, with the effect, in one transaction
a fence                a compensation leaves a mark; an action that arrives after it does nothing
an empty undo          undoing what never arrived is fine, and leaves the same mark
a ledger               an effect is a row, and what undoes it is another one
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playground.temporal_project.saga import STEPS, STOCK, WAITS_IN_LINE
from playground.temporal_project.shapes import Answer, Request, Step

TABLES = """
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, verdict TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mark (step TEXT, "order" TEXT, op TEXT, PRIMARY KEY (step, "order"));
CREATE TABLE IF NOT EXISTS ledger (n INTEGER PRIMARY KEY, "order" TEXT, kind TEXT, amount INTEGER, key TEXT);
CREATE TABLE IF NOT EXISTS unit (record TEXT PRIMARY KEY, owner TEXT NOT NULL, sold INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS line (n INTEGER PRIMARY KEY, "order" TEXT UNIQUE);
"""

_STEPS = {step.name: step for step in STEPS}
_folder = Path("services")


class Refused(Exception):
    """A service says no: nothing happened."""


class Queued(Exception):
    """All units are held by others, and there is a line."""


def open_services(folder: Path) -> None:
    """Make the databases in this folder, with what is on the shelves; all calls are theirs from here on."""
    global _folder
    _folder = folder
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        with closing(sqlite3.connect(_file(step.service))) as base:
            base.executescript(TABLES)
            if step.shelf:
                units = [(f"unit-{n}",) for n in range(1, STOCK + 1)]
                base.executemany("INSERT OR IGNORE INTO unit (record, owner) VALUES (?, '')", units)
            base.commit()


def ledger(service: str) -> list[tuple[str, str, int, str]]:
    """Return a service's rows: order, kind, amount and key, in the order in which they were written."""
    with closing(sqlite3.connect(_file(service))) as base:
        return list(base.execute('SELECT "order", kind, amount, key FROM ledger ORDER BY n'))


def deliver(request: Request) -> Answer:
    """Return what the service answers to one delivery; all that it does is one transaction."""
    step = _STEPS[request.step]
    with _transaction(_file(step.service)) as base:
        stored = base.execute("SELECT verdict, reason FROM answer WHERE key = ?", [request.key]).fetchone()
        if stored:
            return Answer(*stored)
        try:
            answer = _handle(base, step, request)
        except Queued as held:
            return Answer("queued", str(held))  # not stored: whoever waits asks again
        except Refused as no:
            answer = Answer("refused", str(no))
        base.execute("INSERT INTO answer VALUES (?, ?, ?)", [request.key, answer.verdict, answer.reason])
        return answer


def _handle(base: sqlite3.Connection, step: Step, request: Request) -> Answer:
    if request.op == "settlement":
        return _settle(base, step, request)
    first = _mark(base, request)
    if request.op == "action":
        if not first and _is_undone(base, request):
            return Answer("fenced", "its compensation has been here")
        if step.shelf:
            _hold(base, request.order)
        return _write(base, request, *step.effect)
    if first:
        return Answer("ok")  # undo: nothing had arrived, and what is late finds the mark
    base.execute('UPDATE mark SET op = ? WHERE step = ? AND "order" = ?', [request.op, request.step, request.order])
    return _undo(base, step, request)


def _undo(base: sqlite3.Connection, step: Step, request: Request) -> Answer:
    """Take back what stands: a difference, so that what others did meanwhile stays."""
    assert step.undo is not None
    rows = base.execute(
        'SELECT amount FROM ledger WHERE "order" = ? AND key LIKE ?', [request.order, f"%:{step.name}"]
    ).fetchall()
    base.execute('DELETE FROM line WHERE "order" = ?', [request.order])  # undo: a place in line is owed back, too
    if not rows:
        return Answer("ok")
    if step.shelf:
        base.execute("UPDATE unit SET owner = '' WHERE owner = ? AND NOT sold", [request.order])  # undo
    return _write(base, request, step.undo[1], -rows[-1][0])  # undo


def _settle(base: sqlite3.Connection, step: Step, request: Request) -> Answer:
    assert step.settlement is not None
    if step.shelf:
        base.execute("UPDATE unit SET sold = 1 WHERE owner = ?", [request.order])
    return _write(base, request, *step.settlement)


def _hold(base: sqlite3.Connection, order: str) -> None:
    """Mark a unit as this order's. In a line, who came first is served first."""
    free = base.execute("SELECT record FROM unit WHERE owner = '' ORDER BY record").fetchone()
    first = base.execute('SELECT "order" FROM line ORDER BY n').fetchone()
    if free and first in (None, (order,)):
        base.execute("UPDATE unit SET owner = ? WHERE record = ?", [order, *free])
        base.execute('DELETE FROM line WHERE "order" = ?', [order])
        return
    if not base.execute("SELECT 1 FROM unit WHERE NOT sold").fetchone():
        raise Refused("out of stock")
    if not WAITS_IN_LINE:
        raise Refused("locked")
    base.execute('INSERT OR IGNORE INTO line ("order") VALUES (?)', [order])
    raise Queued("locked")


def _write(base: sqlite3.Connection, request: Request, kind: str, amount: int) -> Answer:
    row = [request.order, kind, amount, request.key]
    base.execute('INSERT INTO ledger ("order", kind, amount, key) VALUES (?, ?, ?, ?)', row)
    return Answer("ok")


def _mark(base: sqlite3.Connection, request: Request) -> bool:
    """Return whether nothing of this step has been here before."""
    made = base.execute("INSERT OR IGNORE INTO mark VALUES (?, ?, ?)", [request.step, request.order, request.op])
    return made.rowcount == 1


def _is_undone(base: sqlite3.Connection, request: Request) -> bool:
    found = base.execute('SELECT op FROM mark WHERE step = ? AND "order" = ?', [request.step, request.order])
    return bool(found.fetchone() == ("compensation",))


def _file(service: str) -> Path:
    return _folder / f"{service}.sqlite3"


@contextmanager
def _transaction(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        try:
            yield base
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")
