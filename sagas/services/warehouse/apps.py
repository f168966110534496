"""The warehouse service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class WarehouseConfig(AppConfig):
    name = "sagas.services.warehouse"
    label = "warehouse"
    default_auto_field = "django.db.models.BigAutoField"
