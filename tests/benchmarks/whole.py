"""Whole runs per second: the order saga against five services, each with a database of its own, no latency.

Nothing is left out: a run's world is seeded, each call goes through key, barrier, lock and ledger
of its service, each fact through the journal, and the ledgers are read before a run is finished.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.engine.contenders import Place
from tests.benchmarks.figures import Figure, Table, ratio
from tests.benchmarks.rounds import Effort, interleaved_many

MODES = ("orchestration", "choreography", "none")
PLACES = ("SQLite", "PostgreSQL")
AT_ONCE = (1, 16)
RUNS = {1: 25, 16: 80}  # per sample

NOTES = (
    "One process works; four threads start the runs. SQLite: nine files, each flushed at every commit (WAL, FULL).",
    "PostgreSQL: one server, a schema per service, fsync and synchronous_commit on.",
    "none: five calls in a row, and no way back when one of them fails.",
)


def measure(effort: Effort) -> Iterable[Table]:
    """Yield a table for each path."""
    places = PLACES[:1] if effort.quick else PLACES
    names = [f"{mode} {place}" for place in places for mode in MODES]
    with tempfile.TemporaryDirectory(prefix="bench-whole-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        place = Place(Path(folder), stack)
        contenders = {name: place.start(name) for name in names}
        for fails in (False, True):
            figures: list[Figure] = []
            for at_once in AT_ONCE:
                amount = effort.amount(RUNS[at_once])
                samples = {
                    name: lambda c=contender, n=amount, k=at_once, f=fails: c.sample(n, k, f)
                    for name, contender in contenders.items()
                }
                figures += interleaved_many(samples, effort.rounds, setting=f"{at_once} at once")
            rates = {(f.name, f.setting): f for f in figures if f.unit == "sagas/s"}
            ratios = [
                ratio(rates[f"orchestration {where}", setting], rates[f"{mode} {where}", setting])
                for where in places
                for mode in MODES[1:]
                for setting in (f"{n} at once" for n in AT_ONCE)
            ]
            title = "Whole runs, the fourth step declines" if fails else "Whole runs that succeed"
            yield Table(title=title, figures=figures, ratios=ratios, notes=NOTES)
