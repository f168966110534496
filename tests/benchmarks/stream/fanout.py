"""One run's messages to many sockets of one web process: how many, how soon, and for how much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import quantiles

from tests.benchmarks.figures import Figure, Ratio, Table, ratio
from tests.benchmarks.rounds import Effort, interleaved
from tests.benchmarks.stream.contenders import (
    BARE,
    CONTENDERS,
    FEW,
    HUB,
    REDIS_HUB,
    REDIS_STOCK,
    SIZES,
    STOCK,
    UVICORN,
    Size,
)
from tests.benchmarks.stream.crowd import Crowd, Served

BURST_SECONDS, STEADY_SECONDS, QUICK_SECONDS = 0.8, 1.0, 0.1

SHARES = {(HUB, STOCK): {"100": 5.0, "1,000": 10.0}, (REDIS_HUB, REDIS_STOCK): {"100": 5.0, "1,000": 10.0}}
OF_BARE = {HUB: 0.15, UVICORN: 0.30}
P99_MS = {"1": 1.0, "100": 10.0}
KB_PER_SOCKET = 35.0
COST = "server's us a message"


class Sample:
    """Takes samples that have two figures: `names` are those of what the call returns, and of what it leaves."""

    def __init__(self) -> None:
        self.second: dict[str, list[float]] = {}

    def p50(self, name: str, take: Callable[[], Sequence[int]]) -> float:
        """Return the median of some times in ms, and keep their p99."""
        cuts = quantiles(take(), n=100)
        self.second.setdefault(name, []).append(cuts[98] / 1e6)
        return cuts[49] / 1e6


def measure(effort: Effort, served: Mapping[str, Served]) -> Iterable[Table]:
    """Compare these contenders, each already served."""
    rates: list[Figure] = []
    times: list[Figure] = []
    memory: list[Figure] = []
    for size in FEW if effort.quick else SIZES:
        with ExitStack() as open_ones:
            crowds = {}
            for name, server in served.items():
                if CONTENDERS[name].is_hub:
                    server.ask("pack", frames=1)
                before = server.ask("memory")["kb"]
                crowds[name] = open_ones.enter_context(Crowd(server, size.count, CONTENDERS[name].view))
                grown = (server.ask("memory")["kb"] - before) / size.count
                memory.append(Figure(name=name, setting=size.word, unit="kB a socket", samples=[grown]))
            rates += _rates(effort, size, crowds)
            times += _times(effort, size, crowds)
    yield _rate_table(_by_size(rates))
    yield _time_table(_by_size(times))
    yield _memory_table([figure for figure in memory if figure.setting == "1,000"])


def packed(effort: Effort, served: Mapping[str, Served]) -> Table:
    """Say how many entries the hub hands over as it is: many in a message under load."""
    figures: list[Figure] = []
    seconds = _seconds(effort, BURST_SECONDS)
    hubs = {name: server for name, server in served.items() if name in (HUB, UVICORN)}
    for size in FEW if effort.quick else SIZES:
        for view, bytes_ in (("json", "entries"), ("scenes", "frames")):
            with ExitStack() as open_ones:
                crowds = {}
                for name, server in hubs.items():
                    server.ask("pack", frames=0)
                    crowds[f"{name}, {bytes_}"] = open_ones.enter_context(Crowd(server, size.count, view))
                bursts = {name: partial(crowd.burst, seconds, size.packed) for name, crowd in crowds.items()}
                figures += interleaved(bursts, effort.rounds, setting=size.word, unit="entries/s to all")
    return Table(
        title="Stream: entries a second, packed as the product packs them",
        figures=_by_size(figures),
        notes=[
            "Entries are those of the journal's socket, frames those of a page: an entry and its scene, about 3.7 kB.",
            "The crowd's process reads as fast as it can; with 1,000 sockets and frames it is a limit, too.",
        ],
    )


def _seconds(effort: Effort, usual: float) -> float:
    return QUICK_SECONDS if effort.quick else usual * effort.scale


def _rates(effort: Effort, size: Size, crowds: Mapping[str, Crowd]) -> Sequence[Figure]:
    seconds = _seconds(effort, BURST_SECONDS)
    bursts = {name: partial(crowd.burst, seconds, size.window) for name, crowd in crowds.items()}
    rates = interleaved(bursts, effort.rounds, setting=size.word, unit="messages/s to all")
    costs = [Figure(name=n, setting=size.word, unit=COST, samples=crowd.costs) for n, crowd in crowds.items()]
    return [*rates, *costs]


def _times(effort: Effort, size: Size, crowds: Mapping[str, Crowd]) -> Iterator[Figure]:
    sample = Sample()
    count = max(5, int(size.rate * _seconds(effort, STEADY_SECONDS)))
    takes = {name: partial(sample.p50, name, partial(crowd.steady, size.rate, count)) for name, crowd in crowds.items()}
    for figure in interleaved(takes, effort.rounds, setting=size.word, unit="p50 ms"):
        yield figure
        yield Figure(name=figure.name, setting=size.word, unit="p99 ms", samples=sample.second[figure.name])


def _by_size(figures: Iterable[Figure]) -> list[Figure]:
    return sorted(figures, key=lambda figure: int(figure.setting.replace(",", "")))


def _pairs(figures: Sequence[Figure], over: str, under: str) -> Iterator[tuple[Figure, Figure]]:
    unders = {figure.setting: figure for figure in figures if figure.name == under}
    return ((f, unders[f.setting]) for f in figures if f.name == over and f.setting in unders)


def _rate_table(figures: Sequence[Figure]) -> Table:
    ratios: list[Ratio] = []
    rates = [figure for figure in figures if figure.unit != COST]
    for (over, under), goals in SHARES.items():
        ratios += [ratio(f, g, goal=goals.get(f.setting)) for f, g in _pairs(rates, over, under)]
    for over, goal in OF_BARE.items():
        ratios += [ratio(f, g, goal=goal) for f, g in _pairs(rates, over, BARE)]
    return Table(
        title="Stream: one run's messages to so many sockets of one process",
        figures=figures,
        ratios=ratios,
        notes=[
            "240 bytes and one entry a message for everybody: the hub's packing of many into one is switched off here.",
            "As fast as the server can, with at most 64 / 16 / 4 messages under way to 1 / 100 / 1,000 sockets.",
            "The server's time is its processor time, which hardly depends on what else the machine does; the rates do.",
            "Told by the web process itself, also where it goes through Redis. Every socket's messages were counted.",
        ],
    )


def _time_table(figures: Sequence[Figure]) -> Table:
    p99 = [f for f in figures if f.name == HUB and f.unit == "p99 ms" and f.setting in P99_MS]
    return Table(
        title="Stream: from publishing to the reader",
        figures=figures,
        ratios=[
            Ratio(name=f"p99 ms, {HUB}", setting=f.setting, value=f.value, goal=P99_MS[f.setting], at_most=True)
            for f in p99
        ],
        notes=["At 500 / 50 / 5 messages a second to 1 / 100 / 1,000 sockets; a figure is the median of its rounds."],
    )


def _memory_table(figures: Sequence[Figure]) -> Table:
    hub = [figure for figure in figures if figure.name == HUB]
    return Table(
        title="Stream: resident memory of the web process",
        figures=figures,
        ratios=[
            Ratio(name="kB a socket, hub, Daphne", setting=f.setting, value=f.value, goal=KB_PER_SOCKET, at_most=True)
            for f in hub
        ],
        notes=["What the process grew by while so many sockets were opened, all of one run, divided by their number."],
    )
