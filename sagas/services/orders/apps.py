"""The orders service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "sagas.services.orders"
    label = "orders"
    default_auto_field = "django.db.models.BigAutoField"
