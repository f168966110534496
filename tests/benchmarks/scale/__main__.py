"""`python -m tests.benchmarks.scale --visitors 1000000`: the plan for so many visitors a day, and a simulated day.

With `--refresh bench.json` instead: takes the constants anew from the JSON object that `make bench` printed on its
last line, counts what a run writes, and writes the tables of docs/SCALE.md anew; `--page` does only the last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.scale import constants, model, page
from tests.benchmarks.scale.model import Load


def main(arguments: Sequence[str]) -> int:
    """Print a plan and a day, or refresh the constants; return 0."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.refresh:
        refresh(asked.refresh)
        return 0
    if asked.page:
        page.write()
        return 0
    c = constants.values(constants.read(asked.constants))
    try:
        loads = [Load(visitors=visitors, **_given(asked)) for visitors in asked.visitors]
        found = [model.needs(load, c) for load in loads]
    except ValueError as error:
        parser.error(str(error))
    console = Console(width=120)
    console.print(_table("Plan", page.plan(loads, found, c)))
    if not asked.plan_only:
        console.print(_table(f"A day with {loads[-1].visitors:,.0f} visitors", page.day_of(loads[-1], c, asked.seed)))
        console.print(page.kept(loads[-1], c))
    return 0


def refresh(bench: Path, file: Path = constants.FILE) -> None:
    """Write the constants anew from a saved measurement and from what is counted now."""
    told = json.loads(bench.read_text().splitlines()[-1])
    command = [sys.executable, "-m", "tests.benchmarks.scale.counted"]
    counted = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300).stdout)
    file.write_text(constants.written(constants.refreshed(constants.read(file), told, counted)))
    page.write()


def _table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*rows[0], title=title)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _given(asked: argparse.Namespace) -> dict[str, float]:
    return {f.name: getattr(asked, f.name) for f in fields(Load) if f.name != "visitors"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--visitors", type=float, nargs="+", default=[1e3, 1e5, 1e6], help="a day; the last is simulated"
    )
    for field in fields(Load):
        if field.name != "visitors":
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plan-only", action="store_true", help="simulate nothing")
    parser.add_argument("--constants", type=Path, default=constants.FILE, help="another file of constants")
    parser.add_argument("--refresh", type=Path, metavar="BENCH.JSON", help="take the constants from a measurement")
    parser.add_argument("--page", action="store_true", help="write the tables of docs/SCALE.md anew")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
