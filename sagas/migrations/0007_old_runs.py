"""What pruning asks for: the runs that finished first, and those whose pruning was interrupted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0006_run_engine"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state", "finished")), fields=["state", "finished_at_ms"], name="run_old"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(condition=models.Q(("pruning", True)), fields=["id"], name="run_pruning"),
        ),
    ]
