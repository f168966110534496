"""A clock that is put right by one that all machines ask."""

from __future__ import annotations

import pytest

from sagas.clock import SharedClock

WRONG_BY_MS = 86_400_000


class Machine(SharedClock):
    """It says what it is told to, one number after the other."""

    def __init__(self, *says: int) -> None:
        super().__init__()
        self._says = list(says)

    def machine(self) -> int:
        return self._says.pop(0)


def test_a_clock_that_is_wrong_is_put_right_and_stays_right() -> None:
    clock = Machine(1000 + WRONG_BY_MS, 1010 + WRONG_BY_MS, 2000 + WRONG_BY_MS)
    assert clock.put_right(lambda: 1005) == -WRONG_BY_MS
    assert clock.now() == 2000


@pytest.mark.parametrize(("shared", "moved"), [(995, 0), (1000, 0), (1010, 0), (1015, 0), (1016, 11), (994, -11)])
def test_it_moves_only_when_it_cannot_be_right(shared: int, moved: int) -> None:
    assert Machine(1000, 1010).put_right(lambda: shared) == moved


def test_where_there_is_no_other_clock_the_machines_own_stands() -> None:
    clock = Machine(1000, 1010, 1020)
    assert clock.put_right(lambda: None) == 0
    assert clock.now() == 1020
