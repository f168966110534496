"""What the default database keeps: runs, their sagas and steps, the journal, and people's business.

The journal is the truth; `Run`, `Saga` and `Step` rows are its last state, written in the
same transaction as the entries (`sagas.journal`). Nothing else writes them once a run exists.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields.json import KT

from sagas.entries import Entry, Kind, Lane, Op, iso_from_ms

RARE_KINDS = (Kind.OPERATOR_ACTED, Kind.SAGA_NEEDS_OPERATOR, Kind.ORCHESTRATOR_CRASHED)
BAD_STEPS = ("stuck", "unknown")


class Run(models.Model):
    """One execution of a scenario in a world of its own; the unit of order, lease and stream.

    The lease is free when `leased_until` (milliseconds since the epoch) has passed. Every
    claim raises `lease_epoch`; a write that carries an older epoch is refused. `paused` is
    what the journal says (`sagas.pausing`). `engine` names the engine elsewhere that drives the run
    (`sagas.engines`), "" for this project's own workers. A fork has the entries 1 … `forked_at` of `forked_from`.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    id = models.CharField(primary_key=True, max_length=16)
    definition = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    scenario = models.JSONField()
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    last_seq = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=100, default="", blank=True)
    lease_epoch = models.PositiveIntegerField(default=0)
    leased_until = models.BigIntegerField(default=0)
    paused = models.BooleanField(default=False)
    forked_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks")
    forked_at = models.PositiveIntegerField(null=True, blank=True)
    pruning = models.BooleanField(default=False)
    engine = models.CharField(max_length=16, default="", db_default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at_ms = models.BigIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            # Where the state comes first though it is always the same, SQLite would else take an index of the state alone.
            models.Index(
                fields=["state", "leased_until"], name="run_due", condition=models.Q(state="running", engine="")
            ),
            models.Index(fields=["state", "finished_at_ms"], name="run_old", condition=models.Q(state="finished")),
            models.Index(fields=["-created_at", "-id"], name="run_newest"),
            models.Index(fields=["state", "-created_at", "-id"], name="run_by_state"),
            models.Index(fields=["definition", "-created_at", "-id"], name="run_by_definition"),
            models.Index(fields=["id"], name="run_pruning", condition=models.Q(pruning=True)),
            models.Index(
                fields=["forked_from", "-created_at"],
                name="run_forks",
                condition=models.Q(forked_from__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class OfRun:
    """A column that repeats the run's own and is filled with it when a saga is made.

    A list of sagas is filtered and sorted by it, which no index could do across a join.
    """

    name: str

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        if add:
            setattr(model_instance, self.name, getattr(model_instance.run, self.name))
        return getattr(model_instance, self.name)


class TextOfRun(OfRun, models.CharField):  # type: ignore[type-arg]
    pass


class TimeOfRun(OfRun, models.DateTimeField):  # type: ignore[type-arg]
    pass


class Saga(models.Model):
    """One saga of a run. `id` is the run's id and the saga's number in it.

    `cause_step` and `cause_outcome` are the database's own reading of `cause`.
    """

    id = models.CharField(primary_key=True, max_length=20)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="sagas")
    index = models.PositiveSmallIntegerField()
    order = models.CharField(max_length=100)
    state = models.CharField(max_length=16, default="pending")
    cause = models.JSONField(null=True, blank=True)
    definition = TextOfRun(max_length=100, editable=False)
    created_at = TimeOfRun(editable=False)
    cause_step = models.GeneratedField(
        expression=KT("cause__step"), output_field=models.CharField(max_length=100, null=True), db_persist=True
    )
    cause_outcome = models.GeneratedField(
        expression=KT("cause__outcome"), output_field=models.CharField(max_length=16, null=True), db_persist=True
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "index"], name="saga_of_run")]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="saga_newest"),
            models.Index(fields=["state", "-created_at", "-id"], name="saga_by_state"),
            models.Index(fields=["order", "-created_at", "-id"], name="saga_by_order"),
            models.Index(fields=["definition", "-created_at", "-id"], name="saga_by_definition"),
            models.Index(
                fields=["cause_step", "-created_at", "-id"],
                name="saga_by_cause_step",
                condition=models.Q(cause_step__isnull=False),
            ),
            models.Index(
                fields=["cause_outcome", "-created_at", "-id"],
                name="saga_by_cause_outcome",
                condition=models.Q(cause_outcome__isnull=False),
            ),
        ]
        permissions = [("operate_saga", "Can act on a saga that waits for a person")]

    def __str__(self) -> str:
        return f"{self.order} ({self.id})"


