from __future__ import annotations

from django.apps import AppConfig


class SagasConfig(AppConfig):
    name = "sagas"
    label = "sagas"
    verbose_name = "Sagas"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sagas.definition import start_with
        from sagas.starting import start

        start_with(start)
