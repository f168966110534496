"""Addresses of the pages, the API and what operators look at."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from playground import health, metrics, views
from playground.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("acts/2/", views.act_2, name="act-2"),
    path("runs/<str:run_id>/", views.run_page, name="run"),
    path("runs/<str:run_id>/sagas/<str:saga_id>/retry", views.retry, name="retry"),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
