"""A run to take away: one module a format, and the registry that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playground.export import asl, durable, jaeger, journal, mermaid, otlp, pytestfile, temporal
from playground.export.taken import ExportRefused, Taken, take

__all__ = ["FORMATS", "ExportRefused", "File", "export"]


@dataclass(frozen=True, slots=True)
class Format:
    """How a run is written, as text or as bytes: `{}` of `name` is the run's id."""

    write: Callable[[Taken], str | bytes]
    name: str
    content_type: str


@dataclass(frozen=True, slots=True)
class File:
    """A run in one format, under the name that it would be saved with."""

    name: str
    content_type: str
    text: str | bytes


FORMATS: Mapping[str, Format] = {
    "journal": Format(journal.write, "run-{}.json", "application/json"),
    "mermaid": Format(mermaid.write, "run-{}.mmd", "text/vnd.mermaid; charset=utf-8"),
    "otlp": Format(otlp.write, "run-{}.otlp.json", "application/json"),
    "jaeger": Format(jaeger.write, "run-{}.jaeger.json", "application/json"),
    "pytest": Format(pytestfile.write, "test_run_{}.py", "text/x-python; charset=utf-8"),
    "asl": Format(asl.write, "run-{}.asl.zip", "application/zip"),
    "temporal": Format(temporal.write, "run-{}.temporal.zip", "application/zip"),
    "durable": Format(durable.write, "run-{}.durable.zip", "application/zip"),
}


def export(run_id: str, name: str) -> File:
    """Return a run in a format of FORMATS.

    Raises RunUnknown, DefinitionUnknown for a run whose definition this process lacks, and
    ExportRefused where a run cannot be written this way.
    """
    taken = take(run_id)
    found = FORMATS[name]
    return File(found.name.format(run_id), found.content_type, found.write(taken))
