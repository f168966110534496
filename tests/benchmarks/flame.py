"""`python -m tests.benchmarks.flame CONTENDER FILE [AT_ONCE]`: where the time of one contender goes, as a flame graph.

`make bench` installs the profiler, py-spy. A contender is named as in the tables: "ours SQLite", "orchestration SQLite".
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.engine.contenders import PEERS, Contender, Place

SECONDS = 8
RATE = 100  # samples per second
LARGEST = 300_000  # bytes


def main(name: str, file: str, at_once: int = 16) -> None:
    """Write the graph. Raises RuntimeError when it is larger than a page should carry."""
    with tempfile.TemporaryDirectory(prefix="bench-flame-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        contender = Place(Path(folder), stack).start(name)
        rate = contender.sample(4 * at_once, at_once, False)["sagas/s"]
        _record(contender, Path(file), max(at_once, int(rate * SECONDS * 1.2)), at_once)
    _leave_place_out(Path(file))
    if Path(file).stat().st_size > LARGEST:
        raise RuntimeError(f"{file} has more than {LARGEST} bytes")


def _record(contender: Contender, file: Path, sagas: int, at_once: int) -> None:
    options = ["--duration", str(SECONDS), "--rate", str(RATE), "--function", "--gil", "--output", str(file)]
    spy = subprocess.Popen([PEERS / "bin/py-spy", "record", "--pid", str(contender.pid), *options])
    try:
        contender.sample(sagas, at_once, False)
        if spy.wait(60):
            raise RuntimeError(f"py-spy ended with {spy.returncode}")
    finally:
        spy.kill()


def _leave_place_out(file: Path) -> None:
    """Take out of the title where the profiler stands: it says nothing to anybody else."""
    file.write_text(file.read_text().replace(f"{PEERS / 'bin'}/", ""))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
