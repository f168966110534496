"""The API's own description, with examples that work when they are pasted."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from playground.api import precise
from playground.api.examples import EXAMPLES, Example, shell


class DescribedAPI(NinjaAPI):
    """An API whose schema carries an example of each request beside the answer that it gets, under one name."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the schema; an operation that has no examples is left as it is."""
        schema = super().get_openapi_schema(**options)
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                for example in EXAMPLES.get(f"{method.upper()} {path}", ()):
                    _show(operation, example)
                _tell(operation, method, path)
                precise.name(operation)
                precise.refuse(operation)
        precise.lift(schema)
        return schema


def _show(operation: dict[str, Any], example: Example) -> None:
    """Put an example beside each part of the request that it fills, and beside its answer."""
    for parameter in operation.get("parameters", ()):
        given = {"path": {"id": example.id}, "query": example.query}.get(parameter["in"], {})
        if parameter["name"] in given:
            parameter.setdefault("examples", {})[example.name] = {"value": given[parameter["name"]]}
    if example.body is not None:
        content = operation["requestBody"]["content"]["application/json"]
        content.setdefault("examples", {})[example.name] = {"value": example.body}
    responses = operation["responses"]
    response = responses.get(example.status) or responses[str(example.status)]
    content = response.setdefault("content", {}).setdefault(example.content_type, {})
    content.setdefault("examples", {})[example.name] = {"value": example.answer}


def _tell(operation: dict[str, Any], method: str, path: str) -> None:
    """Add the lines that try the operation to its description."""
    examples = EXAMPLES.get(f"{method.upper()} {path}", ())
    if examples:
        lines = shell(method, path, examples[0])
        operation["description"] = f"{operation.get('description', '')}\n\nTry it:\n\n```sh\n{lines}\n```"
