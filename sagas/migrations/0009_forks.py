"""The newest forks of a run, without a look at all of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0008_due_runs"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("forked_from__isnull", False)),
                fields=["forked_from", "-created_at"],
                name="run_forks",
            ),
        ),
    ]
