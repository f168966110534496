"""The tables of a plan, and those of docs/SCALE.md, which are written between its marks and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.scale import constants, day, keeping, model
from tests.benchmarks.scale.constants import Constant, Constants
from tests.benchmarks.scale.model import Load, Needs

FILE = Path(__file__).parents[3] / "docs/SCALE.md"
VISITORS = (1e3, 1e5, 1e6)
HOURS = (8, 14, 17, 18, 20)  # of the simulated day, that the page shows

Rows = list[list[str]]

LABELS: Mapping[str, str] = {
    "runs": "runs started /s",
    "entries": "journal entries /s",
    "rows": "new rows /s, all databases",
    "engine_commits": "commits /s, engine",
    "service_commits": "commits /s, services",
    "batch": "appends a worker's commit holds",
    "workers": "**workers**",
    "journals": "**servers for the engine's database**",
    "services": "**servers for the services' databases**",
    "web": "**web processes**",
    "sockets": "open sockets",
    "socket_mb": "MB of sockets in each web process",
    "published": "messages /s into Redis",
    "delivered": "messages /s out of Redis",
    "redis_busy": "share of one Redis (estimate)",
    "connections": "database connections",
    "sent_mbit": "Mbit/s to readers, not compressed",
    "entries_kept": "entries kept",
    "engine_gb": "GB of the engine's database",
    "journal_gb": "GB of these, the journal's table",
    "services_gb": "GB of the services' databases",
    "gb_a_day": "GB more, and pruned, a day",
    "prune_busy": "share of one pruner, all day",
}

FULL: Mapping[str, str] = {
    "workers": "runs /s at which these workers are full",
    "journals": "… the servers for the engine's database",
    "services": "… the servers for the services' databases",
    "web": "… the web processes",
    "hearing": "… any number of web processes, with hearing alone",
}


def plan(loads: Sequence[Load], found: Sequence[Needs], c: Constants) -> Rows:
    """Return a heading and rows: what each load needs, and how many runs per second would fill what it needs."""
    rows = [["at the busiest moment", *(f"{load.visitors:,.0f} a day" for load in loads)]]
    rows += [[label, *(_number(getattr(needs, name)) for needs in found)] for name, label in LABELS.items()]
    full = [
        model.capacity((n.workers, n.journals, n.services, n.web), c, load)
        for load, n in zip(loads, found, strict=True)
    ]
    return [*rows, *([label, *(_number(each[name]) for each in full)] for name, label in FULL.items())]


def per_run(c: Constants, load: Load) -> Rows:
    """Return a heading and rows: what one run takes of each kind of server."""
    costs = model.Costs.of(c, load)
    commits = c.start_commits + c.appends
    alone, shared = commits * (c.commit_s + c.append_s) * 1000, costs.journal * 1000
    ms = [f"{cost * 1000:.0f}" for cost in (costs.service, costs.worker, costs.web)]
    return [
        ["one run", "engine's database", "services' databases", "a worker", "web processes"],
        ["commits", _number(commits), _number(c.service_commits), "", ""],
        ["new rows", _number(c.engine_rows), _number(c.service_rows), "", ""],
        ["kB of disk", _number(c.entries * c.entry_bytes / 1000), _number(c.service_bytes / 1000), "", ""],
        ["ms of one server", f"{alone:.0f}, or {shared:.0f} where appends share commits", *ms],
    ]


def day_of(load: Load, c: Constants, seed: int = 1, hours: Sequence[int] = range(24)) -> Rows:
    """Return a heading and rows: a simulated day of a load, on what it needs."""
    shares = ["workers", "journals", "services", "web"]
    rows = [["hour", "runs /s", *shares, "appends a commit", "run waits, ms", "message lags, ms"]]
    for hour, rate, seen in day.simulate(load, day.Layout.of(model.needs(load, c)), c, seed, hours):
        busy = [f"{getattr(seen, name):.0%}" for name in shares]
        times = [f"{low * 1000:,.1f} / {high * 1000:,.1f}" for low, high in (seen.waits, seen.lags)]
        rows.append([f"{hour}:00", _number(rate), *busy, f"{seen.batch:.2f}", *times])
    return rows


def kept(load: Load, c: Constants) -> str:
    """Return a sentence about what is kept once as much goes as comes."""
    days = int(load.days_kept) + 2
    found = keeping.keep(load, c, days)
    return (
        f"After {days} days {found.runs:,.0f} runs in {_number(found.gb)} GB are kept, {found.overdue:,.0f} are overdue, "
        f"and one pruner is busy for {found.busiest:.0%} of its busiest hour."
    )


def sources(found: Mapping[str, Constant]) -> Rows:
    """Return a heading and rows: constants, those of one table in one row, and how they are known."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for c in found.values():
        table = c.where[:2] if c.how in ("figure", "size") else ()
        why = f" ({c.where[0]})" if c.how == "estimate" else ""
        rows.setdefault((c.how.replace("size", "figure"), *table, c.taken), []).append(
            f"`{c.name}` {c.value:g} {c.unit}{why}"
        )
    heading = ["known by", "from", "constants"]
    return [
        heading,
        *([how, ", ".join(filter(None, where)), "; ".join(values)] for (how, *where), values in rows.items()),
    ]


def write(file: Path = FILE) -> None:
    """Write the tables of the page anew."""
    file.write_text(renewed(file.read_text()))


def renewed(text: str) -> str:
    """Return the page with the tables that the constants give now. Raises ValueError for a page without its marks."""
    found = constants.read()
    c = constants.values(found)
    loads = [Load(visitors=visitors) for visitors in VISITORS]
    largest = loads[-1]
    tables = {
        "run": _lines(per_run(c, largest)),
        "plan": _lines(plan(loads, [model.needs(load, c) for load in loads], c)),
        "day": [*_lines(day_of(largest, c, hours=HOURS)), "", kept(largest, c)],
        "constants": _lines(sources(found)),
    }
    for name, lines in tables.items():
        text = _replaced(text, name, "\n".join(lines))
    return text


def _replaced(text: str, name: str, body: str) -> str:
    mark, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(mark)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no place for {name}")
    return f"{before}{mark}\n{body}\n{end}{after}"


def _lines(rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(rows[0])} |"
    yield f"|{' --- |' * len(rows[0])}"
    for row in rows[1:]:
        yield f"| {' | '.join(row)} |"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.2g}"
