"""A run as a file to take away, over HTTP."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.decorators import decorate_view
from pydantic import WithJsonSchema

from playground import export
from playground.api.shapes import Problems
from playground.api.wire import CONTENT_TYPE, from_our_pages, problem
from playground.reads import counted
from playground.scenario_errors import listed

FORMATS = tuple(export.FORMATS)

Format = Query[Annotated[str, WithJsonSchema({"type": "string", "enum": list(FORMATS)})]]

router = Router(tags=["runs"])

_KINDS = {form.content_type.partition(";")[0] for form in export.FORMATS.values()}
_FILES = {kind: {"schema": {"type": "object" if kind == CONTENT_TYPE else "string"}} for kind in sorted(_KINDS)}


@router.get(
    "/runs/{slug:id}/export",
    response={404: Problems, 409: Problems, 422: Problems, 429: Problems},
    summary="A run as a file",
    openapi_extra={"responses": {200: {"description": "The file", "content": _FILES}}},
)
@decorate_view(counted, from_our_pages)
def export_run(request: HttpRequest, id: str, format: Format) -> HttpResponse:
    """`journal`: all of it as JSON. `mermaid`: a sequence diagram. `otlp`, `jaeger`: its trace.

    `pytest`: a test that runs it again. `asl`: its saga as a project for AWS Step Functions, as a zip. `temporal`,
    `durable`: the same for Temporal and for Durable Functions.
    """
    if format not in FORMATS:
        return problem(422, "format", f"must be {listed(FORMATS)}")
    try:
        file = export.export(id, format)
    except export.ExportRefused as error:
        return problem(409, "format", str(error))
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return HttpResponse(file.text, content_type=file.content_type, headers=headers)
