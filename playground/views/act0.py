"""Act 0, five commits and no undo: five calls in a row, beside the same writes in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground import onedb
from playground.acts import act0
from playground.scenario import Scenario
from playground.views.one_run import OneRun
from sagas.models import Run


def _in_one_database(run: Run, scenario: Scenario) -> None:
    order = run.sagas.order_by("index")[0].order
    onedb.checkout(run.pk, order, down=act0.broken_service(scenario))


def _strip(run_id: str) -> Mapping[str, Any]:
    return {"one": onedb.strip(run_id)}


page = OneRun(act0, "acts/0.html", "acts/_0_live.html", more=_strip, started=_in_one_database).view()
