"""A saga engine: definitions in code, a journal that is the truth, one driver per run."""

from __future__ import annotations

from sagas.definition import Retry, SagaDefinition, Step, StepKind

__all__ = ["Retry", "SagaDefinition", "Step", "StepKind"]
