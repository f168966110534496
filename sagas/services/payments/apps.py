"""The payments service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "sagas.services.payments"
    label = "payments"
    default_auto_field = "django.db.models.BigAutoField"
