"""What more worker processes with one database bring to the sagas of `tests.benchmarks.engine`.

The customers are shared among the processes, each of which starts its share and drives what it started.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.engine.contenders import Crew, Place
from tests.benchmarks.figures import Figure, Ratio, Table
from tests.benchmarks.rounds import Effort, interleaved_many

NAMES = ("ours SQLite", "ours PostgreSQL")
WORKERS = (1, 2, 4)
AT_ONCE = 100
SAGAS = 2000  # per sample

NOTES = (
    "Five no-op steps, 100 at once, of all processes together.",
    "Customers, workers and PostgreSQL share the machine's cores.",
)


def measure(effort: Effort) -> Iterable[Table]:
    """Yield one table; each setting is a number of workers."""
    names = NAMES[:1] if effort.quick else NAMES
    ways = {n: f"{n} at work" for n in WORKERS}
    with (
        tempfile.TemporaryDirectory(prefix="bench-workers-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        place = Place(Path(folder), stack)
        figures: list[Figure] = []
        for name in names:
            crews = {ways[n]: place.start_crew(name, n) for n in WORKERS}
            figures += _figures(name, crews, effort)
    rates = {(f.name, f.setting): f for f in figures if f.unit == "sagas/s"}
    ratios = [
        Ratio(name=f"{name}, of 1", setting=ways[n], value=rates[name, ways[n]].value / rates[name, ways[1]].value)
        for name in names
        for n in WORKERS[1:]
    ]
    yield Table(title="Worker processes side by side", figures=figures, ratios=ratios, notes=NOTES)


def _figures(name: str, crews: Mapping[str, Crew], effort: Effort) -> list[Figure]:
    """Return the figures of one contender, its crews in interleaved rounds."""
    amount = max(AT_ONCE, effort.amount(SAGAS))
    samples = {setting: lambda crew=crew: crew.sample(amount, AT_ONCE, False) for setting, crew in crews.items()}
    found = interleaved_many(samples, effort.rounds, setting=name)
    return [Figure(name=name, setting=f.name, unit=f.unit, samples=f.samples) for f in found]
