"""The settings of a draft as the form has them, each a field that is named like its key in a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from playground import scenario_query
from playground.lab.draft import RETRIES, Draft
from playground.scenario import Scenario
from sagas import catalog

Options = Sequence[tuple[str, str]]

MODES: Options = (("orchestration", "orchestration"), ("choreography", "choreography"), ("none", "no saga"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a field is like. Without `options` it holds a number, or any text where `low` is None as well."""

    name: str
    label: str
    unit: str = ""
    hint: str = ""
    options: Options = ()
    switch: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A setting with its value; `low` and `high` are the limits of a number, `empty` what no value means."""

    setting: Setting
    value: str
    low: str = ""
    high: str = ""
    empty: str = ""


FREQUENT: Sequence[Setting] = (
    Setting(name="orders", label="Orders at once"),
    Setting(name="stock", label="Lamps"),
    Setting(name="retry.max_attempts", label="Tries"),
    Setting(name="retry.initial_ms", label="First wait", unit="ms"),
    Setting(name="latency_ms", label="Latency", unit="ms"),
    Setting(
        name="lock",
        label="Lock",
        options=(("off", "off"), ("naive", "naive flag"), ("fail-fast", "fail fast"), ("wait", "wait in line")),
    ),
    Setting(name="idempotency", label="Keys", switch=True),
)

MORE: Sequence[tuple[str, Sequence[Setting]]] = (
    (
        "Calls",
        (
            Setting(name="timeout_ms", label="Give up waiting after", unit="ms"),
            Setting(name="retry.factor", label="Waits grow by a factor of", free=True),
            Setting(name="retry.max_ms", label="Longest wait", unit="ms"),
            Setting(name="retry.jitter", label="Jitter", switch=True),
        ),
    ),
    (
        "Undos",
        (
            Setting(name="compensation_retry.max_attempts", label="Tries per undo"),
            Setting(name="compensation_retry.initial_ms", label="First wait of an undo", unit="ms"),
            Setting(name="compensation_retry.factor", label="Its waits grow by a factor of", free=True),
            Setting(name="compensation_retry.max_ms", label="Longest wait of an undo", unit="ms"),
            Setting(name="compensation_retry.jitter", label="Jitter in undos", switch=True),
        ),
    ),
    (
        "The whole order",
        (
            Setting(name="deadline_ms", label="Deadline", unit="ms"),
            Setting(name="watcher_ms", label="A watcher waits", unit="ms", hint="choreography"),
            Setting(
                name="key_scope",
                label="A key is made of",
                options=(("step", "order and step"), ("order", "the order alone")),
            ),
            Setting(name="schedule", label="Who goes next", hint="rendezvous, free, or orders by number: 0,1,1"),
            Setting(name="keep_back", label="Kept back by Inventory"),
            Setting(name="seed", label="Seed"),
        ),
    ),
)


def sagas() -> Options:
    """Return the sagas that can be chosen."""
    return [(name, name) for name in dict.fromkeys(name for name, _ in catalog.DEFINITIONS)]


def fields_of(draft: Draft, settings: Sequence[Setting]) -> list[Field]:
    """Return the fields of these settings, as a draft fills them."""
    return [_field(draft, setting) for setting in settings]


def _field(draft: Draft, setting: Setting) -> Field:
    limits = _limits(setting.name)
    return Field(
        setting=setting,
        value=_text(_value(draft.value, setting.name)),
        low=_text(limits.get("minimum")),
        high=_text(limits.get("maximum")),
        empty="none" if limits.get("default", "") is None else "",
    )


def _value(value: Mapping[str, Any], name: str) -> Any:
    """Return what a draft says of a setting, else its default."""
    key, _, part = name.partition(".")
    given = value.get(key)
    if not part:
        return given if key in value else getattr(Scenario(), key)
    inside = given if isinstance(given, Mapping) else {}
    return inside.get(part, getattr(getattr(Scenario(), key), part))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return scenario_query.number_text(value) if isinstance(value, int | float) else str(value)


@lru_cache(maxsize=64)
def _limits(name: str) -> Mapping[str, Any]:
    """Return what the model itself says of a key: default, minimum, maximum."""
    schema = Scenario.model_json_schema()
    key, _, part = name.partition(".")
    if key in RETRIES and part:
        model = "RetrySpec" if key == "retry" else "CompensationRetrySpec"
        return dict(schema["$defs"][model]["properties"][part])
    found = dict(schema["properties"][key])
    return {**found, **next((each for each in found.get("anyOf", ()) if "minimum" in each), {})}
