"""`python -m tests.benchmarks.queries`: asks everything on both databases and writes docs/QUERIES.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.queries import page
from tests.migrated import clean
from tests.postgres import Postgres

DOCS = Path("docs/QUERIES.md")


def main(arguments: Sequence[str]) -> int:
    """Ask and write; return 1 when something is as it should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.queries", description=__doc__)
    parser.add_argument("--runs", type=int, default=3000, help="that there are more in the second round")
    parser.add_argument("--full", action="store_true", help="print every statement with its plan")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="queries-") as folder, Postgres() as server:
        sqlite = _heard(folder, asked.runs, {"SAGA_DATA": folder})
        postgresql = _heard(server.url, asked.runs, {"SAGA_DATA": folder, "DATABASE_URL": server.url})
    if asked.full:
        for found in (sqlite, postgresql):
            sys.stdout.write("\n".join(page.full(found)) + "\n")
    DOCS.write_text(page.page(sqlite, postgresql, asked.runs))
    amiss = [*page.wrong(sqlite), *page.wrong(postgresql)]
    sys.stdout.write("\n".join([*amiss, f"{len(sqlite['asked'])} addresses, {len(amiss)} findings: {DOCS}"]) + "\n")
    return 1 if amiss else 0


def _heard(places: str, runs: int, environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.queries.child", "--places", places, "--runs", str(runs)]
    child = subprocess.run(command, env=clean(**environment), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
