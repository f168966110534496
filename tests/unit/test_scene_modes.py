"""The stage where five calls are made in a row, and where nobody drives at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from playground import wording
from playground.scene import idle_scene, sentence
from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op
from sagas.plan import RunPlan
from tests.builders import ACTION, COMPENSATION, ORDER, called, fact, failed, queued, scheduled, unknown
from tests.unit.scenes import (
    CHOREO,
    NAIVE,
    SAYS,
    abandoned,
    announced,
    chorus,
    effect,
    faces,
    heard,
    last,
    leg,
    observed,
    of_service,
    reacted,
    worked,
)

FIRST_THREE = ("reserve-inventory", "create-order", "charge-payment")
LOST = replace(fact(Kind.SAGA_LOST, standing=[]), lane=Lane.OBSERVER)


def naive(*entries: Entry) -> dict[str, Any]:
    return last(*entries, plan=NAIVE)


def test_a_checkout_has_no_way_back() -> None:
    scene = idle_scene(NAIVE, ORDER)
    assert scene["plan"] == "naive"
    assert scene["orch"] == {"state": "idle", "word": "waiting", "title": "Checkout"}
    assert [one["undo"]["state"] for one in scene["legs"]] == ["skipped"] * 5
    assert scene["facts"]["knows"] == "no one"


def test_a_checkout_that_works_looks_like_a_saga_that_works() -> None:
    scene = naive(*worked(*FIRST_THREE))
    assert scene["orch"] == {"state": "running", "word": "calling", "title": "Checkout"}
    assert scene["facts"]["knows"] == "the caller"
    scene = naive(*worked(*FIRST_THREE, "notify-warehouse", "book-delivery"), fact(Kind.SAGA_COMPLETED))
    assert scene["say"] == "All 5 steps are done. The card is charged $49.00. The lamp ships."
    assert (scene["end"], scene["facts"]["knows"]) == ("done", "the caller")


def test_an_abandoned_checkout_leaves_everything_as_it_is() -> None:
    broken = [called("notify-warehouse"), failed("notify-warehouse")]
    scene = naive(*worked(*FIRST_THREE), *broken, abandoned("notify-warehouse"), observed(Kind.RUN_FINISHED))
    assert scene["say"] == (
        "notify-warehouse failed. $49.00 is charged, 1 lamp is held, nothing ships. No one will undo it."
    )
    assert [one["stop"]["state"] for one in scene["legs"]] == ["done", "done", "done", "failed", "skipped"]
    assert faces(scene, "notify-warehouse") == ("failed", "skipped", "failed")
    assert leg(scene, "book-delivery")["service"]["word"] == "not called"
    assert not any(one["turn"] for one in scene["legs"])
    assert (scene["end"], scene["orch"]["word"], scene["facts"]["knows"]) == ("failed", "abandoned", "no one")


def test_a_checkout_that_hears_nothing_does_not_know_what_it_leaves() -> None:
    silent = [called("charge-payment"), effect("charge-payment"), unknown("charge-payment")]
    scene = naive(*worked("reserve-inventory", "create-order"), *silent)
    assert scene["say"] == "Payments did the work, but its answer is lost. The caller cannot tell."
    scene = naive(*worked("reserve-inventory", "create-order"), *silent, abandoned("charge-payment", "unknown"))
    assert scene["say"].startswith("charge-payment never answered. $49.00 is charged, 1 lamp is held,")


def test_a_checkout_that_fails_at_once_leaves_nothing() -> None:
    refused = [called("reserve-inventory"), failed("reserve-inventory", retryable=False)]
    scene = naive(*refused, abandoned("reserve-inventory"))
    assert scene["say"] == "reserve-inventory failed. Nothing was done before it."


def test_what_is_left_names_the_pick_and_the_van_as_well() -> None:
    four = worked(*FIRST_THREE, "notify-warehouse")
    lost_reply = [called("book-delivery"), effect("book-delivery"), unknown("book-delivery")]
    assert naive(*four, *lost_reply, abandoned("book-delivery", "unknown"))["say"] == (
        "book-delivery never answered. $49.00 is charged, 1 lamp is held, the pick waits, a van is booked, "
        "nothing ships. No one will undo it."
    )


def test_a_checkout_that_waits_in_vain_says_so() -> None:
    scene = naive(called("reserve-inventory"), queued("reserve-inventory"), abandoned("reserve-inventory", "unknown"))
    assert scene["say"] == ("reserve-inventory waits for a record that nobody gives back. Nothing was done before it.")


def test_of_another_order_no_more_is_said_than_is_known() -> None:
    assert sentence(abandoned("charge-payment")) == "The order is abandoned. No one will undo what was done of it."
    assert sentence(LOST) == "Nothing of the order is in flight. It is half done, and no one knows."


def hops(scene: dict[str, Any]) -> list[str]:
    return [one["hop"]["state"] for one in scene["legs"]]


def out(*steps: str) -> list[Entry]:
    """Return steps that are done one after the other."""
    return [entry for step in steps for entry in reacted(step)]


def dropped(step: str, event: str = "", op: Op = ACTION) -> Entry:
    return heard(Kind.EVENT_DROPPED, step, event or SAYS[step][0], op)


def test_every_service_listens_for_the_event_that_its_own_table_names() -> None:
    tables = [*catalog.SUBSCRIPTIONS.values(), *catalog.TRIP_SUBSCRIPTIONS.values()]
    starts = {sub.step: event for table in tables for event, sub in table.items() if sub.op is ACTION}
    assert starts == wording.HEARS
    assert {step: said[0] for step, said in SAYS.items()} == {step.name: starts[step.name] for step in ORDER.steps}


def test_before_a_run_everybody_listens_and_no_one_is_in_charge() -> None:
    scene = idle_scene(CHOREO, ORDER)
    assert scene["plan"] == "choreo"
    assert scene["orch"] == {"state": "idle", "word": "waiting", "title": "No one in charge"}
    assert [one["hears"] for one in scene["legs"]] == [wording.HEARS[step.name] for step in ORDER.steps]
    assert {one["service"]["word"] for one in scene["legs"]} == {"listening"}
    assert hops(scene) == ["idle"] * 5
    assert scene["facts"]["knows"] == "no one"


def test_an_event_travels_its_line_when_it_is_delivered() -> None:
    said = chorus(*out("reserve-inventory"))
    assert hops(said) == ["done", "running", "idle", "idle", "idle"]
    assert said["token"] is None
    assert said["say"] == "Inventory announces inventory-reserved. Orders listens for it."
    sent = chorus(*out("reserve-inventory"), reacted("create-order")[0])
    assert (sent["token"]["leg"], sent["token"]["dir"], sent["token"]["tag"]) == (2, "hop", "inventory-reserved")
    assert (sent["token"]["lost"], sent["token"]["state"]) == (None, "running")
    assert sent["say"] == "inventory-reserved is on its way to Orders."
    assert (sent["orch"]["word"], sent["facts"]["knows"]) == ("events only", "each its own part")


def test_a_stop_is_what_its_own_service_announced() -> None:
    done = chorus(*out("reserve-inventory"), *reacted("create-order")[:4])
    assert leg(done, "reserve-inventory")["stop"] == {"state": "done", "word": "inventory-reserved"}
    assert leg(done, "create-order")["stop"] == {"state": "idle", "word": ""}
    assert leg(done, "create-order")["service"]["state"] == "done"
    assert leg(done, "create-order")["hop"]["state"] == "done"


def test_a_completed_order_reads_as_with_an_orchestrator() -> None:
    scene = chorus(*out(*SAYS), fact(Kind.SAGA_COMPLETED, lane=Lane.OBSERVER))
    assert scene["say"] == "All 5 steps are done. The card is charged $49.00. The lamp ships."
    assert (scene["end"], scene["orch"]["word"]) == ("done", "completed")
    assert scene["facts"]["knows"] == "each its own part"


def test_a_dropped_event_dies_on_its_line_and_no_one_knows() -> None:
    story = [*out(*FIRST_THREE), dropped("notify-warehouse")]
    scene = chorus(*story)
    assert scene["token"] == {
        "leg": 4,
        "dir": "hop",
        "state": "running",
        "tag": "payment-charged",
        "lost": "dropped",
        "ms": CHOREO.latency_ms // 2,
    }
    assert scene["say"] == "payment-charged is dropped on its way to Warehouse. No one is told."
    assert leg(scene, "notify-warehouse")["hop"] == {"state": "failed", "word": "dropped"}
    assert leg(scene, "notify-warehouse")["service"]["word"] == "listening"
    scene = chorus(*story, LOST, observed(Kind.RUN_FINISHED))
    assert scene["say"] == ("Nothing is in flight. $49.00 is charged, 1 lamp is held, nothing ships. No one knows.")
    assert (scene["end"], scene["orch"]["word"], scene["facts"]["knows"]) == ("failed", "lost", "no one")


def test_an_order_whose_first_event_is_dropped_leaves_nothing() -> None:
    assert chorus(dropped("reserve-inventory"), LOST)["say"] == "Nothing is in flight. Nothing was done. No one knows."


def test_a_refusal_travels_back_from_service_to_service() -> None:
    refused = [
        of_service(called("notify-warehouse"), event="payment-charged", service="warehouse"),
        of_service(failed("notify-warehouse", retryable=False), event="payment-charged", verdict="refused"),
        heard(Kind.EVENT_HANDLED, "notify-warehouse", "payment-charged", verdict="refused"),
        announced("pick-refused", "warehouse", "payments", cause="payment-charged", outcome="failed"),
    ]
    undone = reacted("charge-payment", "pick-refused", COMPENSATION)
    scene = chorus(*out(*FIRST_THREE), *refused, undone[0])
    assert leg(scene, "notify-warehouse")["stop"] == {"state": "failed", "word": "pick-refused"}
    assert scene["orch"] == {"state": "compensating", "word": "undoing", "title": "No one in charge"}
    assert (scene["token"]["leg"], scene["token"]["dir"], scene["token"]["state"]) == (4, "back", "compensating")
    assert hops(scene) == ["done", "done", "done", "compensating", "idle"]
    scene = chorus(*out(*FIRST_THREE), *refused, *undone)
    assert leg(scene, "charge-payment")["undo"] == {"state": "compensated", "word": "payment-refunded"}
    assert leg(scene, "charge-payment")["stop"] == {"state": "done", "word": "payment-charged"}
    assert hops(scene) == ["done", "done", "done", "compensated", "idle"]
    assert scene["facts"]["charged"] == "0.00"


def test_what_comes_to_nothing_goes_back_as_another_event() -> None:
    story = [
        *out(*FIRST_THREE),
        of_service(called("notify-warehouse"), event="payment-charged", service="warehouse"),
        of_service(failed("notify-warehouse"), event="payment-charged", service="warehouse"),
    ]
    assert leg(chorus(*story), "notify-warehouse")["hop"] == {"state": "failed", "word": "500"}
    again = of_service(scheduled("notify-warehouse", 2, 0), event="payment-charged", service="warehouse")
    assert leg(chorus(*story, again), "notify-warehouse")["hop"] == {"state": "failed", "word": "again in 0 s"}
    back = announced("pick-refused", "payments", "payments", cause="payment-charged", by="relay", outcome="failed")
    scene = chorus(*story, back, reacted("charge-payment", "pick-refused", COMPENSATION)[0])
    assert chorus(*story, back)["say"] == "payment-charged is not handled. pick-refused goes to Payments instead."
    assert leg(scene, "notify-warehouse")["stop"] == {"state": "failed", "word": "pick-refused"}
    assert (scene["token"]["leg"], scene["token"]["dir"]) == (4, "back")


def test_an_event_that_nobody_answers_is_unknown_on_its_line() -> None:
    sent = of_service(called("charge-payment"), event="order-created", service="payments")
    silent = of_service(unknown("charge-payment"), event="order-created", service="payments")
    two = out("reserve-inventory", "create-order")
    never = chorus(*two, sent, silent)
    assert leg(never, "charge-payment")["hop"] == {"state": "unknown", "word": "no answer"}
    assert (never["token"]["leg"], never["token"]["lost"]) == (3, "no answer")
    assert leg(never, "charge-payment")["service"]["state"] == "idle"
    done = chorus(*two, sent, effect("charge-payment"), silent)
    assert done["token"] is None
    assert done["say"] == "Payments did the work, but no one hears that it has handled order-created."
    assert leg(done, "charge-payment")["service"]["state"] == "done"
    back = announced("payment-unanswered", "orders", "payments", cause="order-created", by="relay", outcome="unknown")
    scene = chorus(*two, sent, silent, back, reacted("charge-payment", "payment-unanswered", COMPENSATION)[0])
    assert leg(scene, "charge-payment")["stop"] == {"state": "unknown", "word": "payment-unanswered"}
    assert (scene["token"]["leg"], scene["token"]["dir"], scene["token"]["state"]) == (3, "hop", "compensating")


def test_a_watcher_that_acts_is_who_knows_and_leaves_the_line_as_it_died() -> None:
    plan = RunPlan(mode="choreography", watcher_ms=2000)
    called_off = announced("order-timed-out", "watcher", *catalog.SERVICES, outcome="deadline")
    undone = [e for step in reversed(FIRST_THREE) for e in reacted(step, "order-timed-out", COMPENSATION)]
    scene = chorus(*out(*FIRST_THREE), dropped("notify-warehouse"), called_off, *undone, plan=plan)
    assert scene["facts"]["knows"] == "a watcher"
    assert scene["orch"]["word"] == "undoing"
    assert hops(scene) == ["done", "done", "done", "failed", "idle"]
    end = fact(Kind.SAGA_COMPENSATED, lane=Lane.OBSERVER)
    scene = chorus(*out(*FIRST_THREE), dropped("notify-warehouse"), called_off, *undone, end, plan=plan)
    assert scene["say"] == "The watcher called the order off. 3 of 3 steps undone. Nobody is charged."
    assert sentence(called_off) == "The watcher calls the order off: broken."


def test_a_service_that_waits_for_a_lock_is_shown_on_its_line() -> None:
    sent = of_service(called("reserve-inventory"), event="order-placed", service="inventory")
    scene = chorus(sent, of_service(queued("reserve-inventory"), event="order-placed"))
    assert leg(scene, "reserve-inventory")["hop"] == {"state": "pending", "word": "waiting"}
    assert faces(scene, "reserve-inventory") == ("idle", "idle", "pending")


def test_an_order_that_is_lost_after_its_lamp_was_sold_says_that_it_ships() -> None:
    sold = replace(effect("reserve-inventory"), op=None, detail={"service": "inventory", "kind": "sell", "amount": -1})
    scene = chorus(*out(*FIRST_THREE), sold, LOST)
    assert scene["say"] == "Nothing is in flight. $49.00 is charged, the lamp ships. No one knows."


def test_a_worker_that_dies_is_a_relay_where_nobody_drives() -> None:
    crashed = observed(Kind.ORCHESTRATOR_CRASHED)
    assert naive(crashed)["say"] == "The caller is down. What it knew is in the journal."
    down = chorus(*out("reserve-inventory"), crashed)
    assert down["say"] == "The relay is down. What was announced waits in the outboxes."
    assert (down["orch"]["word"], down["facts"]["knows"]) == ("events only", "each its own part")
