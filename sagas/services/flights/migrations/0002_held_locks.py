from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flights", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="seat",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["id"], name="flights_seat_held"),
        ),
    ]
