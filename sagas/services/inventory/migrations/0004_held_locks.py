from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0003_events"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="unit",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["id"], name="inventory_unit_held"),
        ),
    ]
