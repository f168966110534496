"""How the databases grow and are pruned, hour by hour over days: the level that they reach, and what it costs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.benchmarks.scale.constants import Constants
from tests.benchmarks.scale.model import DAY, Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """After some days: runs that are kept, how many of them should be gone, bytes, and the pruner's busiest hour."""

    runs: float
    overdue: float
    gb: float
    busiest: float  # share of an hour


def keep(load: Load, c: Constants, days: int, pruners: int = 1) -> Kept:
    """Let runs come and go for some days. A pruner does one run after the other, oldest first, whenever one is due.

    Several pruners have a part of the runs each.
    """
    runs_an_hour = pruners * 3600 / (c.prune_ms / 1e6)
    hours: deque[list[float]] = deque()  # [hour, runs of it that are left]
    busiest = 0.0
    for hour in range(days * 24):
        hours.append([hour, load.runs_at(hour % 24) * 3600])
        left = runs_an_hour
        while hours and left > 0 and hours[0][0] < hour - load.days_kept * DAY / 3600 + 1:
            gone = min(left, hours[0][1])
            hours[0][1] -= gone
            left -= gone
            if hours[0][1] <= 0:
                hours.popleft()
        busiest = max(busiest, 1 - left / runs_an_hour)
    runs = sum(n for _, n in hours)
    bytes_kept = runs * (c.entries * c.entry_bytes + c.service_bytes)
    kept_by_rule = [n for at, n in hours if at >= days * 24 - load.days_kept * DAY / 3600]
    return Kept(runs=runs, overdue=runs - sum(kept_by_rule), gb=bytes_kept / 1e9, busiest=busiest)
