"""What makes the API's description exact where its parts do not say enough by themselves."""

from __future__ import annotations

from typing import Any

ID = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
FORMAT = {"const": 1, "description": "The format in which the scenario is written down"}
OURS, THEIRS = "#/components/schemas/", "#/$defs/"


def name(operation: dict[str, Any]) -> None:
    """Say what an id in a path looks like: anything else is no address."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter["schema"] = {**parameter["schema"], **ID}


def lift(schema: dict[str, Any]) -> None:
    """Move the definitions that a body brings along to where its references can find them."""
    shapes = schema["components"]["schemas"]
    found: dict[str, Any] = {}
    schema["paths"] = _lifted(schema["paths"], found)
    shapes.update({title: _lifted(shape, found) for title, shape in list(found.items())})


def _lifted(value: Any, found: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_lifted(each, found) for each in value]
    if not isinstance(value, dict):
        return value
    found.update(value.get("$defs", {}))
    rest = {key: _lifted(each, found) for key, each in value.items() if key != "$defs"}
    reference = rest.get("$ref")
    if isinstance(reference, str) and reference.startswith(THEIRS):
        rest["$ref"] = OURS + reference.removeprefix(THEIRS)
    return rest
