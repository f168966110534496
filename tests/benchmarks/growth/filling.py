"""A journal of any length in minutes: real runs, each multiplied by the database itself.

A dozen runs are driven to their ends by the real worker. Copies of their rows, in every table
of every database, get ids and times of their own; a few stand in the middle, so that there is
something to claim and to recover.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connections, models
from django.db.models import GeneratedField

from sagas import catalog
from sagas.databases import SERVICES, atomic
from sagas.forks import fork_run
from sagas.models import Alert, JournalEntry, Run, Saga, Step
from sagas.runs import ID_LENGTH, ID_LETTERS
from tests.benchmarks.growth.sites import vendor
from tests.engine import drive, fault, finish, scenario

UNFINISHED = 400  # runs in the middle, whatever the size
CUT_AT = 10  # entries that an unfinished run has
RUNS_AT_A_TIME = 10_000
SECONDS_APART = 2
DRIVEN, FOR_GOOD = "driven", 2**62

# (how many of a thousand, the scenario)
MIX: Sequence[tuple[int, dict[str, Any]]] = (
    (520, scenario()),
    (120, scenario(fault("charge-payment", "decline"))),
    (80, scenario(fault("book-delivery", "decline"))),
    (60, scenario(fault("charge-payment", "error", times=1))),
    (60, scenario(orders=2, stock=1, lock="wait")),
    (60, scenario(saga="trip")),
    (50, scenario(mode="choreography")),
    (29, scenario(mode="none")),
    (1, scenario(fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation", times=3))),
)
FORKS = 20  # of a thousand, all of them of one run

SUFFIX = ID_LENGTH + 1
COPIES = """CREATE TEMPORARY TABLE copies
    (n integer PRIMARY KEY, id varchar(16), source varchar(16), began {moment}, later_ms bigint, cut integer)"""
COLUMNS = "n, id, source, began, later_ms, cut"


_known: dict[str, list[tuple[int, str]]] = {}


@dataclass(frozen=True, slots=True)
class Copy:
    """One run to be; `later_ms` after its source, ended after entry `cut` (0: whole)."""

    n: int
    id: str
    source: str
    began: datetime
    later_ms: int
    cut: int


@dataclass(frozen=True, slots=True)
class Multiplied:
    """A table: which run a row belongs to, as SQL of the row, and the columns that differ in a copy."""

    model: type[models.Model]
    run: str
    changes: Mapping[str, str]
    only: str = ""

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    def originals(self) -> str:
        """Return the statement that takes the rows of the sources aside."""
        of_sources = f"{self.run} IN (SELECT DISTINCT source FROM copies)"
        return f"CREATE TEMPORARY TABLE source_{self.name} AS SELECT *, {self.run} AS of_run FROM {self.name} WHERE {of_sources}"

    def copies(self) -> str:
        """Return the statement that adds the copies from one number to another."""
        fields = [f for f in self.model._meta.concrete_fields if not isinstance(f, GeneratedField)]
        columns = [f.column for f in fields if not f.primary_key or f.column in self.changes]
        values = ", ".join(self.changes.get(column, f'source."{column}"') for column in columns)
        names, key = ", ".join(f'"{column}"' for column in columns), self.model._meta.pk.column
        return (
            f"INSERT INTO {self.name} ({names}) SELECT {values} FROM copies "
            f"JOIN source_{self.name} AS source ON source.of_run = copies.source {self.only} "
            f"WHERE copies.n >= %s AND copies.n < %s ORDER BY copies.n, source.{key}"
        )


def fill(entries: int) -> int:
    """Bring the journal of the open site to about so many entries; return how many runs were added."""
    if not sources():
        _drive()
    originals = sources()
    lengths = dict(Run.objects.filter(pk__in=[run for _, run in originals]).values_list("pk", "last_seq"))
    weight = sum(share for share, _ in originals)
    mean = sum(share * lengths[run] for share, run in originals) / weight
    runs = int(entries / mean)
    add(originals, runs, unfinished=UNFINISHED)
    settle()
    return runs


def add(originals: Sequence[tuple[int, str]], runs: int, *, unfinished: int = 0, old: bool = False) -> None:
    """Add copies of finished runs, and of the first source some that are in the middle; `old` ones are the first to go."""
    copies = list(_planned(originals, runs, unfinished, old))
    for alias in ("default", *SERVICES):
        tables = _of_runs() if alias == "default" else _of_worlds(alias)
        with connections[alias].cursor() as cursor:
            _make_table(cursor, copies)
            for table in tables:
                cursor.execute(table.originals())
            for first in range(0, len(copies), RUNS_AT_A_TIME):
                _add(alias, tables, first)
            for name in ("copies", *(f"source_{table.name}" for table in tables)):
                cursor.execute(f"DROP TABLE {name}")


def _add(alias: str, tables: Sequence[Multiplied], first: int) -> None:
    with atomic(alias), connections[alias].cursor() as cursor:
        if vendor() == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")  # references are right by design
        for table in tables:
            cursor.execute(table.copies(), [first, first + RUNS_AT_A_TIME])


def sources() -> list[tuple[int, str]]:
    """Return the runs of the open site that were driven for real, with their shares, as `fill` has made them."""
    place = str(connections["default"].settings_dict["NAME"])
    if place not in _known:
        driven = Run.objects.filter(lease_owner=DRIVEN).order_by("created_at").values_list("pk", flat=True)
        if found := list(driven):
            _known[place] = list(zip([*(share for share, _ in MIX), FORKS], found, strict=True))
    return _known.get(place, [])


def _drive() -> None:
    done = [finished.run.pk for finished in drive(*(each for _, each in MIX))]
    origin = Run.objects.get(pk=done[0])
    (fork,) = finish(fork_run(origin, CUT_AT, origin.scenario))
    now = datetime.now(UTC)
    for n, run in enumerate([*done, fork.run.pk]):  # in the order of their shares
        held = {"lease_owner": DRIVEN, "leased_until": FOR_GOOD}  # so that nobody prunes what copies are made of
        Run.objects.filter(pk=run).update(**held, created_at=now.replace(microsecond=n))


def _planned(originals: Sequence[tuple[int, str]], runs: int, unfinished: int, old: bool) -> Iterator[Copy]:
    chance = random.Random()
    shares, ids = zip(*originals, strict=True)
    began_ms = dict(Run.objects.filter(pk__in=ids).values_list("pk", "created_at"))
    now, total = int(time.time()), runs + unfinished
    for n in range(total):
        cut = CUT_AT if n >= runs else 0
        source = ids[0] if cut else chance.choices(ids, shares)[0]
        began = datetime.fromtimestamp(now - (total - n) * SECONDS_APART - (10**8 if old else 0), UTC)
        later = int((began - began_ms[source]).total_seconds() * 1000)
        yield Copy(n, "".join(chance.choices(ID_LETTERS, k=ID_LENGTH)), source, began, later, cut)


def _make_table(cursor: Any, copies: Sequence[Copy]) -> None:
    rows = [(c.n, c.id, c.source, c.began, c.later_ms, c.cut) for c in copies]
    if vendor() == "sqlite":
        cursor.execute(COPIES.format(moment="text"))
        texts = [(*row[:3], row[3].replace(tzinfo=None).isoformat(" "), *row[4:]) for row in rows]
        cursor.executemany(f"INSERT INTO copies ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)", texts)
        return
    cursor.execute(COPIES.format(moment="timestamptz"))
    with cursor.connection.cursor() as bare, bare.copy(f"COPY copies ({COLUMNS}) FROM STDIN") as into:
        for row in rows:
            into.write_row(row)
    cursor.execute("ANALYZE copies")


def _of_runs() -> list[Multiplied]:
    saga = f"copies.id || substr(source.saga_id, {SUFFIX})"
    of_run = f"substr(saga_id, 1, {ID_LENGTH})"
    running = "CASE WHEN copies.cut > 0 THEN 'running' ELSE source.state END"
    run = {
        "id": "copies.id",
        "created_at": "copies.began",
        "lease_owner": "''",
        "leased_until": "0",
        "state": running,
        "last_seq": "CASE WHEN copies.cut > 0 THEN copies.cut ELSE source.last_seq END",
        "finished_at_ms": "CASE WHEN copies.cut = 0 THEN source.finished_at_ms + copies.later_ms END",
    }
    own = {"id": f"copies.id || substr(source.id, {SUFFIX})", "run_id": "copies.id"}
    entry = {
        "run_id": "copies.id",
        "at_ms": "source.at_ms + copies.later_ms",
        "saga": f"CASE WHEN source.saga = '' THEN '' ELSE copies.id || substr(source.saga, {SUFFIX}) END",
    }
    return [
        Multiplied(Run, "id", run),
        Multiplied(Saga, "run_id", {**own, "created_at": "copies.began", "state": running}),
        Multiplied(Step, of_run, {"saga_id": saga}),
        Multiplied(JournalEntry, "run_id", entry, "AND (copies.cut = 0 OR source.seq <= copies.cut)"),
        Multiplied(Alert, of_run, {"saga_id": saga, "raised_at_ms": "source.raised_at_ms + copies.later_ms"}),
    ]


def _of_worlds(alias: str) -> list[Multiplied]:
    return [Multiplied(model, "world", {"world": "copies.id"}) for model in _models(alias)]


def _models(alias: str) -> list[type[models.Model]]:
    service = catalog.SERVICES[alias]
    own = (service.worlds, service.ledger_rows, service.stored_answers, service.marks, service.inbox, service.outbox)
    return [*own, *service.records]


def settle() -> None:
    """Leave the databases as a site finds them that has grown slowly."""
    for alias in ("default", *SERVICES):
        with connections[alias].cursor() as cursor:
            if vendor() == "postgresql":
                cursor.execute("VACUUM (ANALYZE)")
            else:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
