"""Takeaways: five rules, and for each a scenario that keeps it and one that breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from sagas import catalog, secondhand
from sagas.definition import SagaDefinition, Step
from sagas.errors import DefinitionInvalid
from sagas.services import shelf
from sagas.services.payments.handlers import charge_payment
from sagas.services.warehouse.handlers import notify_warehouse, recall_pick


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario of an act: where it is, and what it shows."""

    url: str
    shows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    name: str
    text: str
    figure: str
    kept: Case
    broken: Case
    found: Case | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of code; `back` says that it belongs to the way back."""

    text: str
    back: bool = False


RULES: Sequence[Rule] = (
    Rule(
        name="Design the way back first",
        text="For every step, write its opposite and test it before the step itself goes live. "
        "If a step has no opposite, put it last, or put a person in front of it.",
        figure="turn",
        kept=Case(
            url="/acts/2/?fault=notify-warehouse:error", shows="Step four breaks, and three opposites are written."
        ),
        broken=Case(url="/acts/0/?fault=notify-warehouse:error", shows="The same day without opposites."),
    ),
    Rule(
        name="Make every call safe to repeat",
        text="Silence forces a retry, so a retry must be harmless. Send a key made of the saga and the step; "
        "the service keeps its first answer under that key and gives it again.",
        figure="same",
        kept=Case(url="/acts/3/?fault=charge-payment:lost-reply:1", shows="Two requests, one charge."),
        broken=Case(
            url="/acts/3/?fault=charge-payment:lost-reply:1&idempotency=off", shows="Two requests, two charges."
        ),
    ),
    Rule(
        name="Give someone the whole picture",
        text="A chain of events has no one to miss the event that never came. One process that waits, writes down "
        "what it heard and can be asked is worth the extra hop.",
        figure="hub",
        kept=Case(
            url="/acts/2/?fault=notify-warehouse:timeout", shows="No answer comes; the one who waits turns back."
        ),
        broken=Case(
            url="/acts/1/?fault=notify-warehouse:timeout", shows="An event is lost, and in the left lane no one knows."
        ),
        found=Case(
            url="/lab/?mode=choreography&fault=notify-warehouse:drop-event",
            shows="Every run is a trace, and the last span is where it broke. Its page hands it out.",
        ),
    ),
    Rule(
        name="Mark it before you touch it",
        text="Between the first step and the last, other sagas can see your half-done work. Put the id of your order and "
        "the word PENDING on the record, honour that mark on every other record, and always lift your own.",
        figure="mark",
        kept=Case(url="/acts/4/?lock=wait", shows="The second buyer reads the mark and waits."),
        broken=Case(url="/acts/4/?lock=naive", shows="A flag set after looking, and the lamp is sold twice."),
    ),
    Rule(
        name="Sequence in the middle, rules at the edges",
        text="The orchestrator knows what comes next. It does not know whether a lamp is there to be sold. Whoever asks "
        "Inventory and then decides by the answer holds a second copy of its rule. The rule itself moves on; "
        "the copy goes on selling.",
        figure="edges",
        kept=Case(url="/lab/?stock=1&keep_back=1", shows="Inventory keeps its last lamp back, and says no itself."),
        broken=Case(
            url="/lab/?stock=1&keep_back=1&lock=off",
            shows="A copy of the rule has not heard of that, and sells the lamp in the window.",
        ),
    ),
)


def without_a_way_back() -> SagaDefinition:
    return SagaDefinition(
        "hasty-order",
        steps=[
            Step("charge-payment", service="payments", action=charge_payment),
            Step(
                "notify-warehouse",
                service="warehouse",
                action=notify_warehouse,
                compensation=recall_pick,
            ),
        ],
    )


def refusal() -> str:
    """Return why the engine refuses `without_a_way_back`, in its own words; "" if it does not."""
    try:
        without_a_way_back()
    except DefinitionInvalid as error:
        return f"{type(error).__name__}: {error}"
    return ""


def hasty_code() -> list[Line]:
    """Return the lines of `without_a_way_back`, as they are run."""
    body = inspect.getsource(without_a_way_back).splitlines()[1:]
    return [Line(line[4:], "compensation=" in line) for line in body]


def rule_held_twice() -> list[list[Line]]:
    """Return both copies of one stock rule as they are in use, each below the name of its file."""
    return [
        [Line(f"# {rule.__module__.replace('.', '/')}.py"), *map(Line, inspect.getsource(rule).splitlines())]
        for rule in (shelf.may_sell, secondhand.may_sell)
    ]


def saga_code(saga: str) -> list[Line]:
    """Return the lines of the newest definition of a saga of the catalog, as it is in use."""
    source = inspect.getsource(catalog)
    start = source.index(f"{saga.upper()} = SagaDefinition(")
    code = source[start : source.index("\n)\n", start) + 2]
    return [Line(line, "compensation=" in line) for line in code.splitlines()]
