"""What a saga came to on some engine, in the words in which engines are compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """How every order ended, what was undone for it, and what the services have on file.

    `ends`: the state of each order's saga. `undone`: of each order the names of its compensations, in the
    order in which the services did them. `books`: of each service its rows (order, kind, amount, key).
    """

    ends: dict[str, str]
    undone: dict[str, tuple[str, ...]]
    books: dict[str, list[tuple[str, str, int, str]]]
