"""What the admin's lists are filtered and sorted by: columns of a saga, and an index for each list.

A saga that exists already gets its run's definition and time.
"""

import django.db.models.fields.json
import django.utils.timezone
from django.db import migrations, models

import sagas.models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0003_pauses_and_forks"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="saga",
            options={"permissions": [("operate_saga", "Can act on a saga that waits for a person")]},
        ),
        migrations.RemoveIndex(
            model_name="run",
            name="run_newest",
        ),
        migrations.AddField(
            model_name="saga",
            name="cause_outcome",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.fields.json.KeyTextTransform("outcome", "cause"),
                output_field=models.CharField(max_length=16, null=True),
            ),
        ),
        migrations.AddField(
            model_name="saga",
            name="cause_step",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.fields.json.KeyTextTransform("step", "cause"),
                output_field=models.CharField(max_length=100, null=True),
            ),
        ),
        migrations.AddField(
            model_name="saga",
            name="created_at",
            field=sagas.models.TimeOfRun(default=django.utils.timezone.now, editable=False),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="saga",
            name="definition",
            field=sagas.models.TextOfRun(default="", editable=False, max_length=100),
            preserve_default=False,
        ),
        migrations.RunSQL(
            """UPDATE sagas_saga SET
               definition = (SELECT definition FROM sagas_run WHERE sagas_run.id = sagas_saga.run_id),
               created_at = (SELECT created_at FROM sagas_run WHERE sagas_run.id = sagas_saga.run_id)""",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name="saga",
            name="order",
            field=models.CharField(max_length=100),
        ),
        migrations.AlterField(
            model_name="saga",
            name="state",
            field=models.CharField(default="pending", max_length=16),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("resolved_at_ms__isnull", False)),
                fields=["-resolved_at_ms", "-id"],
                name="alert_answered",
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                condition=models.Q(("kind", "operator-acted")), fields=["id"], name="entry_operator_acted"
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                condition=models.Q(("kind", "saga-needs-operator")), fields=["id"], name="entry_saga_needs_operator"
            ),
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(
                condition=models.Q(("kind", "orchestrator-crashed")), fields=["id"], name="entry_orchestrator_crashed"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["-created_at", "-id"], name="run_newest"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["state", "-created_at", "-id"], name="run_by_state"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["definition", "-created_at", "-id"], name="run_by_definition"),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(fields=["-created_at", "-id"], name="saga_newest"),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(fields=["state", "-created_at", "-id"], name="saga_by_state"),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(fields=["order", "-created_at", "-id"], name="saga_by_order"),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(fields=["definition", "-created_at", "-id"], name="saga_by_definition"),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(
                condition=models.Q(("cause_step__isnull", False)),
                fields=["cause_step", "-created_at", "-id"],
                name="saga_by_cause_step",
            ),
        ),
        migrations.AddIndex(
            model_name="saga",
            index=models.Index(
                condition=models.Q(("cause_outcome__isnull", False)),
                fields=["cause_outcome", "-created_at", "-id"],
                name="saga_by_cause_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(condition=models.Q(("state", "stuck")), fields=["id"], name="step_stuck"),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(condition=models.Q(("state", "unknown")), fields=["id"], name="step_unknown"),
        ),
    ]
