"""What the environment says of traces, metrics and logs, as the values that `playground.settings` is made of."""

from __future__ import annotations

import os
from string import Formatter

from django.core.exceptions import ImproperlyConfigured

from playground.environment import flag, words
from sagas.addresses import is_address

EXPORTERS = ("otlp", "console")
PROTOCOL = "http/protobuf"
TRACE_FIELDS = ("trace_id", "trace_id_dec", "run")
LOGS = ("plain", "json")


def exporters() -> list[str]:
    """Return who is sent traces, by OpenTelemetry's own variables; nobody where they say nothing.

    Raises ImproperlyConfigured for an exporter or a protocol that is not there, or an address that is none.
    """
    endpoint, variable = _first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    named = words("OTEL_TRACES_EXPORTER", "otlp" if endpoint else "")
    if flag("OTEL_SDK_DISABLED") or named == ["none"]:
        return []
    for name in named:
        if name not in EXPORTERS:
            raise ImproperlyConfigured(f"OTEL_TRACES_EXPORTER: {name!r} is none of none, {', '.join(EXPORTERS)}")
    if "otlp" in named:
        if endpoint:
            _need_address(variable, endpoint)
        spoken, variable = _first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
        if spoken not in ("", PROTOCOL):
            raise ImproperlyConfigured(f"{variable}: {spoken!r} is not spoken here, only {PROTOCOL}")
    return named


def trace_url() -> str:
    """Return the address of a trace in somebody's tracer, with `{trace_id}` or its kin in it; "" for none.

    Raises ImproperlyConfigured for no address, or one with another field or without any.
    """
    url = os.environ.get("SAGA_TRACE_URL", "")
    if not url:
        return ""
    try:
        parts = list(Formatter().parse(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"SAGA_TRACE_URL: {error}") from None
    fields = [(name, spec, how) for _, name, spec, how in parts if name is not None]
    if not fields or any(name not in TRACE_FIELDS or spec or how for name, spec, how in fields):
        known = ", ".join(f"{{{name}}}" for name in TRACE_FIELDS)
        raise ImproperlyConfigured(f"SAGA_TRACE_URL: {url!r} must name a trace by {known}, and nothing else in braces")
    _need_address("SAGA_TRACE_URL", url.format(**dict.fromkeys(TRACE_FIELDS, "1")))
    return url


def log_form() -> str:
    """Return how lines of the log are written. Raises ImproperlyConfigured for an unknown way."""
    form = os.environ.get("SAGA_LOG") or LOGS[0]
    if form not in LOGS:
        raise ImproperlyConfigured(f"SAGA_LOG: {form!r} is neither {' nor '.join(LOGS)}")
    return form


def metrics_port() -> int | None:
    """Return where a process without pages serves its metrics, None for nowhere. Raises ImproperlyConfigured."""
    text = os.environ.get("SAGA_METRICS_PORT", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ImproperlyConfigured(f"SAGA_METRICS_PORT: {text!r} is not between 0 and 65535")
    return int(text)


def _first(*names: str) -> tuple[str, str]:
    """Return the first of these variables that says something, and its name."""
    return next(((os.environ[name], name) for name in names if os.environ.get(name)), ("", names[0]))


def _need_address(name: str, url: str) -> None:
    if not is_address(url):
        raise ImproperlyConfigured(f"{name}: {url!r} is no address that begins with http:// or https://")
