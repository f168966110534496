"""What stays flat and what grows: the same questions to a journal, to one ten times and to one a hundred times as long.

The databases stand side by side and are asked in turn. At the usual scale there are two, with 100,000
and a million entries; `--scale 10` adds the one with ten million, which takes about a quarter of an hour to fill.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.benchmarks.figures import Figure, Ratio, Table
from tests.benchmarks.rounds import Effort
from tests.migrated import clean
from tests.postgres import Postgres

ENTRIES = 100_000  # of the smallest journal
PRUNED = 1000  # runs of one sample
FLAT = 1.5  # what two medians may differ by and still be called the same
LONGEST_SECONDS = 3600

Result = Mapping[str, Any]


def measure(effort: Effort) -> Iterable[Table]:
    """Yield a table per database vendor."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        yield _table("SQLite", _asked(effort, folder, {"SAGA_DATA": folder}))
    with tempfile.TemporaryDirectory(prefix="growth-") as folder, Postgres(()) as server:
        yield _table("PostgreSQL", _asked(effort, server.url, {"SAGA_DATA": folder, "DATABASE_URL": server.url}))


def _asked(effort: Effort, places: str, environment: Mapping[str, str]) -> Result:
    """Return what a process of its own has measured: settings are read once per process."""
    usual = min(1.0, effort.scale)
    factors = ["1", "10", *(["100"] if effort.scale >= 10 else [])]
    command = [sys.executable, "-m", "tests.benchmarks.growth.child", "--places", places, "--factors", *factors]
    command += ["--entries", str(int(ENTRIES * usual)), "--rounds", str(effort.rounds)]
    command += ["--prune", str(max(20, int(PRUNED * usual)))]
    child = subprocess.run(
        command, env=clean(**environment), stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST_SECONDS
    )
    result: Result = json.loads(child.stdout.splitlines()[-1])
    return result


def _table(vendor: str, result: Result) -> Table:
    figures, ratios = _compared(result["wall"], "ms")
    own = ("cpu", "ms of CPU") if vendor == "SQLite" else ("pages", "pages")
    own_figures, own_ratios = _compared(result[own[0]], own[1])
    figures, ratios = [*figures, *own_figures], [*ratios, *own_ratios]
    notes = [_said(factor, size) for factor, size in result["sizes"].items()]
    return Table(
        title=f"Growth, {vendor}", figures=figures, ratios=ratios, notes=notes, extra={"sizes": result["sizes"]}
    )


def _compared(samples: Mapping[str, Mapping[str, Sequence[float]]], unit: str) -> tuple[list[Figure], list[Ratio]]:
    """Return the figures, and for each larger size its ratio to the smallest."""
    figures, ratios = [], []
    for name, by_factor in samples.items():
        of_name = {f: Figure(name=name, setting=f"x{f}", unit=unit, samples=taken) for f, taken in by_factor.items()}
        figures += of_name.values()
        ratios += [
            Ratio(
                name=f"{name}, {unit}",
                setting=f"x{f} / x1",
                value=of.value / of_name["1"].value,
                goal=FLAT,
                at_most=True,
            )
            for f, of in of_name.items()
            if f != "1" and of_name["1"].value  # some ask PostgreSQL for no page at all
        ]
    return figures, ratios


def _said(factor: str, size: Mapping[str, float]) -> str:
    return (
        f"x{factor}: {size['entries']:,} entries of {size['runs']:,} runs, {size['bytes'] / 1e6:,.0f} MB; "
        f"{size['engine_bytes_per_entry']:.0f} bytes per entry in the engine's database, of which the journal's table "
        f"{size['journal_bytes_per_entry']:.0f}; {size['service_bytes_per_run']:,.0f} bytes per run in the services'"
    )
