"""A saga that is undone on an engine elsewhere, by a process that drives with it: no driver of this project is loaded there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pytest_django import Settings

from sagas import runs
from sagas.models import Saga
from tests.temporal import Temporal
from tests.yard import Hand, Yard

SCENARIO = {"faults": [{"step": "create-order", "kind": "decline"}], "latency_ms": 0}


@pytest.fixture(params=["temporal", pytest.param("durable", marks=pytest.mark.torture)])
def there(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What a worker has to be told to drive with an engine."""
    if request.param == "durable":
        return {"SAGA_ENGINE": "durable"}
    server: Temporal = request.getfixturevalue("temporal")
    return {"SAGA_ENGINE": "temporal", "TEMPORAL_ADDRESS": server.address}


def test_an_engine_drives_without_a_driver_of_this_project(
    sqlite_yard: Yard, there: Mapping[str, str], settings: Settings
) -> None:
    settings.SAGA_ENGINE = there["SAGA_ENGINE"]
    created = runs.create_run(SCENARIO)
    with Hand(sqlite_yard, "-m", "tests.alone", **there) as worker:
        sqlite_yard.until_finished([created.pk])
        worker.stop()
    assert created.engine == there["SAGA_ENGINE"]
    assert list(Saga.objects.filter(run=created).values_list("state", flat=True)) == ["compensated"]
    assert worker.lines[-1].strip() == "drivers:"
