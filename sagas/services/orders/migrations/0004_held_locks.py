from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_events"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="orderrecord",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["id"], name="orders_orderrecord_held"),
        ),
    ]
