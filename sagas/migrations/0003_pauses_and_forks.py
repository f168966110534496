"""Runs can be paused and forked, and a command can carry evidence or name a record.

SQLite adds a column by making the table anew, which would lose the triggers that keep the
journal append-only: they are taken off first and put back afterwards.
"""

from __future__ import annotations

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

append_only = import_module("sagas.migrations.0002_append_only")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0002_append_only")]

    operations = [
        migrations.RunPython(append_only.unprotect, append_only.protect),
        migrations.AddField(
            model_name="command",
            name="detail",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="run",
            name="forked_at",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="forked_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="forks",
                to="sagas.run",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="paused",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(append_only.protect, append_only.unprotect),
    ]
