"""The lab's form as its templates need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.lab import settings
from playground.lab.draft import Draft
from playground.lab.faults import MORE, Faults, faults_of
from playground.lab.linted import linted
from playground.scenario import Scenario


def context_of(draft: Draft) -> dict[str, Any]:
    """Return the template variables of the form: its fields, and `errors` with the field of each."""
    faults = faults_of(draft)
    labels = _labels(faults)
    errors = [
        {"field": name, "label": labels.get(name, name), "message": message}
        for name, message in _placed(draft, faults.names, frozenset(labels))
    ]
    return {
        "draft": draft,
        "shown": shown(draft),
        "query": draft.scenario.query() if draft.scenario else "",
        "modes": settings.MODES,
        "sagas": settings.sagas(),
        "columns": faults.columns,
        "more": "\n".join(faults.lines),
        "more_places": ",".join(map(str, faults.places)),
        "frequent": settings.fields_of(draft, settings.FREQUENT),
        "groups": [(title, settings.fields_of(draft, group)) for title, group in settings.MORE],
        "opened": _is_unusual(draft, faults),
        "errors": errors,
        "wrong": _joined(errors),
        "linted": linted(draft.scenario),
    }


def _joined(errors: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what is wrong with each field, by its name."""
    wrong: dict[str, str] = {}
    for error in errors:
        wrong[error["field"]] = (
            f"{wrong[error['field']]}; {error['message']}" if error["field"] in wrong else error["message"]
        )
    return wrong


def shown(draft: Draft) -> str:
    """Return what the layout of faults and stage depends on; a form says by it which one it has."""
    return f"{draft.definition.name}/{draft.mode}/" + ";".join(faults_of(draft).lines)


def _placed(draft: Draft, names: Sequence[str], known: frozenset[str]) -> list[tuple[str, str]]:
    """Return each error as the field that it belongs to and its words."""
    found = []
    for error in draft.errors:
        first, _, rest = error["field"].partition(".")
        field = error["field"]
        message = error["message"]
        if first == "faults" and rest:
            n = rest.partition(".")[0]
            field = names[int(n)] if n.isdigit() and int(n) < len(names) else "faults"
            message = f"line {names[: int(n) + 1].count(MORE)}: {message}" if field == MORE else message
        elif field not in known:
            field = first if first in known else field
        found.append((field, message))
    return found


def _labels(faults: Faults) -> dict[str, str]:
    """Return what each field is called, by name."""
    labels = {"mode": "Mode", "saga": "Saga", "retry": "Calls", "compensation_retry": "Undos", "faults": "Faults"}
    labels |= {setting.name: setting.label for setting in settings.FREQUENT}
    labels |= {setting.name: setting.label for _, group in settings.MORE for setting in group}
    labels |= {slot.name: slot.label for column in faults.columns for slot in column.slots}
    return {**labels, MORE: "More faults"}


def _is_unusual(draft: Draft, faults: Faults) -> bool:
    """Return whether a setting that is folded away says something, or is wrong."""
    folded = [setting.name for _, group in settings.MORE for setting in group]
    plain = settings.fields_of(Draft(Scenario().full()), [s for _, group in settings.MORE for s in group])
    given = settings.fields_of(draft, [s for _, group in settings.MORE for s in group])
    wrong: Mapping[str, bool] = {error["field"]: True for error in draft.errors}
    return bool(faults.lines) or plain != given or any(name in wrong for name in folded)
