"""What a service can be asked to do over HTTP: its actions, their compensations and its settlements, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sagas import catalog
from sagas.definition import Handler, SagaDefinition, Step
from sagas.entries import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a service. `step` is the action that it does, undoes or, with `op` None, makes final."""

    service: str
    name: str
    handler: Handler
    op: Op | None
    step: str


def settlement_name(step: Step) -> str:
    """Return what a step's settlement is called, or "" where it has none: its handler's own name, with dashes."""
    return str(getattr(step.settlement, "__name__", "")).replace("_", "-")


def of_definition(definition: SagaDefinition) -> Iterator[Command]:
    """Yield the commands that a saga of this definition needs."""
    for step in definition.steps:
        ways: Iterable[tuple[str, Handler | None, Op | None]] = (
            (step.name, step.action, Op.ACTION),
            (step.compensation_name, step.compensation, Op.COMPENSATION),
            (settlement_name(step), step.settlement, None),
        )
        for name, handler, op in ways:
            if handler is not None:
                yield Command(service=step.service, name=name, handler=handler, op=op, step=step.name)


COMMANDS: Mapping[tuple[str, str], Command] = {
    (command.service, command.name): command
    for name in catalog.DEMOS
    for command in of_definition(catalog.definition(name))
}
