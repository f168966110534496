"""What a claim asks for, in a form that SQLite prefers to its index of the state alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0007_old_runs"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="run",
            name="run_due",
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("engine", ""), ("state", "running")),
                fields=["state", "leased_until"],
                name="run_due",
            ),
        ),
    ]
