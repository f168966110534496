"""One database vendor, in a process of its own: fills sites of several sizes and times everything in turn.

`python -m tests.benchmarks.growth.child --places FOLDER` leaves the filled SQLite sites in FOLDER and finds
them there the next time; with DATABASE_URL set, `--places` is the URL of a PostgreSQL server. The last line
is JSON: sizes, and for `wall`, `cpu` (both in milliseconds) and `pages` each probe's samples by factor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
django.setup()

from tests.benchmarks.growth import filling, probes, sites, sizes  # noqa: E402
from tests.benchmarks.growth.probes import Spent  # noqa: E402
from tests.benchmarks.growth.sites import Site  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    """Measure; return 0."""
    asked = _parser().parse_args(arguments)
    found = [_filled(asked.places, factor, asked.entries) for factor in asked.factors]
    result: dict[str, Any] = {"sizes": {site.factor: _size(site) for site in found}}
    taken = _measured(found, asked.rounds, asked.prune, asked.only)
    for clock in Spent._fields:
        result[clock] = {
            name: {factor: [getattr(spent, clock) for spent in samples] for factor, samples in of_probe.items()}
            for name, of_probe in taken.items()
        }
    for site in found:
        site.close()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _filled(places: str, factor: int, entries: int) -> Site:
    site = sites.made(places, factor)
    with site.entered():
        if not filling.sources():
            began = time.monotonic()
            runs = filling.fill(entries * factor)
            _say(f"x{factor}: {runs:,} runs in {time.monotonic() - began:.0f} s")
    return site


def _size(site: Site) -> dict[str, float]:
    with site.entered():
        return sizes.read()


def _measured(found: Sequence[Site], rounds: int, prune: int, only: Sequence[str]) -> dict[str, dict[int, list[Spent]]]:
    """Return the samples; each probe goes round all sites before the next one, each round from another site on."""
    samples: dict[str, dict[int, list[Spent]]] = {}
    for probe in probes.probes(prune):
        if not any(part in probe.name for part in only):
            continue
        taken: dict[int, list[Spent]] = {site.factor: [] for site in found}
        for n in range(rounds):
            first = n % len(found)
            for site in [*found[first:], *found[:first]]:
                with site.entered():
                    taken[site.factor].append(probe.sample())
        samples[probe.name] = taken
        middle = {factor: sorted(samples)[len(samples) // 2] for factor, samples in taken.items()}
        _say(
            f"{probe.name}: "
            + "  ".join(f"x{f} {s.wall:.2f} ms ({s.cpu:.2f}) [{s.pages:.0f}]" for f, s in middle.items())
        )
    return samples


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth.child", description=__doc__)
    parser.add_argument("--places", required=True, help="a folder, or the URL of a PostgreSQL server")
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--entries", type=int, default=100_000, help="of the smallest journal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prune", type=int, default=1000, help="runs to prune in one sample")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of what to time")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
