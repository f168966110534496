"""The database keeps the journal append-only, whoever writes to it.

An entry is never updated. It, and its run, are deleted only once the run is marked
`pruning`; no other path of the project sets that mark.
"""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SQLITE = [
    """CREATE TRIGGER journal_never_updated BEFORE UPDATE ON sagas_journalentry
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER journal_never_deleted BEFORE DELETE ON sagas_journalentry
       WHEN EXISTS (SELECT 1 FROM sagas_run WHERE id = OLD.run_id AND NOT pruning)
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    """CREATE TRIGGER run_never_deleted BEFORE DELETE ON sagas_run WHEN NOT OLD.pruning
       BEGIN SELECT RAISE(ABORT, 'a run is deleted only while it is pruned'); END""",
]

POSTGRESQL = [
    """CREATE FUNCTION sagas_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF TG_TABLE_NAME = 'sagas_journalentry' AND TG_OP = 'DELETE' THEN
           IF NOT EXISTS (SELECT 1 FROM sagas_run WHERE id = OLD.run_id AND NOT pruning) THEN RETURN OLD; END IF;
         END IF;
         RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
       END $$""",
    """CREATE TRIGGER journal_never_changed BEFORE UPDATE OR DELETE ON sagas_journalentry
       FOR EACH ROW EXECUTE FUNCTION sagas_refuse()""",
    """CREATE TRIGGER run_never_deleted BEFORE DELETE ON sagas_run
       FOR EACH ROW WHEN (NOT OLD.pruning) EXECUTE FUNCTION sagas_refuse()""",
]

UNDO = {
    "sqlite": [
        "DROP TRIGGER journal_never_updated",
        "DROP TRIGGER journal_never_deleted",
        "DROP TRIGGER run_never_deleted",
    ],
    "postgresql": [
        "DROP TRIGGER journal_never_changed ON sagas_journalentry",
        "DROP TRIGGER run_never_deleted ON sagas_run",
        "DROP FUNCTION sagas_refuse()",
    ],
}


def protect(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def unprotect(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("sagas", "0001_initial")]
    operations = [migrations.RunPython(protect, unprotect)]
