"""A commit as one message to PostgreSQL, in which the database itself judges whether it may be.

Who writes says what it takes for granted of every run. A function of the session locks the runs
and writes all rows if it is so, or else none: then the caller asks first. The function also has
its statements planned once per session, which takes longer than to run them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Cursor

from sagas.bulk import Row, Statement, text_of

NAME = "pg_temp.sagas_append"

# Plans outlive the size that the tables had: every row is found by its key, however few there were.
SETTINGS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"

FUNCTION = """
CREATE FUNCTION {name}(known json, begun text[], {arguments}) RETURNS boolean LANGUAGE plpgsql AS $body$
BEGIN
    IF known IS NOT NULL AND json_array_length(known) <> (
        SELECT count(*) FROM (
            SELECT 1 FROM sagas_run
            JOIN json_to_recordset(known) AS it(id text, epoch int, seq int, state text) ON sagas_run.id = it.id
            WHERE sagas_run.lease_epoch = it.epoch
                AND sagas_run.last_seq = coalesce(it.seq, sagas_run.last_seq)
                AND sagas_run.state = coalesce(it.state, sagas_run.state)
            ORDER BY sagas_run.id FOR UPDATE OF sagas_run
        ) AS held
    ) THEN
        RETURN false;
    END IF;
    IF begun IS NOT NULL AND EXISTS (SELECT 1 FROM sagas_run WHERE id = ANY(begun)) THEN
        RETURN false;
    END IF;
{statements}
    RETURN true;
END
$body$
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is taken for granted of a run. None: whatever it is."""

    id: str
    epoch: int
    seq: int | None
    state: str | None


def prepare(connection: BaseDatabaseWrapper, statements: Sequence[Statement]) -> None:
    """Make the function for a session; it is gone with it. `append` then takes rows for each of these statements."""
    numbered = enumerate(statements, start=3)  # the first two arguments are not rows
    blocks = (f"    IF ${n} IS NOT NULL THEN {s.postgresql.replace('%s::json', f'${n}')}; END IF;" for n, s in numbered)
    function = FUNCTION.format(name=NAME, arguments=", ".join(["json"] * len(statements)), statements="\n".join(blocks))
    connection.connection.execute(f"{SETTINGS}; {function}")


def append(
    connection: BaseDatabaseWrapper,
    known: Sequence[Known],
    begun: Sequence[str],
    work: Sequence[tuple[Statement, Sequence[Row]]],
) -> bool:
    """Write the rows of every statement and commit, or return False with nothing written: something is not as known.

    `begun` are runs that there must not be yet. Raises the driver's own errors; then nothing is written either.
    """
    expected = json.dumps([{"id": k.id, "epoch": k.epoch, "seq": k.seq, "state": k.state} for k in known])
    values: list[Any] = [expected if known else None, list(begun) or None]
    values += (text_of(statement, rows) if rows else None for statement, rows in work)
    marks = ", ".join(["%s"] * len(values))
    row = Cursor(connection.connection).execute(f"SELECT {NAME}({marks})", values, prepare=True).fetchone()
    return row is not None and bool(row[0])
