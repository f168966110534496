"""The stage, moment by moment: what a driver believes above what the services did."""

from __future__ import annotations

from dataclasses import replace

from playground.scene import Fold, idle_scene
from sagas.entries import Kind
from sagas.plan import RunPlan
from tests.builders import (
    ACTION,
    COMPENSATION,
    ORDER,
    called,
    fact,
    failed,
    ok,
    operator,
    queued,
    scheduled,
    settled,
    turned,
    unknown,
)
from tests.builders import stuck as needs_operator
from tests.unit.scenes import PLAN, effect, faces, last, leg, observed, placed, reported, row, scenes, worked

FIRST_THREE = ("reserve-inventory", "create-order", "charge-payment")


def test_before_a_run_the_stage_is_there_and_nothing_has_happened() -> None:
    scene = idle_scene(PLAN, ORDER)
    assert [one["stop"]["state"] for one in scene["legs"]] == ["idle"] * 5
    assert (scene["seq"], scene["saga"], scene["order"], scene["entry"]) == (0, None, "ord-8412", None)
    assert scene["facts"] == {"charged": "0.00", "held": "0", "shipped": "0", "knows": "no one"}
    assert scene["orch"] == {"state": "idle", "word": "waiting", "title": "Orchestrator"}
    assert PLAN.order_names[0] == scene["order"]


def test_a_leg_carries_what_the_template_names() -> None:
    service = leg(last(*worked("charge-payment")), "charge-payment")["service"]
    assert (service["name"], service["title"], service["label"], service["total"]) == (
        "payments",
        "Payments",
        "taken",
        "49.00",
    )
    assert [{**row, "n": 0} for row in service["rows"]] == [
        {"n": 0, "kind": "add", "what": "charge", "amount": "+49.00"}
    ]


def test_a_call_goes_down_the_wire_and_its_answer_comes_up() -> None:
    asked, did, heard = scenes(placed(worked("charge-payment")))[1:]
    assert asked["token"] == {
        "leg": 3,
        "dir": "down",
        "state": "running",
        "tag": "saga:ord-8412:x",
        "lost": None,
        "ms": PLAN.latency_ms // 2,
    }
    assert (did["token"]["dir"], did["token"]["state"]) == ("up", "done")
    assert heard["token"] is None
    assert [faces(scene, "charge-payment") for scene in (asked, did, heard)] == [
        ("running", "idle", "idle"),
        ("running", "idle", "done"),
        ("done", "idle", "done"),
    ]


def test_a_lost_reply_shows_unknown_above_done() -> None:
    scene = last(called("charge-payment"), effect("charge-payment"), unknown("charge-payment"))
    assert faces(scene, "charge-payment") == ("unknown", "idle", "done")
    assert (scene["token"]["dir"], scene["token"]["lost"]) == ("up", "no answer")
    assert "its answer is lost" in scene["say"]


def test_a_lost_call_shows_unknown_above_idle() -> None:
    scene = last(called("charge-payment"), unknown("charge-payment"))
    assert faces(scene, "charge-payment") == ("unknown", "idle", "idle")
    assert (scene["token"]["dir"], scene["token"]["lost"]) == ("down", "no answer")


def test_an_error_is_shown_on_both_and_the_wait_after_it_on_the_card() -> None:
    scene = last(called("charge-payment"), failed("charge-payment"), scheduled("charge-payment", 2, 0))
    assert faces(scene, "charge-payment") == ("failed", "idle", "failed")
    one = leg(scene, "charge-payment")
    assert (one["stop"]["word"], one["service"]["word"]) == ("again in 0 s", "500")
    assert one["service"]["waits"] == [{"ms": 0, "label": "0 s"}]


def test_the_turn_bends_the_line_where_it_failed_and_passes_over_what_was_not_called() -> None:
    cause = [called("notify-warehouse"), failed("notify-warehouse", retryable=False)]
    scene = last(*worked(*FIRST_THREE), *cause, *turned("notify-warehouse", *reversed(FIRST_THREE)))
    assert [one["turn"] for one in scene["legs"]] == [False, False, False, True, False]
    assert [one["undo"]["state"] for one in scene["legs"]] == ["idle", "idle", "idle", "skipped", "skipped"]
    assert faces(scene, "book-delivery") == ("skipped", "skipped", "skipped")
    assert leg(scene, "book-delivery")["service"]["word"] == "not called"
    assert (scene["orch"]["state"], scene["orch"]["word"]) == ("compensating", "turning back")


