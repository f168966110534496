from __future__ import annotations

from django.db import migrations, models

from sagas.services.triggers import only_grows


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="WorldRow",
            fields=[
                ("world", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="BarrierRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("world", models.CharField(max_length=64)),
                ("action_key", models.CharField(max_length=200)),
                (
                    "op",
                    models.CharField(choices=[("action", "action"), ("compensation", "compensation")], max_length=64),
                ),
                (
                    "inserted_by",
                    models.CharField(choices=[("action", "action"), ("compensation", "compensation")], max_length=64),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [models.UniqueConstraint(fields=("world", "action_key", "op"), name="mail_barrier")],
            },
        ),
        migrations.CreateModel(
            name="InboxRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("world", models.CharField(max_length=64)),
                ("event", models.CharField(max_length=200)),
                ("verdict", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.BinaryField()),
            ],
            options={
                "abstract": False,
                "constraints": [models.UniqueConstraint(fields=("world", "event"), name="mail_inbox_event")],
            },
        ),
        migrations.CreateModel(
            name="LedgerRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("world", models.CharField(max_length=64)),
                ("n", models.PositiveIntegerField()),
                ("order", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=64)),
                ("amount", models.BigIntegerField()),
                ("key", models.CharField(max_length=200)),
                ("action_key", models.CharField(max_length=200)),
                (
                    "op",
                    models.CharField(
                        blank=True, choices=[("action", "action"), ("compensation", "compensation")], max_length=64
                    ),
                ),
                ("at", models.BigIntegerField(help_text="milliseconds since the epoch")),
                ("record", models.CharField(blank=True, max_length=64)),
                ("lock", models.CharField(blank=True, max_length=64)),
                (
                    "undoes",
                    models.PositiveIntegerField(
                        blank=True, help_text="the number of the row that this one takes back", null=True
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["world", "action_key"], name="mail_ledger_key")],
                "constraints": [
                    models.UniqueConstraint(fields=("world", "n"), name="mail_ledger_n"),
                    models.UniqueConstraint(fields=("world", "undoes"), name="mail_ledger_undone_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OutboxRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("world", models.CharField(max_length=64)),
                ("event", models.CharField(max_length=200)),
                ("name", models.CharField(max_length=64)),
                ("order", models.CharField(max_length=64)),
                ("payload", models.JSONField()),
                ("cause", models.CharField(max_length=200)),
                ("said_by", models.CharField(max_length=64)),
                ("published", models.BooleanField(default=False)),
            ],
            options={
                "abstract": False,
                "constraints": [models.UniqueConstraint(fields=("world", "event"), name="mail_outbox_event")],
            },
        ),
        migrations.CreateModel(
            name="StoredAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("world", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=200)),
                ("fingerprint", models.CharField(max_length=64)),
                ("verdict", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.BinaryField()),
            ],
            options={
                "abstract": False,
                "constraints": [models.UniqueConstraint(fields=("world", "key"), name="mail_answer_key")],
            },
        ),
        only_grows("mail_ledgerrow"),
    ]
