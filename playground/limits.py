"""What one visitor may do on a public site, and what all of them together may.

Whatever is counted is a row (`Turn`) of the default database, so that all web processes count
together and a restart forgets nothing. A refused request writes none, and rows that no longer
count go with the next one that does: there are never more than the limits allow.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest

from playground.models import Turn
from playground.visitors import visitor_of
from sagas.databases import atomic
from sagas.models import Run

DATABASE = "default"
MINUTE, HOUR = 60, 3600  # seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """So many within so many seconds: for one visitor, and for all of them together."""

    kind: str
    words: str
    mine: int
    all: int
    seconds: int = MINUTE
    each_process: bool = False  # each web process counts for itself, which is what it weighs on


@dataclass(frozen=True, slots=True)
class AtOnce:
    """So many at the same time: for one visitor, and for all of them together."""

    words: str
    mine: int
    all: int
    each_process: bool = False


def total(limit: Limit | AtOnce) -> int:
    """Return what all visitors together may have: on a site built for more, more of what all its processes count."""
    return limit.all if limit.each_process else limit.all * int(settings.SAGA_LIMITS_TIMES)


RUNS = Limit("run", "runs started", 30, 300)
FORKS = Limit("fork", "forks", 6, 60)
LINKS = Limit("link", "short links", 30, 1000, HOUR)
THOUSANDS = Limit("thousand", "thousands to count", 6, 30)
TRIALS = Limit("trial", "races and maps", 60, 600)  # an answer holds 25 of the 200 races, or one map
IMPORTS = Limit("import", "imports", 20, 200, HOUR)
ASKS = Limit("ask", "requests that change something", 120, 1200)
LOGINS = Limit("login", "attempts to log in", 10, 1000, HOUR // 4)
LOGINS_AS_ONE = Limit("login-as", "attempts to log in", 20, 1000, HOUR // 4)  # counted by user name
UNFINISHED = AtOnce("unfinished runs", 20, 400)
SAGAS = AtOnce("unfinished sagas", 60, 1200)
SOCKETS = AtOnce("open sockets", 100, 2000, each_process=True)
READS = Limit("read", "pictures, files and replays", 120, 1200, each_process=True)  # a reader's page takes one to three
WAIT_SECONDS = 5  # until it makes sense to ask again for a place that somebody has to leave first


class OverLimit(Exception):
    """A visitor asks for more than there is. `seconds`: when it makes sense to ask again. `limit`: of what."""

    def __init__(self, words: str, most: int, seconds: int, *, for_all: bool, within: int = 0) -> None:
        self.seconds, self.limit = max(1, seconds), words
        whose = "this site takes" if for_all else "a visitor may have"
        span = f" within {_span(within)}" if within else " at once"
        super().__init__(
            f"{whose} at most {most} {words}{span}. Try again in {self.seconds} second{'s'[: self.seconds > 1]}"
        )


def spend(request: HttpRequest, limit: Limit) -> None:
    """Count that a visitor does something. Raises OverLimit, and counts nothing then."""
    if settings.SAGA_PUBLIC:
        take(limit, visitor_of(request))


def take(limit: Limit, who: str) -> Turn:
    """Count something for the visitor of this name. Raises OverLimit, and counts nothing then."""
    now = _now()
    with _counting(limit, who):
        _over(limit, now).delete()
        _look(limit, who, now, 1)
        return Turn.objects.create(kind=limit.kind, visitor=who, at_ms=now)


def give_back(limit: Limit, who: str) -> None:
    """Forget all that was counted for the visitor of this name."""
    Turn.objects.filter(kind=limit.kind, visitor=who).delete()


@contextmanager
def room_for(request: HttpRequest, orders: Sequence[int]) -> Iterator[list[Run]]:
    """Let a visitor start a run for each of these numbers of orders; give the list to put them in.

    Raises OverLimit before anything is started. A start that fails has been counted.
    """
    started: list[Run] = []
    turns = _reserve(visitor_of(request), orders) if settings.SAGA_PUBLIC else []
    yield started
    for turn, run in zip(turns, started, strict=bool(turns)):
        turn.run = run.pk
        turn.save(update_fields=["run"])


def check_at_once(limit: AtOnce, mine: int, everybody: int) -> None:
    """Raise OverLimit when so many at the same time are too many."""
    for number, most, for_all in ((mine, limit.mine, False), (everybody, total(limit), True)):
        if number > most:
            raise OverLimit(limit.words, most, WAIT_SECONDS, for_all=for_all)


def _reserve(who: str, orders: Sequence[int]) -> list[Turn]:
    """Write down that runs are about to start: their places are taken from now on."""
    now = _now()
    with _counting(RUNS, who):
        running = Run.objects.filter(state=Run.State.RUNNING).values_list("pk", "scenario__orders")
        moving = {run: orders or 1 for run, orders in running}  # a saga of one's own says no number
        _over(RUNS, now).exclude(run__in=list(moving)).delete()
        _look(RUNS, who, now, len(orders))
        turns = Turn.objects.filter(kind=RUNS.kind)
        begun = {turn.pk: turn for turn in turns if turn.run in moving or not turn.run}
        mine = [turn.sagas for turn in begun.values() if turn.visitor == who]
        reserved = [turn.sagas for turn in begun.values() if not turn.run]
        everybody = [*moving.values(), *reserved]
        check_at_once(UNFINISHED, len(mine) + len(orders), len(everybody) + len(orders))
        check_at_once(SAGAS, sum(mine) + sum(orders), sum(everybody) + sum(orders))
        return [Turn.objects.create(kind=RUNS.kind, visitor=who, at_ms=now, sagas=number) for number in orders]


def _over(limit: Limit, now: int) -> QuerySet[Turn]:
    """Return what no longer counts."""
    return Turn.objects.filter(kind=limit.kind, at_ms__lte=now - limit.seconds * 1000)


def _look(limit: Limit, who: str, now: int, more: int) -> None:
    since = now - limit.seconds * 1000
    turns = Turn.objects.filter(kind=limit.kind, at_ms__gt=since)
    for counted, most, for_all in ((turns.filter(visitor=who), limit.mine, False), (turns, total(limit), True)):
        kept = max(0, most - more)  # so many may be there already
        in_the_way = counted.order_by("-at_ms").values_list("at_ms", flat=True)[kept : kept + 1].first()
        if in_the_way is not None or more > most:
            free_in = math.ceil(((in_the_way or now) - since) / 1000)
            raise OverLimit(limit.words, most, free_in, for_all=for_all, within=limit.seconds)


@contextmanager
def _counting(limit: Limit, who: str) -> Iterator[None]:
    """Count for one visitor by one process at a time; for all of them, those under way at once may miss each other.

    On SQLite an open transaction is alone in the whole database.
    """
    connection = connections[DATABASE]
    with atomic(DATABASE):
        if connection.vendor == "postgresql":
            digest = hashlib.sha256(f"turn\n{limit.kind}\n{who}".encode()).digest()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
        yield


def _now() -> int:
    return time.time_ns() // 1_000_000


def _span(seconds: int) -> str:
    if seconds == MINUTE:
        return "a minute"
    return "an hour" if seconds == HOUR else f"{seconds // MINUTE} minutes"