def test_an_undo_is_a_row_of_its_own_with_the_opposite_sign() -> None:
    cause = [called("notify-warehouse"), failed("notify-warehouse", retryable=False)]
    story = [*worked(*FIRST_THREE), *cause, *turned("notify-warehouse", *reversed(FIRST_THREE))]
    scene = last(*story, *worked("charge-payment", op=COMPENSATION))
    one = leg(scene, "charge-payment")
    assert [(row["kind"], row["what"], row["amount"]) for row in one["service"]["rows"]] == [
        ("add", "charge", "+49.00"),
        ("contra", "refund", "\u221249.00"),
    ]
    assert one["service"]["total"] == "0.00"
    assert faces(scene, "charge-payment") == ("done", "compensated", "compensated")
    assert scene["say"] == "$49.00 is refunded. 1 of 3 undone."


def test_the_outcome_says_what_failed_what_was_done_and_what_is_owed() -> None:
    cause = [called("notify-warehouse"), failed("notify-warehouse", retryable=False)]
    undone = worked(*reversed(FIRST_THREE), op=COMPENSATION)
    story = [*worked(*FIRST_THREE), *cause, *turned("notify-warehouse", *reversed(FIRST_THREE)), *undone]
    scene = last(*story, fact(Kind.SAGA_COMPENSATED), observed(Kind.RUN_FINISHED))
    assert scene["say"] == "notify-warehouse failed. 3 of 3 steps undone. Nobody is charged."
    assert scene["entry"]["say"] == "Nothing moves by itself any more."
    assert scene["end"] == "compensated"
    assert scene["facts"]["knows"] == "the orchestrator"


def test_a_saga_that_waits_for_a_person_says_what_it_owes_and_who_was_paged() -> None:
    cause = [called("create-order"), failed("create-order", retryable=False)]
    refused = [called("reserve-inventory", 1, COMPENSATION), failed("reserve-inventory", 1, COMPENSATION)]
    story = [*worked("reserve-inventory"), *cause, *turned("create-order", "reserve-inventory"), *refused]
    scene = last(*story, needs_operator("reserve-inventory", COMPENSATION))
    assert faces(scene, "reserve-inventory") == ("done", "stuck", "stuck")
    assert scene["alert"]["title"] == "Paged: on-call, inventory."
    assert scene["facts"]["knows"] == "on-call engineer"
    assert scene["say"].startswith("release-inventory failed once. 0 of 1 steps undone.")
    resumed = last(*story, needs_operator("reserve-inventory", COMPENSATION), operator("retry"))
    assert (resumed["end"], resumed["alert"], resumed["orch"]["word"]) == (None, None, "undoing")


def test_a_late_message_changes_the_card_and_not_the_outcome() -> None:
    story = [
        called("charge-payment"),
        unknown("charge-payment"),
        *turned("charge-payment", "charge-payment", outcome="unknown"),
    ]
    undone = [
        called("charge-payment", 1, COMPENSATION),
        fact(Kind.ATTEMPT_SUCCEEDED, "charge-payment", COMPENSATION, 1, answer={"empty": True}),
    ]
    end = fact(Kind.SAGA_COMPENSATED)
    scene = last(*story, *undone, end, reported(Kind.STEP_FENCED, "charge-payment"))
    assert scene["say"] == "charge-payment never answered. 1 of 1 steps undone. Nobody is charged."
    assert leg(scene, "charge-payment")["undo"]["word"] == "nothing there"
    assert leg(scene, "charge-payment")["service"]["word"] == "late call refused"


def test_work_done_twice_is_red_and_said_at_the_end() -> None:
    twice = [called("charge-payment"), effect("charge-payment"), effect("charge-payment"), ok("charge-payment")]
    scene = last(*twice, fact(Kind.SAGA_COMPLETED))
    assert leg(scene, "charge-payment")["service"]["rows"][-1]["kind"] == "double"
    assert faces(scene, "charge-payment") == ("done", "idle", "stuck")
    assert scene["facts"]["charged"] == "98.00"
    assert scene["say"] == "Every step is done, but Payments did the work twice. $98.00 is taken."


