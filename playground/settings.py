"""Django settings, all from the environment: without any of it, everything runs embedded.

Nothing here opens a database, and a folder that cannot be written stops nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from playground.environment import (
    LEASE_SECONDS,
    age,
    database,
    debug,
    engine,
    flag,
    folder,
    networks,
    number,
    secret_key,
    token,
    whole,
    words,
)
from playground.outlook import exporters, log_form, metrics_port, trace_url

BASE_DIR = Path(__file__).resolve().parent.parent

# Must equal `sagas.databases.SERVICES`, which settings cannot import: it needs settings.
SERVICES = ("inventory", "orders", "payments", "warehouse", "delivery", "flights", "hotels", "mail")

SAGA_DATA = folder(Path(os.environ.get("SAGA_DATA") or BASE_DIR / "var").resolve())
SAGA_PUBLIC = flag("SAGA_PUBLIC")
SAGA_KEEP_SECONDS = age("SAGA_KEEP", "7d")  # after which a public site drops a finished run
SAGA_LIMITS_TIMES = whole("SAGA_LIMITS_TIMES", 1, 1)  # so many times the limits of all visitors together
SAGA_TRUSTED_PROXIES = networks("SAGA_TRUSTED_PROXIES")  # whose X-Forwarded-For and -Proto are believed
# Who drives new runs: an engine elsewhere (`sagas.engines`), or "", this project's own workers (`builtin`).
SAGA_ENGINE = engine("SAGA_ENGINE", "temporal", "durable")
TEMPORAL_ADDRESS = os.environ.get("TEMPORAL_ADDRESS") or "127.0.0.1:7233"
TEMPORAL_NAMESPACE = os.environ.get("TEMPORAL_NAMESPACE") or "default"
# Workflows that a process keeps in memory; with 0 each thought folds its workflow's history again.
TEMPORAL_CACHED_WORKFLOWS = whole("TEMPORAL_CACHED_WORKFLOWS", 1000)
DURABLE_ADDRESS = os.environ.get("DURABLE_ADDRESS", "")  # of a Durable Task backend; without it one in memory
SAGA_LEASE_SECONDS = number("SAGA_LEASE_SECONDS", LEASE_SECONDS)
REDIS_URL = os.environ.get("REDIS_URL", "")
# Who hears of commits in a worker of its own; without Redis nobody outside of its process could.
SAGA_LISTENERS = ["playground.live.publish"] if REDIS_URL else []
SAGA_BELL = "playground.bell.bell" if REDIS_URL else ""  # who calls workers of other processes
SAGA_POLL_SECONDS = number("SAGA_POLL_SECONDS", 1.0)
SAGA_STRAND_SECONDS = number("SAGA_STRAND_SECONDS", 60.0)  # that no live worker has had a run's definition
# Who is told of a saga that waits for a person (`sagas.alerts`); links in what is told begin with the site's address.
SAGA_ALERT_WEBHOOK = os.environ.get("SAGA_ALERT_WEBHOOK", "")
SAGA_ALERT_SECRET = os.environ.get("SAGA_ALERT_SECRET", "")
SAGA_ALERT_TIMEOUT_SECONDS = number("SAGA_ALERT_TIMEOUT_SECONDS", 10.0)
SAGA_ALERT_RETRY_SECONDS = number("SAGA_ALERT_RETRY_SECONDS", 1.0)
SAGA_SERVICES_TOKEN = token(
    "SAGA_SERVICES_TOKEN"
)  # opens the services to drivers elsewhere; without it there is no door
SAGA_SITE_URL = os.environ.get("SAGA_SITE_URL", "")
# Who looks on: see docs/OBSERVABILITY.md.
SAGA_AROUND_WORK = ["playground.observed.work_alone"]  # what a worker of its own works within
SAGA_TRACES_EXPORTERS = exporters()
SAGA_TRACE_URL = trace_url()
SAGA_METRICS_PORT = metrics_port()
SAGA_METRICS_HOST = os.environ.get("SAGA_METRICS_HOST", "127.0.0.1")

SECRET_KEY = secret_key(SAGA_DATA / "secret_key", SAGA_PUBLIC)
DEBUG = debug(SAGA_PUBLIC)
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    # Only its own `runserver` needs to be an app; the server that `play` starts does not, and workers have no use for Twisted.
    *(["daphne"] if "runserver" in sys.argv else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "ninja",  # its pages of the API then load from here, not from elsewhere
    "sagas.apps.SagasConfig",
    *(f"sagas.services.{name}" for name in SERVICES),
    "playground",
]

MIDDLEWARE = [
    "playground.machines.ForMachines",
    "playground.refusals.Tls",
    "django.middleware.security.SecurityMiddleware",
    "playground.api.refusals.RefusalsInJson",
    "playground.nul.NoNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "playground.refusals.Refusals",
]

ROOT_URLCONF = "playground.urls"
ASGI_APPLICATION = "playground.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "playground.context.chapters",
            ],
        },
    },
]

DATABASES = {alias: database(alias, SAGA_DATA) for alias in ("default", *SERVICES)}
DATABASE_ROUTERS = ["sagas.databases.ServiceRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Without it an idle subscriber dies after five seconds. Source: django/channels_redis#422.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
SAGA_STATIC = os.environ.get("SAGA_STATIC", "")  # where `collectstatic` has put its files: served as they are, for ever
STATIC_ROOT = folder(Path(SAGA_STATIC) if SAGA_STATIC else SAGA_DATA / "static")
WHITENOISE_USE_FINDERS = not SAGA_STATIC
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if SAGA_STATIC
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],  # the nonce is for the import map, which cannot be a file
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "playground.refusals.forged"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SAGA_PUBLIC
SECURE_HSTS_SECONDS = 31_536_000 if SAGA_PUBLIC else 0  # a year
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SAGA_PUBLIC
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # `playground.refusals.Tls` redirects, and knows who needs no TLS
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024  # bytes, of the longest body that `playground.bodies` lets through: a history

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "playground.logs.JsonLines"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_form()}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {name: {"level": "INFO"} for name in ("sagas", "playground")},
}
