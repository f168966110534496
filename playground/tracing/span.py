"""A span, as every form of it is written from: OTLP, Jaeger's JSON and the SDK's own. Pure.

Numbers are those of OTLP. Source: opentelemetry-proto, `trace.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

NAMESPACE = "five-ledgers"  # of all services, and the name of what makes the spans

Value = str | int | bool


class SpanKind(IntEnum):
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Code(IntEnum):
    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    name: str
    at_ms: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """Another span of the same trace, and why it is pointed at."""

    span: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span of a run's trace. `parent` is "" for the first of all; `message` says what an error was.

    `reported` is True for what a service did, as far as a journal has it: the service traces that itself.
    """

    service: str
    trace: str
    id: str
    parent: str
    name: str
    kind: SpanKind
    began_ms: int
    ended_ms: int
    attributes: Mapping[str, Value]
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()
    code: Code = Code.UNSET
    message: str = ""
    reported: bool = field(default=False)
