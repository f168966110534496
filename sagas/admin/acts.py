"""The real acts of an operator. Each becomes a command, and then a journal entry with who, why and what they saw.

The only room of the admin that asks the engine for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from sagas import runs
from sagas.entries import Lane
from sagas.errors import SagaError
from sagas.models import Command, JournalEntry, Saga

LONGEST = 1000  # characters of a reason
PERMISSION = "sagas.operate_saga"
WAITING, MOVING = ("needs-operator",), ("running", "compensating")


class MovedOn(SagaError):
    """Something was decided about a saga since the operator looked at it."""

    def __init__(self, saga: str, saw: int) -> None:
        super().__init__(saga, saw)
        self.saga = saga
        self.saw = saw

    def __str__(self) -> str:
        return f"the saga has moved on since entry {self.saw}, which was the last one you saw"


class Reasons(forms.Form):
    """Why, and the last entry of the page that the operator looked at."""

    why = forms.CharField(
        label="Why",
        max_length=LONGEST,
        widget=forms.Textarea({"rows": 3}),
        help_text="What has changed, or what you have seen. The journal keeps it, with your name.",
    )
    saw = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class Evidence(Reasons):
    """What a person has seen with their own eyes."""

    evidence = forms.CharField(
        label="Evidence",
        max_length=LONGEST,
        widget=forms.Textarea({"rows": 3}),
        help_text="What shows that it is settled: a receipt, a row, a name. The saga ends on the strength of it.",
    )
    field_order = ("evidence", "why", "saw")


class Record(Reasons):
    """Which lock."""

    record = forms.CharField(max_length=100, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that a person may ask for; `engine` is the function of `sagas.runs` that takes it.

    `of` says where a page offers it: at a saga that waits for a person, at a record, at a step under way.
    """

    name: str
    title: str
    says: str
    form: type[Reasons]
    of: str = "saga"
    engine: Callable[..., Command]


RETRY = Act(
    name="retry",
    title="Retry now",
    says="The saga goes on where it stopped, with a fresh budget of attempts.",
    form=Reasons,
    engine=runs.retry_saga,
)
RESOLVE = Act(
    name="resolve",
    title="Resolve with evidence",
    says="What it is stuck at counts as done, because you have seen that it is. It is not called again; the saga goes on.",
    form=Evidence,
    engine=runs.resolve_saga,
)
FAIL = Act(
    name="fail",
    title="Fail the step",
    says="Nobody waits for its call any more. It may have been done, so it counts as unknown: an action is undone where "
    "it may be; else, as at a compensation, the saga waits for a person.",
    form=Reasons,
    of="step",
    engine=runs.fail_step,
)
RELEASE = Act(
    name="release",
    title="Release by force",
    says="The record is taken from a saga that is not over. Whoever waits for it gets it, else it is free.",
    form=Record,
    of="record",
    engine=runs.release_lock,
)


ACTS: Mapping[str, Act] = {act.name: act for act in (RETRY, RESOLVE, FAIL, RELEASE)}


def perform(act: Act, saga: Saga, who: str, said: Mapping[str, Any]) -> Command:
    """Return the command that the engine took.

    `said` is what the act's form has cleaned. Raises MovedOn when the operator has not seen the last
    of it, and what the engine raises: RunUnknown, CommandRefused where it makes no sense.
    """
    if moved_on(saga, said["saw"]):
        raise MovedOn(saga.pk, said["saw"])
    named = {name: value for name, value in said.items() if name != "record"}
    records = [said["record"]] if "record" in said else []
    return act.engine(saga.pk, *records, who=who, **named)


def moved_on(saga: Saga, saw: int) -> bool:
    """Return whether anything was decided about the saga after entry `saw`; what its services did is no decision."""
    later = JournalEntry.objects.filter(run_id=saga.run_id, seq__gt=saw, saga=saga.pk)
    return later.exclude(lane=str(Lane.SERVICE)).exists()
