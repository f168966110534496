"""Databases of their own for real worker processes, which the test reads and judges through Django itself.

While a yard is open, the connections of the test process lead to its databases: runs are
created and read in here, and driven by processes that know nothing of the test.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from playground import facts, worlds
from playground.scenario import Scenario
from playground.verdicts import judged
from sagas import journal
from sagas.entries import Entry, Kind, Lane
from sagas.models import Run, Saga
from sagas.simulation import SimulatedRun
from tests.migrated import ROOT, clean, configs, led_to, manage
from tests.waiting import until, watching

LEASE_SECONDS = 1.0


class Yard:
    """One set of databases, migrated. `postgres` is the URL of one; without it they are SQLite files in `data`."""

    def __init__(self, data: Path, postgres: str = "") -> None:
        self.data = data
        self.kind = "PostgreSQL" if postgres else "SQLite"
        mine = {
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "playground.settings",
            "SAGA_DATA": str(data),
            "SAGA_LEASE_SECONDS": str(LEASE_SECONDS),
            "SAGA_POLL_SECONDS": "0.1",
            **({"DATABASE_URL": postgres} if postgres else {}),
        }
        self.environment = clean(**mine)

    def create(self, scenario: Mapping[str, Any]) -> str:
        """Return the id of a new run that waits for a worker."""
        return str(worlds.start(Scenario.parse({"latency_ms": 0, **scenario})).pk)

    def manage(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Return how `manage.py` ended with these words, for whoever works on these databases."""
        return manage(*words, **{**self.environment, **more})

    def until_finished(self, runs: Sequence[str]) -> None:
        """Return when each of these runs is finished."""

        def left() -> list[str]:
            return list(Run.objects.filter(pk__in=runs).exclude(state=Run.State.FINISHED).values_list("pk", flat=True))

        until(lambda: not left(), left)

    def violations(self, run: str) -> list[str]:
        """Return a sentence for each rule that a run which is finished has broken."""
        row = Run.objects.get(pk=run)
        entries, books = journal.read_all(run), facts.read(row)
        seen = SimulatedRun(
            run=run,
            seed=0,
            entries=entries,
            states=list(Saga.objects.filter(run=run).order_by("index").values_list("state", flat=True)),
            facts=books.counts,
            ledgers=books.ledgers,
            pending=books.pending,
        )
        told = judged(Scenario.parse(row.scenario), seen).violations
        return [
            f"{run} {seen.states}: {said}"
            for said in (*told, *_ledgers_disagree(entries, books), *_effects_first(entries))
        ]


@contextmanager
def opened(yard: Yard) -> Iterator[Yard]:
    """Lead this process to the databases of a yard, and back."""
    with led_to(configs(yard.environment, yard.data)):
        yield yard


def _ledgers_disagree(entries: Sequence[Entry], books: facts.Books) -> Iterator[str]:
    """Decision 10: every ledger row is in the journal once, and the journal tells of no other."""
    written = sorted((name, row.n) for name, rows in books.ledgers.items() for row in rows)
    told = sorted((e.detail["service"], e.detail["n"]) for e in entries if e.kind is Kind.EFFECT)
    if written != told:
        yield f"the ledgers hold {written}, the journal tells of {told}"


def _effects_first(entries: Sequence[Entry]) -> Iterator[str]:
    """Rule 4: no effect without an earlier intent."""
    meant: set[tuple[str, str]] = set()
    owed: set[str] = set()
    for entry in entries:
        if entry.kind is Kind.ATTEMPT_STARTED and entry.lane is not Lane.OBSERVER:
            meant.add((entry.saga, entry.key))
        elif entry.kind is Kind.SETTLEMENT_OWED:
            owed.add(entry.saga)
        elif entry.kind is Kind.EFFECT and (entry.saga, entry.key) not in meant and entry.saga not in owed:
            yield f"rule 4: {entry.key} took effect at {entry.seq} before anybody meant it"


class Hand:
    """A real `manage.py sagaworker`, or another program; it works when the constructor returns. `lines`: what it said.

    As long as the block lasts it may end only by `stop` and `kill`: whoever waits for anything hears of another end.
    """

    def __init__(self, yard: Yard, *program: str, **environment: str) -> None:
        self.lines: list[str] = []
        self._watched, self._may_end = ExitStack(), False
        self.process = subprocess.Popen(
            [sys.executable, *(program or ("manage.py", "sagaworker"))],
            cwd=ROOT,
            env={**yard.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self.said("working: ") or self.process.poll() is not None, lambda: self.output)
        assert self.process.poll() is None, self.output

    def __enter__(self) -> Hand:
        self._watched.enter_context(watching(self._alive))
        return self

    def __exit__(self, *exception: object) -> None:
        self._watched.close()
        if self.process.poll() is None:
            self.kill()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def said(self, words: str) -> bool:
        return words in self.output

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """Pull the plug; hold the process to having been alive until then."""
        self._may_end = True
        self.process.kill()
        assert self.process.wait(20) == -signal.SIGKILL, self.output
        self._reader.join(20)

    def stop(self) -> None:
        """Ask for a clean end, and hold the process to it."""
        self._may_end = True
        self.send(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.output
        self._reader.join(20)

    def _alive(self) -> None:
        assert self._may_end or self.process.poll() is None, self.output

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.lines.append(line)
