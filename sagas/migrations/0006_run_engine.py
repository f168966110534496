"""Which engine elsewhere a run belongs to, if any. The triggers go and come back as in 0003."""

from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

append_only = import_module("sagas.migrations.0002_append_only")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0005_told_alerts")]

    operations = [
        migrations.RunPython(append_only.unprotect, append_only.protect),
        migrations.AddField(
            model_name="run",
            name="engine",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.RunPython(append_only.protect, append_only.unprotect),
    ]
