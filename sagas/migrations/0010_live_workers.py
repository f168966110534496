"""Which workers are alive, what each has to do and which definitions it has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0009_forks"),
    ]

    operations = [
        migrations.CreateModel(
            name="LiveWorker",
            fields=[
                ("owner", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("until_ms", models.BigIntegerField()),
                ("driving", models.PositiveIntegerField(default=0)),
                ("versions", models.JSONField(default=list)),
            ],
        ),
    ]
