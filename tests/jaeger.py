"""The shape of Jaeger's JSON, as strict models. Source: jaegertracing/jaeger, `model/json/model.go`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

TraceId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Microseconds = Annotated[int, Field(ge=0)]
TYPES = {"string": str, "bool": bool, "int64": int, "float64": float}


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class KeyValue(Strict):
    key: str
    type: Literal["string", "bool", "int64", "float64"]
    value: Any

    @model_validator(mode="after")
    def _is_what_it_says(self) -> KeyValue:
        if type(self.value) is not TYPES[self.type]:
            raise ValueError(f"{self.key} is no {self.type}")
        return self


class Log(Strict):
    timestamp: Microseconds
    fields: list[KeyValue]


class Reference(Strict):
    kind: Literal["CHILD_OF", "FOLLOWS_FROM"] = Field(alias="refType")
    trace: TraceId = Field(alias="traceID")
    span: SpanId = Field(alias="spanID")


class JaegerSpan(Strict):
    trace: TraceId = Field(alias="traceID")
    span: SpanId = Field(alias="spanID")
    name: str = Field(alias="operationName")
    references: list[Reference]
    began: Microseconds = Field(alias="startTime")
    duration: Microseconds
    tags: list[KeyValue]
    logs: list[Log]
    process: str = Field(alias="processID")


class Process(Strict):
    name: str = Field(alias="serviceName")
    tags: list[KeyValue]


class Trace(Strict):
    trace: TraceId = Field(alias="traceID")
    spans: list[JaegerSpan]
    processes: dict[str, Process]


class File(Strict):
    """What the query service answers with, and its page reads from a file."""

    data: list[Trace]
