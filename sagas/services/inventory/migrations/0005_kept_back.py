from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_held_locks")]

    operations = [
        migrations.AddField(
            model_name="worldrow",
            name="kept_back",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
