"""A worker of another release: `python -m tests.versioned 2 3` is a `sagaworker` that has the order in these versions only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import django


def have(versions: Iterable[int]) -> None:
    """Know the order in these versions and no other; they have the same steps."""
    from sagas import catalog
    from sagas.definition import SagaDefinition

    for key in [key for key in catalog.DEFINITIONS if key[0] == "order"]:
        del catalog.DEFINITIONS[key]
    for version in versions:
        catalog.register(SagaDefinition("order", version=version, steps=catalog.ORDER.steps))


@contextmanager
def having(*versions: int) -> Iterator[None]:
    """Know the order in these versions and no other for a while, as a process of another release would."""
    from sagas import catalog

    before = dict(catalog.DEFINITIONS)
    try:
        have(versions)
        yield
    finally:
        catalog.DEFINITIONS.clear()
        catalog.DEFINITIONS.update(before)


if __name__ == "__main__":
    django.setup()
    from django.core.management import call_command

    have([int(word) for word in sys.argv[1:]])
    call_command("sagaworker")
