"""The delivery service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "sagas.services.delivery"
    label = "delivery"
    default_auto_field = "django.db.models.BigAutoField"
