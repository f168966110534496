"""The API's description is exact, and every refusal under `/api/` is JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from playground.api import api
from playground.scenario import Scenario

pytestmark = pytest.mark.usefixtures("engine_databases")


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return dict(api.get_openapi_schema(path_prefix="/api/"))


def every(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every(each)


def test_every_reference_leads_to_a_shape(description: dict[str, Any]) -> None:
    shapes = description["components"]["schemas"]
    references = [found["$ref"] for found in every(description) if isinstance(found.get("$ref"), str)]
    assert {"FaultSpec", "RetrySpec", "Problems"} <= {reference.rpartition("/")[2] for reference in references}
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in shapes
    assert not any("$defs" in found for found in every(description))


def test_every_operation_says_how_it_refuses(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            known = {int(status) for status in operation["responses"]}
            assert 403 in known, path
            assert method != "post" or {413, 415, 422} <= known, path


def test_the_shape_of_a_scenario_is_as_narrow_as_the_scenario(description: dict[str, Any]) -> None:
    body = description["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(Scenario.model_fields)
    assert body["additionalProperties"] is False
    assert body["properties"]["saga"]["enum"] == ["order", "trip"]
    (moves,) = (each for each in body["properties"]["schedule"]["anyOf"] if each["type"] == "array")
    assert (moves["minItems"], moves["maxItems"], moves["items"]["minimum"]) == (1, 200, 0)
    assert "charge-payment" in description["components"]["schemas"]["FaultSpec"]["properties"]["step"]["enum"]


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/api/nothing", 404, ""),
        ("POST", "/api/", 404, ""),
        ("GET", "/api/runs/a%20b/journal", 404, ""),
        ("POST", "/api/runs/%00/pause", 404, ""),
        ("GET", "/api/runs", 405, "method"),
        ("DELETE", "/api/scenarios", 405, "method"),
        ("GET", "/api/runs/nothing/scenes?saga=%00", 404, "id"),
    ],
)
def test_what_is_not_there_is_said_in_json(method: str, path: str, status: int, field: str) -> None:
    answer = Client().generic(method, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json()["errors"][0]["field"] == field
    assert (status == 405) == ("Allow" in answer.headers)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_host_that_is_not_ours_is_refused_in_json() -> None:
    answer = Client().get("/api/runs/nothing", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json() == {"errors": [{"field": "", "message": "the request cannot be read"}]}
