"""What a playground's databases hold, read past the playground."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.db import connections

from playground.models import ApiAnswer, StoredScenario
from playground.scenario import Scenario
from sagas.models import Run
from tests.migrated import configs, led_to
from tests.play import Play


def check_what_is_kept(play: Play, *, runs: int) -> None:
    """Fail unless there are as many runs as were granted, each with a scenario that is one, and nothing of any other.

    No stored answer speaks of a run that is not there, and no service knows a world that is no run.
    """
    with led_to(configs(play.environment, play.data)):
        kept = dict(Run.objects.values_list("pk", "scenario"))
        assert len(kept) == runs
        for scenario in [*kept.values(), *StoredScenario.objects.values_list("value", flat=True)]:
            Scenario.parse(scenario)
        for status, body in ApiAnswer.objects.values_list("status", "body"):
            assert status < 500
            said = json.loads(bytes(body))
            assert status != 201 or "slug" in said or said["id"] in kept
        for alias in connections:
            assert set(_worlds(alias)) <= set(kept), alias


def _worlds(alias: str) -> Iterator[str]:
    """Yield the world of every row of a database that has one."""
    tables = connections[alias].introspection
    with connections[alias].cursor() as cursor:
        for table in tables.table_names(cursor):
            if any(column.name == "world" for column in tables.get_table_description(cursor, table)):
                cursor.execute(f"SELECT DISTINCT world FROM {table}")
                yield from (world for (world,) in cursor.fetchall())
