"""A scenario in an address: `mode=choreography&fault=notify-warehouse:drop-event&orders=2`.

    fault               STEP[.compensation]:KIND[:TIMES][@SAGA], repeated
    retry               MAX_ATTEMPTS,INITIAL_MS,FACTOR[,MAX_MS][,jitter]
    compensation_retry  the same
    schedule            rendezvous, free, or saga indexes: 0,1,1
    booleans            on, off
    every other key     its name, its value

Defaults are left out. An empty value counts as left out too, so that a plain HTML form can
send every field it has. This room knows the grammar alone; ranges and names are `Scenario`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from playground.scenario_errors import FieldError, shown

MAX_QUERY_FIELDS = 100

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,20}")
_FAULT = re.compile(
    r"(?P<step>[^.:]+)(?P<back>\.compensation)?:(?P<kind>[^:@]+)(?::(?P<times>[^:@]+))?(?:@(?P<saga>[^:@]+))?"
)
_BOOLEANS = {"on": True, "off": False}
_IN_ORDER = (
    *("orders", "stock", "keep_back", "idempotency", "key_scope", "lock", "schedule", "retry", "compensation_retry"),
    *("latency_ms", "timeout_ms", "deadline_ms", "watcher_ms", "seed"),
)
_RETRY_KEYS = ("max_attempts", "initial_ms", "factor")

FAULT_GRAMMAR = "STEP[.compensation]:KIND[:TIMES][@SAGA]"
RETRY_GRAMMAR = "MAX_ATTEMPTS,INITIAL_MS,FACTOR[,MAX_MS][,jitter]"


def write(compact: Mapping[str, Any]) -> str:
    """Return the query string of a scenario's compact form; keys come in one order, always."""
    pairs = [(key, str(compact[key])) for key in ("saga", "mode") if key in compact]
    pairs += [("fault", fault_text(fault)) for fault in compact.get("faults", ())]
    # Not in the order of `compact`: a database that keeps JSON by its own lights may have changed that.
    others = [key for key in compact if key not in ("saga", "mode", "faults", *_IN_ORDER)]
    for key in (*sorted(others), *_IN_ORDER):
        if key in compact:
            pairs.append((key, _text(key, compact[key])))
    return urlencode(pairs, safe=":,@")


def read(query: str, ignore: Collection[str] = ()) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the scenario's JSON form, and what the grammar does not allow.

    What cannot be read stands in the form as its own text, so that a page can show it.
    """
    value: dict[str, Any] = {}
    errors: list[FieldError] = []
    try:
        pairs = parse_qsl(query.removeprefix("?"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return {}, [{"field": "", "message": f"an address holds at most {MAX_QUERY_FIELDS} values"}]
    for key, text in pairs:
        if key in ignore:
            continue
        try:
            _take(value, key, text)
        except _Unreadable as error:
            errors.append({"field": error.field, "message": error.message})
    return value, errors


class _Unreadable(Exception):
    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message


def _take(value: dict[str, Any], key: str, text: str) -> None:
    if key == "fault":
        faults = value.setdefault("faults", [])
        faults.append(text)
        faults[-1] = _fault(text, f"faults.{len(faults) - 1}")
        return
    if key in value:
        raise _Unreadable(key, "is given twice")
    value[key] = text
    value[key] = _READERS.get(key, _scalar)(text, key)


def _fault(text: str, field: str) -> dict[str, Any]:
    found = _FAULT.fullmatch(text)
    if found is None:
        raise _Unreadable(field, f"{shown(text)} does not read {FAULT_GRAMMAR}")
    fault: dict[str, Any] = {"step": found["step"], "kind": found["kind"]}
    if found["back"]:
        fault["on"] = "compensation"
    if found["times"]:
        fault["times"] = number(found["times"])
    if found["saga"]:
        fault["saga"] = number(found["saga"])
    return fault


def fault_text(fault: Mapping[str, Any]) -> str:
    """Return a fault as an address has it; `times` and `saga` may be missing or None."""
    back = ".compensation" if fault.get("on") == "compensation" else ""
    times = f":{fault['times']}" if fault.get("times") is not None else ""
    saga = f"@{fault['saga']}" if fault.get("saga") is not None else ""
    return f"{fault['step']}{back}:{fault['kind']}{times}{saga}"


def _retry(text: str, key: str) -> dict[str, Any]:
    parts = text.split(",")
    jitter = parts[-1] == "jitter"
    numbers = parts[:-1] if jitter else parts
    if not 3 <= len(numbers) <= 4:
        raise _Unreadable(key, f"{shown(text)} does not read {RETRY_GRAMMAR}")
    retry: dict[str, Any] = dict(zip((*_RETRY_KEYS, "max_ms"), map(number, numbers), strict=False))
    return {**retry, "jitter": True} if jitter else retry


def _retry_text(retry: Mapping[str, Any], key: str) -> str:
    defaults = {"max_attempts": 3 if key == "retry" else 4, "initial_ms": 200, "factor": 2.0}
    parts = [number_text(retry.get(name, default)) for name, default in defaults.items()]
    parts += [str(retry["max_ms"])] if "max_ms" in retry else []
    parts += ["jitter"] if retry.get("jitter") else []
    return ",".join(parts)


def _schedule(text: str, key: str) -> str | list[Any]:
    return [number(part) for part in text.split(",")] if text[0] in "0123456789-" else text


def _boolean(text: str, key: str) -> Any:
    if text not in _BOOLEANS:
        raise _Unreadable(key, f"must be on or off, not {shown(text)}")
    return _BOOLEANS[text]


def _scalar(text: str, key: str) -> Any:
    return text if key in ("saga", "mode", "key_scope", "lock") else number(text)


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "retry": _retry,
    "compensation_retry": _retry,
    "schedule": _schedule,
    "idempotency": _boolean,
}


def number(text: str) -> Any:
    """Return a number where the text is one, else the text itself: the model then says what is wrong."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def number_text(value: float) -> str:
    """Return a number as an address has it: the shortest text that reads as the same one."""
    return str(int(value)) if value == int(value) else repr(value)


def _text(key: str, value: Any) -> str:
    if key in ("retry", "compensation_retry"):
        return _retry_text(value, key)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(str(move) for move in value)
    return str(value)
