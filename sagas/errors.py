"""What can go wrong, as types that carry facts. One root: `SagaError`."""

from __future__ import annotations


class SagaError(Exception):
    """Root of every error that the engine raises on purpose."""


class DefinitionInvalid(SagaError):
    """A saga definition that could not be undone, refused when it is made."""

    def __init__(self, definition: str, reason: str, step: str = "") -> None:
        super().__init__(definition, reason, step)
        self.definition = definition
        self.reason = reason
        self.step = step

    def __str__(self) -> str:
        place = f"step {self.step!r} of saga {self.definition!r}" if self.step else f"saga {self.definition!r}"
        return f"{place}: {self.reason}"


class DefinitionUnknown(SagaError):
    """A saga names a definition, or a version of one, that this process does not have."""

    def __init__(self, name: str, version: int) -> None:
        super().__init__(name, version)
        self.name = name
        self.version = version

    def __str__(self) -> str:
        return f"no definition {self.name!r} in version {self.version}"


class PlanInvalid(SagaError):
    """A run plan with a field that makes no sense; `field` is its dotted path."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class LeaseLost(SagaError):
    """Another worker drives the run now; this one must write nothing more."""

    def __init__(self, run: str, epoch: int) -> None:
        super().__init__(run, epoch)
        self.run = run
        self.epoch = epoch

    def __str__(self) -> str:
        return f"run {self.run}: lease of epoch {self.epoch} is lost"


class JournalConflict(SagaError):
    """An append that does not follow the run's last entry, or that the database refused."""

    def __init__(self, run: str, reason: str) -> None:
        super().__init__(run, reason)
        self.run = run
        self.reason = reason

    def __str__(self) -> str:
        return f"journal of run {self.run}: {self.reason}"


class SimulationStuck(SagaError):
    """A simulated run that has not ended, and in which nothing can happen any more or too much has."""


class ServiceMisused(SagaError):
    """A handler or a call that breaks the contract of `sagas.services.base`."""


class RunUnknown(SagaError):
    """No run, or no saga, of that id."""

    def __init__(self, what: str, identifier: str) -> None:
        super().__init__(what, identifier)
        self.what = what
        self.identifier = identifier

    def __str__(self) -> str:
        return f"no {self.what} {self.identifier!r}"


class CommandRefused(SagaError):
    """An operator's command that makes no sense in the state that the run is in; `reason` says why, if not the state."""

    def __init__(self, command: str, state: str, reason: str = "") -> None:
        super().__init__(command, state, reason)
        self.command = command
        self.state = state
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot {self.command}: {self.reason or f'the state is {self.state!r}'}"


class CommandIncomplete(SagaError):
    """An operator's command without something that it needs; `field` is its name."""

    def __init__(self, command: str, field: str) -> None:
        super().__init__(command, field)
        self.command = command
        self.field = field

    def __str__(self) -> str:
        return f"{self.command} needs {self.field!r}: an operator's act says who, why and by what right"
