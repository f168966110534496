"""Tables of a benchmark, for a terminal: a row per contender, a column per setting."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from tests.benchmarks.figures import Figure, Ratio, Table


def show(console: Console, table: Table) -> None:
    """Print one table, its ratios and its notes."""
    console.rule(table.title)
    for unit in dict.fromkeys(figure.unit for figure in table.figures):
        of_unit = [figure for figure in table.figures if figure.unit == unit]
        console.print(_grid(unit, [(f.name, f.setting, _figure(f)) for f in of_unit]))
    if table.ratios:
        console.print(_grid("ratio", [(r.name, r.setting, _ratio(r)) for r in table.ratios]))
    for note in table.notes:
        console.print(f"  {note}", markup=False, highlight=False)


def _grid(corner: str, cells: Sequence[tuple[str, str, str]]) -> Grid:
    settings = list(dict.fromkeys(setting for _, setting, _ in cells))
    grid = Grid(corner, *settings)
    for name in dict.fromkeys(name for name, _, _ in cells):
        row = {setting: text for of, setting, text in cells if of == name}
        grid.add_row(name, *(row.get(setting, "") for setting in settings))
    return grid


def _figure(figure: Figure) -> str:
    return f"{figure.value:,.4g} ±{figure.spread:.0%}"


def _ratio(of: Ratio) -> str:
    if of.goal is None:
        return f"{of.value:.3g}"
    return f"{of.value:.3g} ({'≤' if of.at_most else '≥'} {of.goal:g}: {'met' if of.is_met else 'missed'})"