class Step(models.Model):
    """The last state of one step of a saga, in both directions."""

    saga = models.ForeignKey(Saga, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    service = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    state = models.CharField(max_length=16, default="idle")
    attempts = models.PositiveIntegerField(default=0)
    compensation_name = models.CharField(max_length=100, default="", blank=True)
    compensation_key = models.CharField(max_length=200, default="", blank=True)
    compensation_state = models.CharField(max_length=16, default="idle")
    compensation_attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["saga", "index"], name="step_of_saga")]
        indexes = [
            models.Index(fields=["id"], name=f"step_{state}", condition=models.Q(state=state)) for state in BAD_STEPS
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.saga_id}"


class JournalEntry(models.Model):
    """One fact, as `sagas.entries.Entry`. Only ever inserted: the database refuses the rest."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="entries", db_index=False)
    seq = models.PositiveIntegerField()
    at_ms = models.BigIntegerField()
    lane = models.CharField(max_length=16)
    saga = models.CharField(max_length=20, default="", blank=True)
    order = models.CharField(max_length=100, default="", blank=True)
    kind = models.CharField(max_length=32)
    step = models.CharField(max_length=100, default="", blank=True)
    op = models.CharField(max_length=16, default="", blank=True)
    attempt = models.PositiveIntegerField(default=0)
    key = models.CharField(max_length=200, default="", blank=True)
    detail = models.JSONField(default=dict)
    append_id = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        verbose_name_plural = "journal entries"
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="entry_of_run")]
        indexes = [
            models.Index(fields=["id"], name=f"entry_{kind.name.lower()}", condition=models.Q(kind=str(kind)))
            for kind in RARE_KINDS
        ]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.seq} {self.kind} at {iso_from_ms(self.at_ms)}"

    def entry(self) -> Entry:
        """Return the fact that this row holds."""
        return Entry(
            kind=Kind(self.kind),
            lane=Lane(self.lane),
            saga=self.saga,
            order=self.order,
            step=self.step,
            op=Op(self.op) if self.op else None,
            attempt=self.attempt,
            key=self.key,
            detail=self.detail,
            seq=self.seq,
            at=self.at_ms,
        )


class LiveWorker(models.Model):
    """A worker that said it was alive, and counts as such until `until_ms` (milliseconds since the epoch).

    `driving` is its number of runs, `versions` a list of `[definition, version]` that it has (`sagas.crew`).
    """

    owner = models.CharField(primary_key=True, max_length=100)
    until_ms = models.BigIntegerField()
    driving = models.PositiveIntegerField(default=0)
    versions = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.owner


class Alert(models.Model):
    """A saga that waits for a person. Raised with its `saga-needs-operator`, resolved when someone acts.

    `notified_at_ms` is when a webhook took it, `notify_at_ms` from when on it may be told (again).
    """

    saga = models.ForeignKey(Saga, on_delete=models.CASCADE, related_name="alerts")
    step = models.CharField(max_length=100, default="", blank=True)
    reason = models.TextField()
    raised_at_ms = models.BigIntegerField()
    resolved_at_ms = models.BigIntegerField(null=True, blank=True)
    notified_at_ms = models.BigIntegerField(null=True, blank=True)
    notify_at_ms = models.BigIntegerField(default=0, db_default=0)
    notify_tries = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["notify_at_ms"],
                name="alert_untold",
                condition=models.Q(resolved_at_ms=None, notified_at_ms=None),
            ),
            models.Index(fields=["raised_at_ms"], name="alert_open", condition=models.Q(resolved_at_ms=None)),
            models.Index(
                fields=["-resolved_at_ms", "-id"],
                name="alert_answered",
                condition=models.Q(resolved_at_ms__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.saga_id}: {self.reason}"


class Command(models.Model):
    """What a person asks of a run. The lease holder journals it and obeys; `handled_seq` is that entry.

    A command that made no sense by the time it was read has `handled_seq` 0 and a `refusal`.
    `detail` is what its entry says beyond who, why and what was seen: evidence, or a record.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="commands")
    saga = models.CharField(max_length=20, default="", blank=True)
    kind = models.CharField(max_length=16)
    who = models.CharField(max_length=150)
    why = models.TextField(default="", blank=True)
    saw = models.PositiveIntegerField(default=0)
    detail = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    handled_seq = models.PositiveIntegerField(null=True, blank=True)
    refusal = models.TextField(default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["run"], name="command_waiting", condition=models.Q(handled_seq=None))]

    def __str__(self) -> str:
        return f"{self.kind} of {self.saga or self.run_id} by {self.who}"
