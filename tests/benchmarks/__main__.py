"""`python -m tests.benchmarks [PART …]`: measures, prints tables, and one JSON object on the last line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import machine, printed
from tests.benchmarks.rounds import QUICK, Effort

PARTS = ("engine", "workers", "whole", "stream", "growth", "start")


def main(arguments: Sequence[str]) -> int:
    """Measure the parts that are asked for, by default all; return 0."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    effort = QUICK if asked.quick else Effort(rounds=asked.rounds, scale=asked.scale)
    console = Console(width=120)
    result: dict[str, Any] = {"machine": machine.described(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    for part in asked.parts or PARTS:
        tables = []
        for table in import_module(f"tests.benchmarks.{part}").measure(effort):
            printed.show(console, table)
            tables.append(table.as_json())
        result[part] = tables
        if asked.save:  # whatever becomes of the parts to come
            asked.save.write_text(json.dumps(result) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="work per sample, as a share of the usual")
    parser.add_argument("--quick", action="store_true", help="one small round, to see that everything runs")
    parser.add_argument("--save", type=Path, help="also write the JSON object to this file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
