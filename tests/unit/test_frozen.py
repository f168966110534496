"""Copies of frozen dataclasses are those that the standard library makes."""

from __future__ import annotations

import dataclasses

import pytest

from sagas.entries import Entry, Kind
from sagas.frozen import replace
from sagas.state import Calls, SagaState


def test_a_copy_is_what_the_standard_library_returns() -> None:
    for instance, changes in (
        (Calls(attempts=2), {"ok": True, "due_at": 7}),
        (SagaState(saga="s"), {}),
        (Entry(kind=Kind.EFFECT), {"seq": 3, "at": 9}),
    ):
        made = replace(instance, **changes)
        assert made == dataclasses.replace(instance, **changes)
        assert made is not instance


def test_a_copy_is_frozen_and_an_unknown_field_is_refused() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(Calls(), ok=True).ok = False  # type: ignore[misc]
    with pytest.raises(TypeError, match="Calls has no field okay"):
        replace(Calls(), okay=True)
