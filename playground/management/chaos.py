"""`saga chaos`: many runs on virtual time, whatever a seed draws, each judged; what broke is listed with its address."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management import CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from playground import fleet
from playground.chaos import Trial, shrunk
from playground.scenario import Scenario, ScenarioInvalid
from playground.verdicts import Outcome

MOST_RUNS = 10_000_000
MOST_PROCESSES = 64
STYLES: Mapping[Outcome, str] = {
    Outcome.COMPLETED: "green",
    Outcome.MIXED: "green",
    Outcome.COMPENSATED: "magenta",
    Outcome.NEEDS_OPERATOR: "yellow",
    Outcome.HALF_DONE: "yellow",
    Outcome.DOUBLE_CHARGE: "yellow",
    Outcome.OVERSOLD: "yellow",
    Outcome.VIOLATION: "bold red",
}


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Return the parser of this sub-command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "chaos", help="random scenarios by the thousand, judged against the rules; exit 1 if one is broken"
    )
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first one's seed (default: 1)")
    parser.add_argument(
        "--of",
        metavar="QUERY",
        help="run this scenario, in the grammar of an address, with its calls failing at random",
    )
    parser.add_argument("--processes", type=int, default=0, metavar="P", help="default: one per core")
    parser.add_argument(
        "--shrink", type=int, default=3, metavar="K", help="of so many violations, find the shortest (default: 3)"
    )
    return parser


def handle(options: Mapping[str, Any]) -> int:
    """Run them all; return 1 if a rule was broken. Raises CommandError for what cannot be run."""
    base = _base(options["of"])
    runs, first, processes = options["runs"], options["seed"], options["processes"]
    if not 1 <= runs <= MOST_RUNS:
        raise CommandError(f"--runs: must be 1 to {MOST_RUNS}")
    if not 0 <= first <= 2**31 - runs:
        raise CommandError(f"--seed: must be 0 to {2**31 - runs}")
    if not 0 <= processes <= MOST_PROCESSES:
        raise CommandError(f"--processes: must be 0 to {MOST_PROCESSES}")
    report = _Report(options["of"], as_json=options["json"], shrink=options["shrink"])
    trials = fleet.tries(base, first, runs, processes=processes)
    for trial in _watched(trials, runs, report):
        report.take(trial)
    return report.end()


def _base(query: str | None) -> Scenario | None:
    try:
        return None if query is None else Scenario.from_query(query)
    except ScenarioInvalid as error:
        raise CommandError("\n".join(f"{e['field']}: {e['message']}" for e in error.errors)) from None


def _watched(trials: Iterator[Trial], runs: int, report: _Report) -> Iterator[Trial]:
    """Yield the trials, behind a bar where somebody looks on."""
    if report.as_json or not report.console.is_terminal:
        yield from trials
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=report.console) as progress:
        yield from progress.track(trials, total=runs, description="Runs")


class _Report:
    """Counts outcomes, says at once what broke, and sums up."""

    def __init__(self, of: str | None, *, as_json: bool, shrink: int) -> None:
        self.as_json = as_json
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._of = of
        self._counts: Counter[Outcome] = Counter()
        self._began = time.monotonic()
        self._left = shrink

    def take(self, trial: Trial) -> None:
        """Count a trial; say so if it broke a rule."""
        self._counts[trial.outcome] += 1
        if self.as_json:
            self._tell(trial)
        elif trial.violations:
            self.console.print(f"[bold red]seed {trial.seed} broke a rule[/]")
            for said in trial.violations:
                self.console.print(f"  {escape(said)}")
            self.console.print(f"  {escape(trial.address)}")
            self.console.print(f"  again: {escape(self._again(trial.seed))}")
            self._shrunk(trial)

    def _shrunk(self, trial: Trial) -> None:
        """Say with how little the same rule still breaks; for so many of them, as each costs hundreds of runs."""
        if self._left <= 0:
            return
        self._left -= 1
        shortest = shrunk(trial)
        self.console.print(f"  shortest: {escape(shortest.address)}")
        for said in shortest.violations:
            self.console.print(f"    {escape(said)}")

    def end(self) -> int:
        """Say what came of all of them; return the exit code."""
        runs = sum(self._counts.values())
        pace = round(runs / max(time.monotonic() - self._began, 0.001) * 60)
        if self.as_json:
            counts = {str(outcome): self._counts[outcome] for outcome in reversed(Outcome)}
            self._line(runs=runs, outcomes=counts, runs_per_minute=pace)
        else:
            for outcome in reversed(Outcome):
                if self._counts[outcome] or outcome is Outcome.VIOLATION:
                    self.console.print(f"[{STYLES[outcome]}]{outcome:<16}[/]{self._counts[outcome]:>8}")
            self.console.print(f"{runs} runs, {pace} a minute")
        return int(self._counts[Outcome.VIOLATION] > 0)

    def _tell(self, trial: Trial) -> None:
        told = {
            "seed": trial.seed,
            "outcome": str(trial.outcome),
            "violations": list(trial.violations),
            "url": trial.address,
        }
        if trial.violations and self._left > 0:
            self._left -= 1
            told["shortest"] = shrunk(trial).address
        self._line(**told)

    def _again(self, seed: int) -> str:
        of = f" --of '{self._of}'" if self._of is not None else ""
        return f"manage.py saga chaos --runs 1 --seed {seed}{of}"

    def _line(self, **value: Any) -> None:
        self.console.file.write(json.dumps(value) + "\n")
        self.console.file.flush()
