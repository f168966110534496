"""`python -m tests.benchmarks.markdown FILE [PART …]`: the tables of a saved measurement, as docs/PERFORMANCE.md has them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def main(file: str, *parts: str) -> None:
    """Print the tables of some parts, or of all that were measured."""
    told = json.loads(Path(file).read_text().splitlines()[-1])
    for part in parts or [name for name in told if isinstance(told[name], list)]:
        for table in told[part]:
            sys.stdout.write("\n".join([f"### {table['title']}", "", *lines(table)]) + "\n")


def lines(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield a grid for each unit and one for the ratios, each followed by an empty line."""
    for unit in dict.fromkeys(f["unit"] for f in table["figures"]):
        figures = [(f["name"], f["setting"], _number(f["median"])) for f in table["figures"] if f["unit"] == unit]
        yield from _grid(unit, figures)
    if table["ratios"]:
        yield from _grid("ratio", [(r["name"], r["setting"], _ratio(r)) for r in table["ratios"]])


def _grid(corner: str, cells: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    settings = list(dict.fromkeys(setting for _, setting, _ in cells))
    yield f"| {corner} | {' | '.join(settings)} |"
    yield f"| --- |{' ---: |' * len(settings)}"
    for name in dict.fromkeys(name for name, _, _ in cells):
        row = {setting: text for of, setting, text in cells if of == name}
        yield f"| {name} | {' | '.join(row.get(setting, '') for setting in settings)} |"
    yield ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(ratio: Mapping[str, Any]) -> str:
    value = f"{ratio['ratio']:.3g}"
    return value if ratio["goal"] is None else f"{value} (goal {ratio['goal']:g})"


if __name__ == "__main__":
    main(*sys.argv[1:])
