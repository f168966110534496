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
from playground.interleaved import MOST_MOVES, MOVES, Tally, strands, tallies
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
    parser.add_argument(
        "--orders", type=int, default=1, help="2: two orders of one record, in every order of their moves"
    )
    parser.add_argument(
        "--moves", type=int, default=MOVES, metavar="N", help=f"with --orders 2: of each saga (default: {MOVES})"
    )
    return parser


def handle(options: Mapping[str, Any]) -> int:
    """Run the whole grid; return 1 if a rule was broken."""
    names = sorted({name for name, _ in catalog.DEFINITIONS})
    if options["saga"] not in names:
        raise CommandError(f"--saga: must be one of {', '.join(names)}")
    if options["orders"] not in (1, 2):
        raise CommandError("--orders: must be 1 or 2")
    if options["orders"] == 2:
        return _two_orders(options)
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


def _two_orders(options: Mapping[str, Any]) -> int:
    """Run every order of the moves of two sagas; return 1 if a rule was broken."""
    saga, moves = options["saga"], options["moves"]
    if options["mode"] != "orchestration":
        raise CommandError("--orders: two orders have a schedule in mode orchestration only")
    if not 1 <= moves <= MOST_MOVES:
        raise CommandError(f"--moves: must be 1 to {MOST_MOVES}")
    with chaos.quietly(), Simulator() as simulator:
        found = list(strands(simulator, saga, moves))
    broken = [strand for strand in found if strand.trial.violations]
    if options["json"]:
        for strand in found:
            sys.stdout.write(json.dumps(strand.to_json()) + "\n")
        return int(bool(broken))
    console = Console(file=sys.stdout, highlight=False)
    console.width = console.width if console.is_terminal else WIDTH
    tallied = tallies(found)
    console.print(_of_two(saga, tallied))
    for tally in tallied:
        if tally.worst.outcome is Outcome.OVERSOLD:
            console.print(f"lock {tally.lock} oversells: {escape(tally.worst.address)}", soft_wrap=True)
    for strand in broken:
        console.print(f"[bold red]lock {strand.lock}, moves {''.join(map(str, strand.moves))} broke a rule[/]")
        for said in strand.trial.violations:
            console.print(f"  {escape(said)}")
        console.print(f"  {escape(strand.trial.address)}", soft_wrap=True)
    console.print(f"{len(found)} runs, {len(broken)} broke a rule")
    return int(bool(broken))


def _of_two(saga: str, found: Sequence[Tally]) -> Table:
    table = Table(title=f"{saga}: two orders of one record, every order of their moves", title_justify="left")
    table.add_column("lock", no_wrap=True)
    table.add_column("the first one", overflow="fold")
    outcomes = [outcome for outcome in reversed(Outcome) if any(outcome in tally.counts for tally in found)]
    for outcome in outcomes:
        table.add_column(_word(outcome), justify="right")
    for tally in found:
        counts = (str(tally.counts.get(outcome, "")) for outcome in outcomes)
        table.add_row(tally.lock, f"is declined at {tally.turns}" if tally.turns else "may finish", *counts)
    return table


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
