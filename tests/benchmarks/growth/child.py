"""One database vendor, in a process of its own: fills sites of several sizes and times everything in turn.

`python -m tests.benchmarks.growth.child --places FOLDER` leaves the filled SQLite sites in FOLDER and finds
them there the next time; with DATABASE_URL set, `--places` is the URL of a PostgreSQL server. The last line
is JSON: sizes, and each probe's samples in milliseconds by factor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
django.setup()

from tests.benchmarks.growth import filling, probes, sites, sizes  # noqa: E402
from tests.benchmarks.growth.sites import Site  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    """Measure; return 0."""
    asked = _parser().parse_args(arguments)
    found = [_filled(asked.places, factor, asked.entries) for factor in asked.factors]
    result = {"sizes": {site.factor: _size(site) for site in found}}
    result["samples"] = _measured(found, asked.rounds, asked.prune, asked.only)
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


def _measured(found: Sequence[Site], rounds: int, prune: int, only: str) -> dict[str, dict[int, list[float]]]:
    """Return the samples; each probe goes round all sites before the next one, each round from another site on."""
    samples: dict[str, dict[int, list[float]]] = {}
    for probe in probes.probes(prune):
        if only not in probe.name:
            continue
        taken: dict[int, list[float]] = {site.factor: [] for site in found}
        for n in range(rounds):
            first = n % len(found)
            for site in [*found[first:], *found[:first]]:
                with site.entered():
                    taken[site.factor].append(probe.sample())
        samples[probe.name] = taken
        _say(f"{probe.name}: " + "  ".join(f"x{f} {sorted(s)[len(s) // 2]:.2f} ms" for f, s in taken.items()))
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
    parser.add_argument("--only", default="", help="a part of the names of what to time")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
