"""The mail service as a Django app: its label is its database alias."""

from __future__ import annotations

from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "sagas.services.mail"
    label = "mail"
    default_auto_field = "django.db.models.BigAutoField"
