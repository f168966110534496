"""`saga grid`: every step, every fault, both ways, once and always: what each comes to, judged against the rules."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management import CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from playground import chaos
from playground.faultgrid import MODES, Cell, cells
from playground.management.chaos import STYLES
from playground.verdicts import Outcome
from sagas import catalog
from sagas.simulation import Simulator

WORDS: Mapping[Outcome, str] = {
    Outcome.COMPLETED: "done",
    Outcome.COMPENSATED: "undone",
    Outcome.NEEDS_OPERATOR: "a person",
    Outcome.HALF_DONE: "half done",
    Outcome.DOUBLE_CHARGE: "paid twice",
    Outcome.OVERSOLD: "oversold",
    Outcome.MIXED: "mixed",
    Outcome.VIOLATION: "BROKEN",
}
WIDTH = 100  # of the table where no terminal says how wide it is


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Return the parser of this sub-command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "grid", help="every step with every fault, both ways, judged against the rules; exit 1 if one is broken"
    )
    parser.add_argument("--saga", default="order", help="the saga definition (default: order)")
    parser.add_argument("--mode", default="orchestration", choices=MODES, help="default: orchestration")
    return parser


def handle(options: Mapping[str, Any]) -> int:
    """Run the whole grid; return 1 if a rule was broken."""
    names = sorted({name for name, _ in catalog.DEFINITIONS})
    if options["saga"] not in names:
        raise CommandError(f"--saga: must be one of {', '.join(names)}")
    with chaos.quietly(), Simulator() as simulator:
        found = list(cells(simulator, options["saga"], options["mode"]))
    if options["json"]:
        for cell in found:
            sys.stdout.write(json.dumps(cell.to_json()) + "\n")
    else:
        _draw(options["saga"], found)
    return int(any(cell.trial.violations for cell in found))


def _draw(saga: str, found: Sequence[Cell]) -> None:
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    for on in dict.fromkeys(cell.on for cell in found):
        console.print(_table(saga, on, [cell for cell in found if cell.on == on]))
    for cell in found:
        for said in cell.trial.violations:
            console.print(f"[bold red]{escape(cell.name)}[/]: {escape(said)}", soft_wrap=True)
            console.print(f"  {escape(cell.trial.address)}", soft_wrap=True)
    console.print(f"{len(found)} runs, {sum(bool(cell.trial.violations) for cell in found)} broke a rule")


def _table(saga: str, on: str, found: Sequence[Cell]) -> Table:
    table = Table(title=f"{saga}: the fault meets the {on} of …", title_justify="left")
    table.add_column("fault", no_wrap=True)
    steps = list(dict.fromkeys(cell.step for cell in found))
    for step in steps:
        table.add_column(step, overflow="fold")
    for kind, often in dict.fromkeys((cell.kind, cell.often) for cell in found):
        row = {cell.step: cell.trial.outcome for cell in found if (cell.kind, cell.often) == (kind, often)}
        table.add_row(f"{kind} {often}", *(_word(row.get(step)) for step in steps))
    return table


def _word(outcome: Outcome | None) -> str:
    return "" if outcome is None else f"[{STYLES[outcome]}]{WORDS[outcome]}[/]"
