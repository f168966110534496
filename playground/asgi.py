"""The ASGI application: pages and API over HTTP, runs over websockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
http = get_asgi_application()

from playground.routing import application_for  # noqa: E402  (needs the apps to be ready)

application = application_for(http)
