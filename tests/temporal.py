"""A real Temporal server for the tests, from a wheel: everything in memory, loopback only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.play import ROOT

SERVER = Path(sys.executable).parent / "temporal-test-server"


class Temporal:
    """One server in real time; `with Temporal() as server` starts and stops it. `address` is host and port."""

    address: str

    def __enter__(self) -> Self:
        # The server itself would listen on every interface.
        self._cell = subprocess.Popen(
            [sys.executable, "-m", "tests.cell", str(SERVER), "{port}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._cell.stdout is not None
        said = self._cell.stdout.readline().strip()
        if not said.isdigit():
            self._cell.kill()
            raise AssertionError(f"the Temporal server did not start: {said!r}")
        self.address = f"127.0.0.1:{said}"
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._cell.stdin is not None
        assert self._cell.stdout is not None
        self._cell.stdin.close()
        self._cell.wait(20)
        self._cell.stdout.close()
