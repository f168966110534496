"""The addresses behind `tests.door`: the services and nothing else. Loaded by the first request, not by who asks."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("services/", include("playground.services.urls"))]
