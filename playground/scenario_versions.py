"""The formats in which scenarios were ever written down, each readable for ever.

An address or a JSON value says its format as `v`; without one it is of the first. A reader
knows what its format meant by leaving a key out, so an old link keeps its meaning when a
default changes. To change the format: add a reader under a new number, make it FORMAT, and
never touch the readers that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from playground.scenario_errors import ScenarioInvalid, listed, shown

FORMAT = 1  # in which scenarios are written today
KEY = "v"

Reader = Callable[[Mapping[str, Any]], dict[str, Any]]

_RETRY_1 = {"max_attempts": 3, "initial_ms": 200, "factor": 2.0, "max_ms": 5000, "jitter": False}
_DEFAULTS_1: Mapping[str, Any] = {
    "saga": "order",
    "mode": "orchestration",
    "orders": 1,
    "stock": 3,
    "keep_back": 0,
    "faults": [],
    "idempotency": True,
    "key_scope": "step",
    "lock": "fail-fast",
    "schedule": "rendezvous",
    "retry": _RETRY_1,
    "compensation_retry": {**_RETRY_1, "max_attempts": 4},
    "latency_ms": 250,
    "timeout_ms": 1000,
    "deadline_ms": None,
    "watcher_ms": None,
    "seed": 1,
}


def _read_1(value: Mapping[str, Any]) -> dict[str, Any]:
    return filled(value, _DEFAULTS_1)


READERS: Mapping[int, Reader] = {1: _read_1}


def filled(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value with what it leaves out, inside its objects as well. What is wrong in it stays as it is."""
    whole = {key: dict(default) if isinstance(default, dict) else default for key, default in defaults.items()}
    for key, given in value.items():
        inner = whole.get(key)
        whole[key] = {**inner, **given} if isinstance(inner, dict) and isinstance(given, Mapping) else given
    return whole


def current(value: object) -> object:
    """Return a scenario's JSON value as today's format has it, without `v`; what is no object stays as it is.

    Raises ScenarioInvalid for a format that nobody here can read.
    """
    if not isinstance(value, Mapping):
        return value
    version = value.get(KEY, 1)
    reader = READERS.get(version) if type(version) is int else None
    if reader is None:
        known = listed(map(str, READERS))
        message = f"names a format that this server cannot read: {shown(version)}. It reads {known}"
        raise ScenarioInvalid([{"field": KEY, "message": message}], value)
    return reader({key: given for key, given in value.items() if key != KEY})


def marked(compact: dict[str, Any]) -> dict[str, Any]:
    """Return a compact form that says its format, where that is not the first."""
    return compact if FORMAT == 1 else {KEY: FORMAT, **compact}
