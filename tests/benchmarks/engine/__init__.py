"""What a saga of five no-op steps costs: here, elsewhere, and at the least.

Each contender is one worker process. `at once` customers each start a saga, wait for its end,
and start the next. A saga succeeds, or its fourth step refuses and three are undone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.engine.contenders import Contender, Place
from tests.benchmarks.figures import Figure, Ratio, Table, ratio
from tests.benchmarks.rounds import Effort, interleaved_many

QUICK = ("ours SQLite", "limit SQLite")
OURS = ("ours SQLite", "ours PostgreSQL")
LIMITS = ("limit SQLite", "limit PostgreSQL")
OTHERS = ("DBOS SQLite", "DBOS PostgreSQL", "Restate", "Temporal", "Celery")
AT_ONCE = (1, 16, 100, 1000)
MOST_AT_ONCE = {"DBOS": 100, "Temporal": 100, "Celery": 100}  # more of them would take minutes per sample
STEPS = {False: 5, True: 7}  # how many calls a saga makes: five, or four and three back

# Sagas per sample, at 1 / 16 / 100 / 1,000 at once: about a second's worth.
AMOUNTS = {
    "ours": (300, 1200, 2000, 3000),
    "limit": (500, 3200, 6000, 8000),
    "Restate": (80, 250, 350, 1000),
    "DBOS": (60, 60, 100),
    "Temporal": (40, 50, 100),
    "Celery": (20, 32, 100),
}

# Against the sagas per second of others, at 1 / 16 / 100 at once.
GOALS: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("ours SQLite", "DBOS SQLite"): (5, 40, 100),
    ("ours PostgreSQL", "DBOS PostgreSQL"): (4, 30, 70),
    ("ours SQLite", "Restate"): (4, 10, 20),
    ("ours SQLite", "Temporal"): (10, 50, 120),
    ("ours SQLite", "limit SQLite"): (0.75, 0.45, 0.30),
    ("ours PostgreSQL", "limit PostgreSQL"): (0.65, 0.55, 0.45),
}

NOTES = (
    "Five no-op steps in process; a refusal at the fourth undoes three. One worker process each; medians of rounds.",
    "SQLite: WAL, synchronous=FULL. PostgreSQL: fsync and synchronous_commit on. Both on one disk.",
    "Temporal's test server and Celery on Redis keep nothing that would outlive their machine.",
    "limit: the same rows in the same transactions by bare multi-row inserts; no engine decides, reads or checks.",
)


def measure(effort: Effort) -> Iterable[Table]:
    """Yield a table for each path. With `quick` nothing of others is needed, nor a server."""
    names = QUICK if effort.quick else (*OURS, *LIMITS, *OTHERS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-engine-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        place = Place(Path(folder), stack)
        contenders = {name: place.start(name) for name in names}
        for fails in (False, True):
            figures = [
                figure
                for n, at_once in enumerate(AT_ONCE)
                for figure in _figures(contenders, n, at_once, fails, effort)
            ]
            title = "Failure at step four, three undone" if fails else "Five steps that succeed"
            yield Table(
                title=title, figures=[*figures, *_steps(figures, fails)], ratios=ratios(figures, fails), notes=NOTES
            )


def _figures(
    contenders: Mapping[str, Contender], n: int, at_once: int, fails: bool, effort: Effort
) -> Iterable[Figure]:
    asked = {}
    for name, contender in contenders.items():
        what = name.partition(" ")[0]
        if at_once > MOST_AT_ONCE.get(what, at_once):
            continue
        amount = max(at_once if not effort.quick else 1, effort.amount(AMOUNTS[what][n]))

        def sample(contender: Contender = contender, amount: int = amount) -> Mapping[str, float]:
            return contender.sample(amount, at_once, fails)

        asked[name] = sample
    return interleaved_many(asked, effort.rounds, setting=f"{at_once:,} at once")


def _steps(figures: Iterable[Figure], fails: bool) -> list[Figure]:
    calls = STEPS[fails]
    return [
        Figure(name=f.name, setting=f.setting, unit="steps/s", samples=[each * calls for each in f.samples])
        for f in figures
        if f.unit == "sagas/s" and f.name in OURS
    ]


def ratios(figures: Iterable[Figure], fails: bool) -> list[Ratio]:
    """Return ours against others and against the limit; the goals were set for the path that succeeds."""
    found = {(f.name, f.setting): f for f in figures if f.unit == "sagas/s"}
    settings = [f"{n:,} at once" for n in AT_ONCE]
    pairs = [*GOALS, ("ours SQLite", "Celery")]
    result = []
    for over, under in pairs:
        goals = () if fails else GOALS.get((over, under), ())
        for n, setting in enumerate(settings):
            if (over, setting) in found and (under, setting) in found:
                goal = goals[n] if n < len(goals) else None
                result.append(ratio(found[over, setting], found[under, setting], goal))
    return result
