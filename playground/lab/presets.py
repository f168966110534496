"""Stories that the lab can open with: each a scenario, and one sentence on how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Preset:
    """`query` is the scenario's canonical address."""

    name: str
    says: str
    query: str

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return Scenario.from_query(self.query)


PRESETS: Sequence[Preset] = (
    Preset(
        "A good day",
        "Nothing goes wrong: one charge, one lamp sold, and every lock lifted.",
        "",
    ),
    Preset(
        "Step four refuses",
        "The warehouse declines, three undos run newest first, and every ledger nets to zero.",
        "fault=notify-warehouse:decline",
    ),
    Preset(
        "No saga at all",
        "The same refusal without a way back: the card stays charged, the lamp stays held, and no one knows.",
        "mode=none&fault=notify-warehouse:decline",
    ),
    Preset(
        "The reply is lost",
        "Payments charges and its answer dies; the second call gets the kept answer, so there is one charge.",
        "fault=charge-payment:lost-reply:1",
    ),
    Preset(
        "The reply is lost, without keys",
        "The second call charges again: two charges for one lamp.",
        "fault=charge-payment:lost-reply:1&idempotency=off",
    ),
    Preset(
        "A key without the step",
        "The refund gets the answer that was kept for the charge and takes it for its own, so nothing is ever refunded.",
        "fault=book-delivery:decline&key_scope=order",
    ),
    Preset(
        "A message that comes late",
        "The charge arrives after its own refund, finds the marker, and is turned away at the fence.",
        "fault=charge-payment:late&retry=1,200,2",
    ),
    Preset(
        "Death after the call",
        "The orchestrator dies with the charge made and unrecorded; another reads the journal, asks again, and completes.",
        "fault=charge-payment:crash-after",
    ),
    Preset(
        "An undo that never works",
        "The refund fails four times, a person is paged, and the lamp stays locked until someone decides.",
        "fault=charge-payment.compensation:error&fault=book-delivery:decline",
    ),
    Preset(
        "Out of time",
        "The deadline falls in the middle of the order, so the saga turns back and undoes what it did.",
        "deadline_ms=600",
    ),
    Preset(
        "An event is dropped",
        "Nobody calls anybody; the event for the warehouse is lost, and so is the order, half done.",
        "mode=choreography&fault=notify-warehouse:drop-event",
    ),
    Preset(
        "An event is dropped, with a watcher",
        "The same loss under a watcher with a timeout: it notices the silence and has the order undone.",
        "mode=choreography&fault=notify-warehouse:drop-event&watcher_ms=2000",
    ),
    Preset(
        "Eight orders, three lamps, a line",
        "Eight orders ask at once and wait in line: three get a lamp, five are refused, none is oversold.",
        "orders=8&lock=wait",
    ),
    Preset(
        "Eight orders, three lamps, no lock",
        "All eight look before any of them takes: eight lamps are sold of three.",
        "orders=8&lock=off",
    ),
    Preset(
        "The first in line falls out",
        "The first order holds the one lamp and breaks at its last step; the lamp passes straight to the second.",
        "fault=book-delivery:decline@0&orders=2&stock=1&lock=wait&schedule=0,1",
    ),
    Preset(
        "A busy afternoon",
        "Six orders and four troubles: a lost reply, a death, a refusal and an undo that fails twice, each in an order of its own.",
        "fault=charge-payment:lost-reply:1@1&fault=create-order:crash-before@2&fault=notify-warehouse:decline@3"
        "&fault=book-delivery:decline@4&fault=charge-payment.compensation:error:2@4&orders=6&stock=10",
    ),
)
