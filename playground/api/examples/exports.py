"""Examples: runs as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground import export
from playground.api.examples.one import RUN, Example, problem

BEGINNINGS: Mapping[str, str] = {
    "journal": '{\n "format": "five-ledgers/journal",\n "format_version": 1,\n …',
    "mermaid": "sequenceDiagram\n  title Run …: ord-8412 completed\n  participant driver as Orchestrator\n  …",
    "otlp": '{\n "resourceSpans": [\n …',
    "jaeger": '{\n "data": [\n …',
    "pytest": '"""Run … of Five Ledgers, as a test: it is run again, and must come to the same.\n…',
    "asl": "PK…",
    "temporal": "PK…",
    "durable": "PK…",
}

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "GET /api/runs/{id}/export": (
        *(
            Example(
                name=name,
                id=RUN,
                query={"format": name},
                status=200,
                answer=BEGINNINGS[name],
                content_type=form.content_type.partition(";")[0],
            )
            for name, form in export.FORMATS.items()
        ),
        Example(
            name="no format at all",
            id=RUN,
            query={"format": "pdf"},
            status=422,
            answer=problem("format", "must be journal, mermaid, otlp or …"),
        ),
        Example(
            name="no such run",
            id="nothing",
            query={"format": "journal"},
            status=404,
            answer=problem("id", "no run 'nothing'"),
        ),
    ),
}
