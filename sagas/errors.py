"""What can go wrong, as types that carry facts. One root: `SagaError`."""

from __future__ import annotations


class SagaError(Exception):
    """Root of every error that the engine raises on purpose."""


class DefinitionInvalid(SagaError):
    """A saga definition that could not be undone, refused when it is made.

    `declared` is what was refused, a `sagas.definition.Declaration`, so that a linter can say
    all that is wrong with it; None where there was nothing to refuse as a whole.
    """

    def __init__(self, definition: str, reason: str, step: str = "") -> None:
        super().__init__(definition, reason, step)
        self.definition = definition
        self.reason = reason
        self.step = step
        self.declared: object = None

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


class EngineNotReady(SagaError):
    """A saga cannot be started yet: `sagas` is not among the installed apps, or they are not set up."""

    def __str__(self) -> str:
        return "the engine is not ready: install the app 'sagas.apps.SagasConfig' and call django.setup()"


class ServiceUnknown(SagaError):
    """A step of a saga is in a service that this process does not have."""

    def __init__(self, definition: str, service: str) -> None:
        super().__init__(definition, service)
        self.definition = definition
        self.service = service

    def __str__(self) -> str:
        return f"saga {self.definition!r} needs the service {self.service!r}, and there is none of that name"


class KeyReused(SagaError):
    """A saga was started under this key before, with another payload."""

    def __init__(self, definition: str, key: str) -> None:
        super().__init__(definition, key)
        self.definition = definition
        self.key = key

    def __str__(self) -> str:
        return f"the key {self.key!r} of saga {self.definition!r} was used with another payload"


class WorldNotRebuilt(SagaError):
    """A run whose services' past cannot be told from its journal, so that it cannot be forked there."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(service, reason)
        self.service = service
        self.reason = reason

    def __str__(self) -> str:
        return f"the world cannot be built again from this journal: {self.service}: {self.reason}"


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


class WebhookInvalid(SagaError):
    """The address that alerts are to be told to is none."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return f"SAGA_ALERT_WEBHOOK must be an http or https address, not {self.url!r}"


class WorkDied(SagaError):
    """An attempt whose worker is gone at this point, because the run's plan says so: it is to be tried again."""

    def __init__(self, run: str, key: str) -> None:
        super().__init__(run, key)
        self.run = run
        self.key = key

    def __str__(self) -> str:
        return f"run {self.run}: the worker died over {self.key}"


class EngineMissing(SagaError):
    """The engine that new runs are for is not installed."""

    def __init__(self, engine: str, module: str) -> None:
        super().__init__(engine, module)
        self.engine = engine
        self.module = module

    def __str__(self) -> str:
        return f"SAGA_ENGINE={self.engine} needs {self.module}: pip install 'saga-playground[{self.engine}]'"
