"""What makes the API's description exact where its parts do not say enough by themselves."""

from __future__ import annotations

from typing import Any

PATTERNS = {"path": "^[-a-zA-Z0-9_]+$", "header": "^[!-~]([ -~]*[!-~])?$"}  # of an id, and of a key
REFUSAL = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problems"}}}}
ALWAYS = {403: "A page from elsewhere asks"}
OF_A_BODY = {413: "The body is too large", 415: "The body is not JSON by its own word", 422: "A field is wrong"}
OF_A_QUERY = {422: "A parameter is wrong"}
OURS, THEIRS = "#/components/schemas/", "#/$defs/"


def name(operation: dict[str, Any]) -> None:
    """Say what an id in a path looks like, and a key in a header: any other id is no address."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] in PATTERNS:
            parameter["schema"] = {**parameter["schema"], "type": "string", "pattern": PATTERNS[parameter["in"]]}


def refuse(operation: dict[str, Any]) -> None:
    """Add the refusals that every operation of its kind knows, where it says nothing of its own about them."""
    asked = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
    known = {**ALWAYS, **(OF_A_BODY if "requestBody" in operation else {}), **(OF_A_QUERY if asked else {})}
    responses = operation["responses"]
    for status, description in known.items():
        if not {status, str(status)} & set(responses):
            responses[status] = {"description": description, **REFUSAL}


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
