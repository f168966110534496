"""The database itself refuses to change a ledger: a trigger, made by each service's first migration.

An SQLite migration that alters a ledger rebuilds its table and so drops the trigger:
such a migration has to make it again.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunPython

_REFUSE = {
    "sqlite": (
        "CREATE TRIGGER {table}_only_grows BEFORE UPDATE ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'a ledger row is never changed'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a ledger row is never changed' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER {table}_only_grows BEFORE UPDATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION {table}_only_grows()",
    ),
}
_ALLOW = {
    "sqlite": ("DROP TRIGGER {table}_only_grows",),
    "postgresql": ("DROP TRIGGER {table}_only_grows ON {table}", "DROP FUNCTION {table}_only_grows()"),
}


def only_grows(table: str) -> RunPython:
    """Return the migration operation after which the database refuses every UPDATE of `table`."""

    def refuse(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in _REFUSE[editor.connection.vendor]:
            editor.execute(statement.format(table=table))

    def allow(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in _ALLOW[editor.connection.vendor]:
            editor.execute(statement.format(table=table))

    return RunPython(refuse, allow)
