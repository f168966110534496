"""What one whole run writes: commits and rows in each database, counted while real runs are driven.

`python -m tests.benchmarks.scale.counted` prints JSON: for the path that succeeds and the one that is declined, a run's
`entries`; in the engine's database its `appends`, each a commit of the journal, and `other engine commits`, by which it
is stored and claimed; the commits and rows of all services and of each; and the rows that it leaves. Of a saga of
five no-op steps, as the part `engine` has it, the `commits`. Counted on SQLite, one run at a time: nothing is folded into
a neighbour's commit, so each count is the most that a run takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import django

RUNS = 3
WRITES = ("INSERT", "UPDATE", "DELETE")
DECLINED = {"step": "notify-warehouse", "on": "action", "kind": "decline"}


def count() -> Mapping[str, Mapping[str, float]]:
    """Drive a few runs of each path in databases that are thrown away; return what a run wrote, by path."""
    from django.db import connections
    from django.db.backends.signals import connection_created

    from sagas.management.ready import prepare_databases
    from tests.benchmarks.peers.recording import batches_of

    commits: Counter[str] = Counter()

    def watch(connection: Any, **_: Any) -> None:
        connection.connection.set_trace_callback(_Heard(_writer(connection), commits))

    prepare_databases()
    connections.close_all()
    connection_created.connect(watch)
    _, batches = asyncio.run(batches_of(fails=False))
    runs = {path: asyncio.run(_counted(faults, commits)) for path, faults in (("good", []), ("declined", [DECLINED]))}
    return {"five steps": {"commits": float(sum(bool(batch.entries or batch.new) for batch in batches))}, **runs}


def _writer(connection: Any) -> str:
    """Return who writes: the journal has a connection of its own that it lends to its thread."""
    return "journal" if connection.allow_thread_sharing else str(connection.alias)


class _Heard:
    """Hears each statement of one connection. One that writes outside of a transaction is a commit of its own."""

    def __init__(self, who: str, commits: Counter[str]) -> None:
        self._who, self._commits, self._is_open = who, commits, False

    def __call__(self, statement: str) -> None:
        word = statement.split(maxsplit=1)[0].upper()
        if word == "COMMIT" or (word in WRITES and not self._is_open):
            self._commits[self._who] += 1
        if word in ("BEGIN", "COMMIT", "ROLLBACK") and "TO SAVEPOINT" not in statement:
            self._is_open = word == "BEGIN"


async def _counted(faults: list[dict[str, str]], commits: Counter[str]) -> Mapping[str, float]:
    from asgiref.sync import sync_to_async
    from django.db import connections

    from sagas.runs import create_run
    from tests.benchmarks.peers.working import working

    count_rows = sync_to_async(_rows)
    scenario = {"mode": "orchestration", "orders": 1, "latency_ms": 0, "timeout_ms": 60_000, "faults": faults}
    async with working() as ended:
        await ended((await sync_to_async(create_run)(scenario)).pk)  # whatever only a first run does
        await _at_rest()
        commits.clear()
        before = await count_rows()
        for _ in range(RUNS):
            await ended((await sync_to_async(create_run)(scenario)).pk)
        await _at_rest()
        wrote = Counter(commits)
        rows = {table: n - before.get(table, 0) for table, n in (await count_rows()).items()}
    services = [alias for alias in connections if alias != "default"]
    kept = {alias: sum(n for (where, _), n in rows.items() if where == alias) for alias in connections}
    each = {
        f"{alias} {what}": of[alias] / RUNS for alias in services for what, of in (("commits", wrote), ("rows", kept))
    }
    return {
        "entries": rows["default", "sagas_journalentry"] / RUNS,
        "appends": wrote["journal"] / RUNS,
        "other engine commits": wrote["default"] / RUNS,
        "engine rows": kept["default"] / RUNS,
        "service commits": sum(wrote[alias] for alias in services) / RUNS,
        "service rows": sum(kept[alias] for alias in services) / RUNS,
        **{name: number for name, number in each.items() if number},
    }


async def _at_rest() -> None:
    """Return when no run moves: a run ends a commit after its saga."""
    from sagas.models import Run

    async with asyncio.timeout(30):
        while await Run.objects.filter(state=Run.State.RUNNING).aexists():
            await asyncio.sleep(0)


def _rows() -> dict[tuple[str, str], int]:
    from django.apps import apps

    from sagas.databases import ServiceRouter

    router = ServiceRouter()
    return {
        (alias, model._meta.db_table): model._base_manager.using(alias).count()
        for model in apps.get_models()
        for alias in [router.db_for_read(model)]
    }


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "playground.settings"
    for name in [
        name for name in os.environ if name.endswith(("DATABASE_URL", "REDIS_URL")) or name.startswith("SAGA_")
    ]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="counted-") as folder:
        os.environ["SAGA_DATA"] = folder
        django.setup()
        sys.stdout.write(json.dumps(count()) + "\n")
