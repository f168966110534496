"""The flights service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class FlightsConfig(AppConfig):
    name = "sagas.services.flights"
    label = "flights"
    default_auto_field = "django.db.models.BigAutoField"
