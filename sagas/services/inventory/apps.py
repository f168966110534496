"""The inventory service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "sagas.services.inventory"
    label = "inventory"
    default_auto_field = "django.db.models.BigAutoField"
