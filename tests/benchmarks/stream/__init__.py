"""How soon, and to how many, what was committed is shown."""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.figures import Table
from tests.benchmarks.rounds import Effort
from tests.benchmarks.stream import fanout, pixels, slow
from tests.benchmarks.stream.contenders import CONTENDERS, HUB, UVICORN, serving


def measure(effort: Effort) -> Iterable[Table]:
    """Yield the tables of the stream, from a commit to a pixel and from one run to a crowd."""
    yield pixels.measure(effort)
    with serving(CONTENDERS) as served:
        yield from fanout.measure(effort, served)
    with serving((HUB, UVICORN)) as served:
        yield fanout.packed(effort, served)
        yield slow.measure(effort, served)
