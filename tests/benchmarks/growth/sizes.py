"""How large the databases of the open site are."""

from __future__ import annotations

from pathlib import Path

from django.db import connections

from sagas.databases import SERVICES
from sagas.models import JournalEntry, Run
from tests.benchmarks.growth.sites import vendor


def read() -> dict[str, float]:
    """Return entries, runs, and bytes: of the default database per entry, of all services together per run."""
    entries, runs = JournalEntry.objects.count(), Run.objects.count()
    engine, services = bytes_of("default"), sum(bytes_of(alias) for alias in SERVICES)
    return {
        "entries": entries,
        "runs": runs,
        "bytes": engine + services,
        "engine_bytes_per_entry": engine / entries,
        "journal_bytes_per_entry": _bytes_of_table("sagas_journalentry") / entries,
        "service_bytes_per_run": services / runs,
    }


def bytes_of(alias: str) -> int:
    """Return how much of the disk a database takes, indexes and all."""
    if vendor() == "sqlite":
        name = Path(str(connections[alias].settings_dict["NAME"]))
        return sum(file.stat().st_size for file in name.parent.glob(f"{name.name}*"))
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "WHERE c.relkind = 'r' AND c.relnamespace = %s::regnamespace",
            ["public" if alias == "default" else alias],
        )
        return int(cursor.fetchone()[0])


def _bytes_of_table(table: str) -> int:
    with connections["default"].cursor() as cursor:
        if vendor() == "sqlite":
            cursor.execute(
                "SELECT SUM(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN "
                "(SELECT name FROM sqlite_master WHERE tbl_name = %s)",
                [table],
            )
        else:
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
        return int(cursor.fetchone()[0] or 0)
