"""Readers that do not read: whether the others notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from tests.benchmarks.figures import Figure, Table, ratio
from tests.benchmarks.rounds import Effort, interleaved
from tests.benchmarks.stream.contenders import HUB, UVICORN
from tests.benchmarks.stream.crowd import Crowd, Served
from tests.benchmarks.stream.fanout import Sample

READERS, SLOW = 100, 10
FLOOD = 1500  # frames, 5 MB: more than the kernel holds for one who does not read
RATE = 50.0


def measure(effort: Effort, served: Mapping[str, Served]) -> Table:
    """Compare what the readers wait for a run's frames with and without slow ones among them."""
    sample = Sample()
    hubs = {name: server for name, server in served.items() if name in (HUB, UVICORN)}
    takes = {
        f"{name}, {word}": partial(sample.p50, f"{name}, {word}", partial(_waits, effort, server, slow))
        for name, server in hubs.items()
        for word, slow in (("all read", 0), ("some do not", SLOW))
    }
    readers = f"{READERS} readers"
    p50 = interleaved(takes, effort.rounds, setting=readers, unit="p50 ms")
    p99 = {
        name: Figure(name=name, setting=readers, unit="p99 ms", samples=samples)
        for name, samples in sample.second.items()
    }
    return Table(
        title="Stream: slow readers among the others",
        figures=[*p50, *p99.values()],
        ratios=[ratio(p99[f"{name}, some do not"], p99[f"{name}, all read"]) for name in hubs],
        notes=[
            f"The others' waits for frames of a page at {RATE:g} a second, after {FLOOD} that {SLOW} slow sockets did not take.",
            "Half of the slow ones acknowledge, as a page does, and stand still; the others neither read nor say a word.",
        ],
    )


def _waits(effort: Effort, server: Served, slow: int) -> Sequence[int]:
    server.ask("pack", frames=0)
    readers, count = (20, 5) if effort.quick else (READERS, effort.amount(int(RATE)))
    with Crowd(server, readers, "scenes", slow, FLOOD if slow else 0) as crowd:
        times = crowd.steady(RATE, count)
        crowd.check_slow()
        return times
