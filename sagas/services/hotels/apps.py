"""The hotels service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class HotelsConfig(AppConfig):
    name = "sagas.services.hotels"
    label = "hotels"
    default_auto_field = "django.db.models.BigAutoField"
