"""Frozen dataclasses with slots, copied fast: a saga's state is copied thirty times on its way."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")

_set = object.__setattr__


def replace(instance: T, **changes: Any) -> T:
    """Return what `dataclasses.replace` returns, in less than half of the time.

    For a class with slots and without bases, `__post_init__` or fields that its constructor lacks. Raises
    TypeError for an unknown field.
    """
    cls: Any = instance.__class__
    if not changes.keys() <= cls.__dataclass_fields__.keys():
        raise TypeError(f"{cls.__name__} has no field {', '.join(changes.keys() - cls.__dataclass_fields__.keys())}")
    new = object.__new__(cls)
    for name in cls.__slots__:
        _set(new, name, changes[name] if name in changes else getattr(instance, name))
    return new  # type: ignore[no-any-return]
