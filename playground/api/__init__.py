"""The JSON API (`/api/`), described by itself at `/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja.errors import ValidationError

from playground.api import asks, exports, forks, runs, sagas, scenarios
from playground.api.described import DescribedAPI
from playground.api.wire import problem, reply
from playground.scenario_errors import ScenarioInvalid
from sagas.errors import CommandRefused, DefinitionUnknown, RunUnknown, WorldNotRebuilt

api = DescribedAPI(
    title="Five Ledgers",
    version="1",
    description="Runs of sagas: start one, watch it, read what every service wrote down.",
    urls_namespace="api",
)
api.add_router("", runs.router)
api.add_router("", exports.router)
api.add_router("", asks.router)
api.add_router("", forks.router)
api.add_router("", sagas.router)
api.add_router("", scenarios.router)


@api.exception_handler(ScenarioInvalid)
def _wrong_fields(request: HttpRequest, error: ScenarioInvalid) -> HttpResponse:
    return reply({"errors": error.errors}, 422)


@api.exception_handler(ValidationError)
def _wrong_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [{"field": str(found["loc"][-1]), "message": found["msg"]} for found in error.errors]
    return reply({"errors": errors}, 422)


@api.exception_handler(RunUnknown)
def _unknown(request: HttpRequest, error: RunUnknown) -> HttpResponse:
    return problem(404, "id" if error.what == "run" else "saga", str(error))


@api.exception_handler(CommandRefused)
@api.exception_handler(DefinitionUnknown)
@api.exception_handler(WorldNotRebuilt)
def _senseless(request: HttpRequest, error: CommandRefused | DefinitionUnknown | WorldNotRebuilt) -> HttpResponse:
    return problem(409, "id", str(error))
