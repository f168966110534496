from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
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
                "constraints": [models.UniqueConstraint(fields=("world", "event"), name="orders_inbox_event")],
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
                "constraints": [models.UniqueConstraint(fields=("world", "event"), name="orders_outbox_event")],
            },
        ),
    ]
