"""One database vendor, in a process of its own: asks everything of few runs, then of many, and says what it heard.

`--places` is a folder, or with DATABASE_URL set the URL of that PostgreSQL server. The last line is JSON: for each
thing that was asked how many statements it took of few runs and of many, and how its tables are read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connections  # noqa: E402
from django.urls import URLPattern  # noqa: E402

from playground.urls import urlpatterns  # noqa: E402
from sagas.models import Alert  # noqa: E402
from tests.benchmarks.growth import filling, sites  # noqa: E402
from tests.benchmarks.queries import addresses  # noqa: E402
from tests.benchmarks.queries.addresses import Asked  # noqa: E402
from tests.benchmarks.queries.hearing import Heard, hearing  # noqa: E402

FEW = 0  # beside the sites of the growth benchmark
TWICE = ("/", "/ws/latest/")  # these keep what they have read, and here all of it is new to them
BY_THE_CLOCK = ("Worker", "Sockets")  # polls and patrols come as they come


def main(arguments: Sequence[str]) -> int:
    """Ask; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.queries.child", description=__doc__)
    parser.add_argument("--places", required=True)
    parser.add_argument("--runs", type=int, default=3000, help="to add between the two rounds")
    parser.add_argument("--entries", type=int, default=0, help="to fill the journal with before")
    asked = parser.parse_args(arguments)
    _without_sequential_scans()
    site = sites.made(asked.places, FEW)
    with site.entered():
        if not filling.sources():
            filling.fill(asked.entries)
        equal = [(1, run) for _, run in filling.sources()]
        filling.add(equal, 30)
        _round()  # what is asked for the first time in a process takes more
        filling.add(equal, 30)
        few = _round()
        filling.add(equal, asked.runs)
        filling.settle()
        many = _round()
    site.close()
    found = [_found(each, few[name], heard) for name, (each, heard) in many.items()]
    sys.stdout.write(json.dumps({"asked": found, "missing": _missing(many)}) + "\n")
    return 0


def _round() -> dict[str, tuple[Asked, Heard]]:
    some = list(Alert.objects.order_by("-pk").values_list("pk", flat=True)[:2])
    Alert.objects.filter(pk__in=some).update(resolved_at_ms=1)  # a list without rows asks for less
    of = addresses.subjects()
    person, _ = User.objects.get_or_create(username="bench", defaults={"is_staff": True, "is_superuser": True})
    of.client.force_login(person)
    return {f"{each.group} {each.name}": (each, _heard(each)) for each in addresses.everything(of)}


def _heard(each: Asked) -> Heard:
    if each.name in TWICE:
        each.ask()
    with hearing() as heard:
        each.ask()
    return heard


def _without_sequential_scans() -> None:
    """Have PostgreSQL read a small table as it would a large one: from end to end only where no index helps."""
    for alias in connections:
        options = connections.settings[alias].setdefault("OPTIONS", {})
        if connections.settings[alias]["ENGINE"].endswith("postgresql"):
            options["options"] = f"{options.get('options', '')} -c enable_seqscan=off".strip()


def _found(each: Asked, few: tuple[Asked, Heard], heard: Heard) -> dict[str, Any]:
    before = few[1].count
    allowed = before * 1.5 + 5 if each.group in BY_THE_CLOCK else before
    return {
        "group": each.group,
        "name": each.name,
        "few": before,
        "many": heard.count,
        "grew": heard.count > allowed,
        "by_the_clock": each.group in BY_THE_CLOCK,
        "reads": sorted({(read.table, read.how, read.index) for s in heard.statements for read in s.reads}),
        "wrong": [[said, s.sql] for s in heard.statements for said in s.found],
        "statements": [[s.sql, [str(read) for read in s.reads]] for s in heard.statements],
    }


def _missing(many: dict[str, tuple[Asked, Heard]]) -> list[str]:
    """Return the names of the site's own addresses that were not asked for."""
    routes = {each.route for each, _ in many.values()}
    named = [pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern) and pattern.name]
    return [name for name in named if name not in routes]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
