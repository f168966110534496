"""A scenario from the command line: a file, a saga's name and faults in the grammar of an address."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playground import scenario_query
from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt


def scenario_from_options(saga: str | None, file: str | None, faults: Sequence[str]) -> Scenario:
    """Return a scenario that can be run. Raises ValueError with one line per wrong field."""
    value = _read(file) if file else {}
    added, errors = scenario_query.read(urlencode([("fault", fault) for fault in faults]))
    try:
        if errors:
            raise ScenarioInvalid(errors, added)
        if saga is not None:
            value["saga"] = saga
        if faults:
            value["faults"] = [*value.get("faults", []), *added["faults"]]
        scenario = Scenario.parse(value)
        refuse_unbuilt(scenario)
    except ScenarioInvalid as error:
        raise ValueError("\n".join(f"{e['field']}: {e['message']}" for e in error.errors)) from None
    return scenario


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        value = json.loads(text)
    except OSError as error:
        raise ValueError(f"--scenario {file}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"--scenario {file}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"--scenario {file}: a scenario is a JSON object")
    return value
