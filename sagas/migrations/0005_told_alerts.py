"""Whether and when the webhook took an alert, and from when on it may be told again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0004_admin_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="notified_at_ms",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="notify_at_ms",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="alert",
            name="notify_tries",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("notified_at_ms", None), ("resolved_at_ms", None)),
                fields=["notify_at_ms"],
                name="alert_untold",
            ),
        ),
    ]