def test_while_the_orchestrator_is_down_the_journal_knows() -> None:
    story = [called("charge-payment"), observed(Kind.ORCHESTRATOR_CRASHED)]
    down = last(*story)
    assert (down["orch"]["word"], down["facts"]["knows"]) == ("down", "the journal")
    back = last(*story, observed(Kind.ORCHESTRATOR_RECOVERED), effect("charge-payment"))
    assert (back["orch"]["word"], back["facts"]["knows"]) == ("reading its journal", "the orchestrator")
    assert back["token"] is None
    silent = last(*story, observed(Kind.ORCHESTRATOR_RECOVERED), effect("charge-payment"), unknown("charge-payment"))
    assert leg(silent, "charge-payment")["stop"] == {"state": "unknown", "word": "not heard"}
    assert silent["token"] is None


def test_a_mark_shows_its_owner_until_it_is_taken_off() -> None:
    marked = reported(Kind.LOCK_ACQUIRED, "reserve-inventory", record="unit-1", owner="ord-8412")
    scene = last(*worked("reserve-inventory"), marked)
    assert leg(scene, "reserve-inventory")["service"]["pending"] == "ord-8412"
    scene = last(*worked("reserve-inventory"), marked, settled("reserve-inventory"))
    assert leg(scene, "reserve-inventory")["service"]["pending"] is None


def test_a_saga_that_queues_waits_on_the_top_line() -> None:
    scene = last(called("reserve-inventory"), queued("reserve-inventory"))
    assert leg(scene, "reserve-inventory")["stop"] == {"state": "pending", "word": "waiting"}
    assert scene["orch"]["word"] == "waiting"


def test_a_card_keeps_the_newest_six_rows_and_counts_the_rest() -> None:
    story = [called("charge-payment"), *(effect("charge-payment") for _ in range(8))]
    service = leg(last(*story), "charge-payment")["service"]
    assert (len(service["rows"]), service["more"], service["total"]) == (6, 2, "392.00")


def test_another_saga_is_one_line_and_its_rows_are_in_the_ledgers() -> None:
    def of_other(entry: object) -> object:
        return replace(entry, saga="world-2", order="ord-8413")  # type: ignore[type-var]

    turned = fact(Kind.SAGA_COMPENSATING, "create-order", ACTION, cause={})
    other = [of_other(e) for e in (*placed([])[:1], *worked("reserve-inventory"), turned)]
    scene = last(*other, plan=RunPlan(orders=2))
    (line,) = scene["others"]
    assert (line["saga"], line["order"], line["state"], line["word"]) == (
        "world-2",
        "ord-8413",
        "compensating",
        "turning back",
    )
    assert line["steps"] == ["done", "idle", "skipped", "skipped", "skipped"]
    assert line["back"] == ["idle", "", "", "", ""]
    assert leg(scene, "reserve-inventory")["service"]["rows"][0]["what"] == "hold 8413"
    assert faces(scene, "reserve-inventory") == ("idle", "idle", "idle")
    assert scene["entry"]["say"] == "ord-8413: Turning back."
    assert scene["say"] == "Order ord-8412 is received."


def test_settlement_sells_the_lamp_and_the_order_ships() -> None:
    sold = row("reserve-inventory", "inventory", "sell", -1)
    scene = last(*worked("reserve-inventory"), fact(Kind.SETTLEMENT_OWED), sold)
    assert scene["facts"] == {"charged": "0.00", "held": "0", "shipped": "1", "knows": "the orchestrator"}
    assert leg(scene, "reserve-inventory")["service"]["rows"][-1]["kind"] == "add"
    assert leg(scene, "reserve-inventory")["service"]["word"] == "sold"


def test_without_a_focus_the_first_saga_that_starts_has_it() -> None:
    scene = scenes(placed(worked("charge-payment")), focus=None)[-1]
    assert scene["saga"] == "world-1"


def test_a_focus_names_its_order_before_its_saga_begins() -> None:
    assert Fold(RunPlan(orders=3), ORDER, "k7mnpqrstvwxyz23-3").scene()["order"] == "ord-8414"


def test_the_clock_counts_from_the_first_entry() -> None:
    scene = last(*worked(*FIRST_THREE))
    assert (scene["ms"], scene["entry"]["clock"]) == (90, "00:00.09")
