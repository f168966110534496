"""The constants of the model: each a figure of a benchmark, a count of real runs, or an estimate that says why.

They stand in `constants.toml`. `python -m tests.benchmarks.scale --refresh bench.json` takes the figures anew from
what `make bench` printed on its last line, and counts anew; estimates stay as they are.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("constants.toml")

HOW = {"figure": 5, "size": 4, "counted": 2, "estimate": 1}  # ways to know a constant, and how many words say where


class ConstantRefused(ValueError):
    """The file of constants, or what it is to be refreshed from, lacks something; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One number, as it was taken. `how` and `where`:

    `figure`: part, title of the table, row, column, unit, as in the JSON of `make bench`;
    `size`: part, title, factor, name among the sizes of the table; `counted`: path and name of `scale.counted`;
    `estimate`: the reason. `taken` says when and under which load, "" where that is without meaning.
    """

    name: str
    value: float
    unit: str
    how: str
    where: Sequence[str]
    taken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """All numbers of the model; a field is named as its section of the file, where its source stands."""

    worker_rate: float  # runs/s of one worker that also does the services' work
    sagas_alone: float  # commits in a row: sagas/s of bare transactions, one at a time
    sagas_grouped: float  # the same, a hundred in each transaction
    batches_of_saga: float  # transactions of one such saga
    entries: float  # of a run
    appends: float  # of a run, each a commit of the journal unless it shares one with other runs
    begin_commits: float  # of a run that is stored by one process and claimed by another
    limit_commits: float  # more, of a run that is started on a public site
    service_commits: float  # of a run, in all services' databases
    engine_rows: float
    service_rows: float
    message_to_one: float  # us of a web process for a message to 1 socket
    message_to_hundred: float  # us for each of 100 sockets
    message_to_thousand: float  # us for each of 1,000
    socket_kb: float
    start_ms: float  # of a web process to store a run
    page_ms: float  # of a web process for a run's page
    home_ms: float
    entry_bytes: float  # in the engine's database, with rows of last states and all indexes
    journal_bytes: float  # of these, the journal's own table
    service_bytes: float  # of a run, in all services' databases
    prune_ms: float  # of a thousand runs
    frame_kb: float  # one entry with its scene, to one reader
    redis_rate: float  # messages/s that one Redis hands to subscribers
    connections: float  # of one process to databases

    @property
    def commit_s(self) -> float:
        """Seconds that a commit takes, whatever is in it: the flush and the round trips."""
        return 1 / (self.sagas_alone * self.batches_of_saga) - self.append_s

    @property
    def append_s(self) -> float:
        """Seconds that one run's append adds to a commit that it shares."""
        alone, shared = 1 / self.sagas_alone, 100 / self.sagas_grouped
        return (shared - alone) / 99 / self.batches_of_saga

    @property
    def start_commits(self) -> float:
        """Commits of a run's start in the engine's database, which no other run shares."""
        return self.begin_commits + self.limit_commits

    @property
    def told_s(self) -> float:
        """Seconds of a web process per message, before anybody is told: read, painted and encoded once."""
        return max(0.0, self.message_to_one - self.message_to_hundred) / 1e6

    @property
    def teller_s(self) -> float:
        """Seconds of a web process per message and reader: the dearer of 100 and of 1,000 sockets."""
        return max(self.message_to_hundred, self.message_to_thousand) / 1e6


def read(file: Path = FILE) -> Mapping[str, Constant]:
    """Return the constants of a file by name. Raises ConstantRefused that names what is missing or too much."""
    sections = tomllib.loads(file.read_text())
    wanted = set(Constants.__dataclass_fields__)
    if sections.keys() != wanted:
        raise ConstantRefused(f"{file.name}: {', '.join(sorted(sections.keys() ^ wanted))} missing or too much")
    return {name: _constant(name, section) for name, section in sections.items()}


def _constant(name: str, section: Mapping[str, Any]) -> Constant:
    try:
        found = Constant(name=name, **section)
    except TypeError as error:
        raise ConstantRefused(f"{name}: {error}") from error
    if HOW.get(found.how) != len(found.where):
        raise ConstantRefused(f"{name}: how {found.how!r} with {len(found.where)} words where")
    if not found.value > 0:
        raise ConstantRefused(f"{name}: value {found.value!r} must be above 0")
    return found


def values(constants: Mapping[str, Constant]) -> Constants:
    """Return the numbers alone."""
    return Constants(**{name: constant.value for name, constant in constants.items()})


def refreshed(
    constants: Mapping[str, Constant], bench: Mapping[str, Any], counted: Mapping[str, Mapping[str, float]]
) -> dict[str, Constant]:
    """Return the constants with the values of a measurement; those of a part that it lacks stay.

    Raises ConstantRefused where a part was measured and the figure is not in it.
    """
    taken = f"{bench['at'][:16]}Z, load {bench['machine']['load']:.0f} on {bench['machine']['cores']} cores"
    return {name: _anew(constant, bench, counted, taken) for name, constant in constants.items()}


def _anew(of: Constant, bench: Mapping[str, Any], counted: Mapping[str, Mapping[str, float]], taken: str) -> Constant:
    if of.how == "counted":
        return replace(of, value=counted[of.where[0]][of.where[1]])
    if of.how == "estimate" or of.where[0] not in bench:
        return of
    part, title, *rest = of.where
    found = [_looked_up(of.how, table, rest) for table in bench[part] if table["title"] == title]
    numbers = [number for number in found if number is not None]
    if len(numbers) != 1:
        raise ConstantRefused(f"{of.name}: {' / '.join(of.where)} was measured {len(numbers)} times")
    return replace(of, value=float(f"{numbers[0]:.4g}"), taken=taken)


def _looked_up(how: str, table: Mapping[str, Any], where: Sequence[str]) -> float | None:
    if how == "size":
        size: float | None = table["sizes"].get(where[0], {}).get(where[1])
        return size
    for figure in table["figures"]:
        if [figure["name"], figure["setting"], figure["unit"]] == list(where):
            median: float = figure["median"]
            return median
    return None


def written(constants: Mapping[str, Constant]) -> str:
    """Return the text of a file of constants."""
    return (
        "# Written by `python -m tests.benchmarks.scale --refresh bench.json`; where each number is from: constants.py.\n"
        + "".join(
            f"\n[{c.name}]\nvalue = {c.value!r}\nunit = {_quoted(c.unit)}\nhow = {_quoted(c.how)}\n"
            f"where = [{', '.join(map(_quoted, c.where))}]\ntaken = {_quoted(c.taken)}\n"
            for c in constants.values()
        )
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
