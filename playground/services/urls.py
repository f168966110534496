"""Addresses of the services."""

from __future__ import annotations

from django.urls import path

from playground.services import views

urlpatterns = [
    path("worlds", views.open_world, name="services-open"),
    path("worlds/<slug:world_id>", views.show_world, name="services-world"),
    path("worlds/<slug:world_id>/close", views.close_world, name="services-close"),
    path("<slug:service>/<slug:name>", views.command, name="services-command"),
]
