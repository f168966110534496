"""The stream's benchmark, small: over real sockets, and it would notice a message that is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.benchmarks.rounds import QUICK
from tests.benchmarks.stream import crowd, fanout, slow
from tests.benchmarks.stream.contenders import BARE, HUB, STOCK, serving
from tests.benchmarks.stream.crowd import Crowd, Served
from tests.benchmarks.stream.sockets import Lost


@pytest.fixture(scope="module")
def served() -> Iterator[Mapping[str, Served]]:
    with serving((HUB, STOCK, BARE)) as servers:
        yield servers


def test_every_way_brings_every_message_to_everybody(served: Mapping[str, Served]) -> None:
    rates, times, _ = fanout.measure(QUICK, served)
    assert {figure.name for figure in rates.figures} == set(served)
    assert all(figure.value > 0 for table in (rates, times) for figure in table.figures)
    assert {(ratio.name, ratio.setting) for ratio in rates.ratios} >= {(f"{HUB} / {STOCK}", "20")}


def test_who_does_not_read_is_slow_and_the_others_get_everything(served: Mapping[str, Served]) -> None:
    table = slow.measure(QUICK, {HUB: served[HUB]})
    assert len(table.ratios) == 1


def test_who_reads_late_has_lost_nothing(served: Mapping[str, Served]) -> None:
    with Crowd(served[HUB], 2, "json", slow=4, flood=25_000) as crowd:
        crowd.check_slow()
        crowd.wake_deaf()


def test_a_message_that_is_lost_is_noticed(served: Mapping[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "SILENCE_SECONDS", 1)
    for way, view in ((BARE, ""), (HUB, "json")):
        with Crowd(served[way], 3, view) as readers:
            assert len(readers.steady(100, 4)) == 3 * 4
            served[way].ask("lose")
            with pytest.raises(Lost, match=r"3 of 3 readers wait for message 5"):
                readers.steady(100, 0)
    with Crowd(served[BARE], 3) as readers:
        served[BARE].ask("lose")
        with pytest.raises(Lost, match="message 2 came after message 0"):
            readers.steady(100, 1)
