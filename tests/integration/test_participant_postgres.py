"""All services in one PostgreSQL database. That the rules hold there as well, `tests.on_postgres` sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sagas.databases import SERVICES
from tests.postgres import Postgres

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
IN_ONE_DATABASE = """
import json, os
import django, psycopg
django.setup()
from django.core.management import call_command
from django.db import OperationalError, connections
from sagas.databases import SERVICES, ensure_schemas
from sagas.entries import Op
from sagas.services.base import Call
from sagas.services.inventory.handlers import reserve_inventory
from sagas.services.inventory.service import inventory

made = [ensure_schemas(), ensure_schemas()]
for service in SERVICES:
    call_command("migrate", database=service, verbosity=0)
inventory.seed("world-1", orders=["ord-8412"], stock=1)
call = Call(world="world-1", order="ord-8412", key="k", action_key="k", op=Op.ACTION, body={})
verdict = inventory.deliver(reserve_inventory, call).verdict

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as operator:
    operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
try:
    inventory.ledger("world-1")
except OperationalError:
    again = inventory.deliver(reserve_inventory, call)

with connections["inventory"].cursor() as cursor:
    cursor.execute("SELECT table_schema FROM information_schema.tables WHERE table_name LIKE '%_ledgerrow'")
    schemas = sorted(schema for (schema,) in cursor.fetchall())
print(json.dumps({"made": made, "verdict": verdict, "replayed": again.replayed, "schemas": schemas}))
"""


def test_in_one_postgresql_database_services_keep_apart_and_survive_a_lost_connection(
    postgres: Postgres, tmp_path: Path
) -> None:
    done = _on_postgres(postgres, tmp_path, sys.executable, "-c", IN_ONE_DATABASE)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {"made": [list(SERVICES)] * 2, "verdict": "ok", "replayed": True, "schemas": sorted(SERVICES)}


def _on_postgres(postgres: Postgres, data: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Return how a process ended that sees a new, empty database and nothing of this test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SAGA_"))}
    told = {name: value for name, value in kept.items() if not name.endswith("DATABASE_URL")}
    environment = {
        **told,
        "DATABASE_URL": postgres.fresh_database(),
        "DJANGO_SETTINGS_MODULE": "playground.settings",
        "SAGA_DATA": str(data),
    }
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
