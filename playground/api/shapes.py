"""The shapes of the answers, for the API's own description of itself."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field


class FieldProblem(Schema):
    field: str = Field(description="Dotted path, such as faults.0.kind; empty for the whole request")
    message: str


class Problems(Schema):
    errors: list[FieldProblem]


class Made(Schema):
    id: str
    url: str
    journal_url: str
    socket_url: str


class Cause(Schema):
    step: str
    op: str
    outcome: str
    reason: str


class CompensationShape(Schema):
    name: str
    state: str
    attempts: int


class StepShape(Schema):
    name: str
    service: str
    state: str
    attempts: int
    key: str
    compensation: CompensationShape | None


class SagaShape(Schema):
    id: str
    order: str
    state: str
    cause: Cause | None
    steps: list[StepShape]


class RowShape(Schema):
    n: int
    order: str
    kind: str
    amount: int
    key: str
    at: str


class PendingShape(Schema):
    record: str
    owner: str


class ServiceShape(Schema):
    ledger: list[RowShape]
    pending: list[PendingShape]


class Facts(Schema):
    charged: int = Field(description="Cents, before refunds")
    refunded: int = Field(description="Cents")
    charges: int
    units_held: int
    units_sold: int
    stock_left: int
    orders_confirmed: int
    picks_active: int
    slots_booked: int
    rooms_booked: int
    tickets_sent: int
    pending: int
    double_charges: int
    oversold: int
    kept_back_sold: int
    consistent: bool
    violations: list[str]


class RunShape(Schema):
    id: str
    url: str
    state: str
    scenario: dict[str, Any]
    sagas: list[SagaShape]
    services: dict[str, ServiceShape]
    facts: Facts


class EntryShape(Schema):
    seq: int
    at: str
    lane: str
    saga: str | None
    order: str | None
    kind: str
    step: str | None
    op: str | None
    attempt: int | None
    key: str | None
    detail: dict[str, Any]


class JournalPage(Schema):
    entries: list[EntryShape]
    finished: bool


class Frame(Schema):
    entry: EntryShape
    scene: dict[str, Any]


class ScenesPage(Schema):
    frames: list[Frame]
    finished: bool


class Kept(Schema):
    slug: str = Field(description="The scenario's content hash: the same on every server")
    url: str = Field(description="The short link, which opens the lab with the scenario")


class Accepted(Schema):
    id: str
    state: str
