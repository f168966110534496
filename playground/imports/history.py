"""What an imported history is, and how its JSON is looked at: every complaint names a field. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from playground.scenario_errors import FieldError, shown
from sagas.definition import SagaDefinition, Step
from sagas.entries import Entry, entry_from_json

MAX_EVENTS = 2000
MAX_STEPS = 20
MAX_NAME = 60  # characters
MAX_REASON = 300
FIRST_YEAR, LAST_YEAR = 2000, 2200  # in which somebody may have run a saga

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class HistoryInvalid(ValueError):
    """JSON that is no history of this platform; `errors` names each field that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.errors: list[FieldError] = [{"field": field, "message": message}]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardStep:
    """One step as a history shows it; `undo` is empty where the history has none."""

    name: str
    service: str
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One execution of a saga elsewhere. `entries` are placed, numbered from 1, all in the orchestrator's lane or beside it."""

    platform: str
    title: str
    order: str
    steps: Sequence[HeardStep]
    entries: Sequence[Entry]
    finished: bool

    @property
    def definition(self) -> SagaDefinition:
        """What the history shows of the saga's definition."""
        return HeardDefinition(self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return everything, as `from_json` reads it."""
        return {
            "platform": self.platform,
            "title": self.title,
            "order": self.order,
            "steps": [asdict(step) for step in self.steps],
            "entries": [entry.to_json() for entry in self.entries],
            "finished": self.finished,
        }


def from_json(value: Mapping[str, Any]) -> History:
    """Return the history that `History.to_json` wrote."""
    return History(
        platform=value["platform"],
        title=value["title"],
        order=value["order"],
        steps=[HeardStep(**step) for step in value["steps"]],
        entries=[entry_from_json(entry) for entry in value["entries"]],
        finished=value["finished"],
    )


class HeardDefinition(SagaDefinition):
    """Somebody else's definition, as far as a history shows it. It has been run, so nothing of it is refused any more."""

    __slots__ = ()

    def __init__(self, steps: Sequence[HeardStep]) -> None:
        fixed = tuple(
            Step(
                step.name,
                service=step.service,
                action=_elsewhere,
                compensation=_elsewhere if step.undo else None,
                compensation_name=step.undo,
            )
            for step in steps
        )
        self._keep("elsewhere", 1, fixed)


def _elsewhere(*_: Any) -> None:
    raise AssertionError("a step of an imported history is never called here")


def slug(name: str) -> str:
    """Return a name as steps are called here: lower-case words joined by dashes."""
    return "-".join(word.lower() for word in _WORDS.findall(name))[:MAX_NAME].strip("-")


def parsed(field: str, text: str) -> Any:
    """Return a JSON value. Raises HistoryInvalid when the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise HistoryInvalid(field, "is not JSON" if text.strip() else "is missing") from None


def events_of(value: Any) -> list[Mapping[str, Any]]:
    """Return the events of a history. Raises HistoryInvalid when there are none, or too many."""
    events = value.get("events") if isinstance(value, Mapping) else value
    if not isinstance(events, list):
        raise HistoryInvalid("history.events", "must be a list: the events of one execution")
    if not 1 <= len(events) <= MAX_EVENTS:
        raise HistoryInvalid("history.events", f"must hold 1 to {MAX_EVENTS} events, not {len(events)}")
    for n, event in enumerate(events):
        if not isinstance(event, Mapping):
            raise HistoryInvalid(f"history.events.{n}", f"must be an object, not {shown(event)}")
    return events


def text_at(event: Mapping[str, Any], n: int, *path: str) -> str:
    """Return a text that an event must have. Raises HistoryInvalid without one."""
    found: Any = event
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found.strip():
        raise HistoryInvalid(f"history.events.{n}.{'.'.join(path)}", f"must be text, not {shown(found)}")
    return found


def number_at(event: Mapping[str, Any], n: int, *path: str) -> int:
    """Return a whole number that an event must have, as a number or as text. Raises HistoryInvalid without one."""
    found: Any = event
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, str) and re.fullmatch(r"[0-9]{1,18}", found):
        found = int(found)
    if type(found) is not int or not 0 <= found < 2**63:
        raise HistoryInvalid(f"history.events.{n}.{'.'.join(path)}", f"must be a whole number, not {shown(found)}")
    return found


def moment_at(event: Mapping[str, Any], n: int, key: str) -> int:
    """Return a time of an event in milliseconds since the epoch, from ISO 8601 or from seconds. Raises HistoryInvalid."""
    found = event.get(key)
    try:
        if isinstance(found, str):
            moment = datetime.fromisoformat(found)
            return _ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(found, int | float) and not isinstance(found, bool):
            return _ms(datetime.fromtimestamp(found, UTC))
    except (ValueError, OverflowError, OSError):
        pass
    raise HistoryInvalid(f"history.events.{n}.{key}", f"must be a time, not {shown(found)}")


def object_in(text: object) -> Mapping[str, Any]:
    """Return the object that a text holds as JSON; an empty one where it holds none, since a history may leave it out."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def short(text: object) -> str:
    """Return a reason as one printable line of at most MAX_REASON characters."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _ms(moment: datetime) -> int:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(moment)
    return round(moment.timestamp() * 1000)
