"""An alert reaches a person: a line in the log as it is raised, and a webhook that is told until it answers.

The row is written in the commit of its `saga-needs-operator`, so no crash loses one. Any worker
may tell of it: it first moves the time of the next try ahead, by compare-and-swap, so that two
do not tell at once and a dead one's try is made again. Whoever listens may thus hear of an alert
twice, with the same id and byte for byte the same body.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import F, QuerySet

from sagas.addresses import is_address
from sagas.entries import Entry, Kind, iso_from_ms
from sagas.errors import WebhookInvalid
from sagas.models import Alert

logger = logging.getLogger(__name__)

AT_ONCE = 20  # alerts that one round tells of
LONGEST_WAIT_MS = 300_000
ID_HEADER, SIGNATURE_HEADER = "X-Saga-Alert", "X-Saga-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where alerts are told: `wait_ms` follows the first try that failed, twice as much each further one."""

    url: str
    secret: str = ""
    site: str = ""
    timeout_ms: int = 10_000
    wait_ms: int = 1000


def webhook() -> Webhook | None:
    """Return what the settings say, None where nobody is to be told. Raises WebhookInvalid for no address."""
    url = getattr(settings, "SAGA_ALERT_WEBHOOK", "")
    if not url:
        return None
    if not is_address(url):
        raise WebhookInvalid(url)
    return Webhook(
        url=url,
        secret=getattr(settings, "SAGA_ALERT_SECRET", ""),
        site=getattr(settings, "SAGA_SITE_URL", "").rstrip("/"),
        timeout_ms=round(getattr(settings, "SAGA_ALERT_TIMEOUT_SECONDS", 10.0) * 1000),
        wait_ms=round(getattr(settings, "SAGA_ALERT_RETRY_SECONDS", 1.0) * 1000),
    )


def log(run: str, entries: Sequence[Entry]) -> None:
    """Write one line, with JSON in it, for each alert among committed entries."""
    for entry in entries:
        if entry.kind is Kind.SAGA_NEEDS_OPERATOR:
            facts = {
                "id": _id(entry.saga, entry.at),
                "run": run,
                "saga": entry.saga,
                "order": entry.order,
                "step": entry.step,
                "reason": entry.detail["reason"],
            }
            logger.error("alert.raised %s", json.dumps(facts), extra=facts)


def due(now: int, only: str = "") -> QuerySet[Alert]:
    """Return the open alerts that somebody has to be told of by now; `only` narrows it to one run."""
    found = Alert.objects.filter(resolved_at_ms=None, notified_at_ms=None, notify_at_ms__lte=now)
    return found.filter(saga__run_id=only) if only else found


async def tell(hook: Webhook, clock: Callable[[], int], only: str = "") -> None:
    """Tell the webhook of the alerts that are due, in a thread of its own, which no end of the process waits for.

    `clock` returns the time in milliseconds since the epoch: one alert may take long, and the next one's time is later.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            for alert in due(clock(), only).select_related("saga").order_by("notify_at_ms", "pk")[:AT_ONCE]:
                _tell(hook, alert, clock)
        except Exception:
            logger.exception("alert.telling-failed")
        finally:
            connections.close_all()
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended.set)

    Thread(target=work, name="alerts", daemon=True).start()
    await ended.wait()


def told(alert: Alert, site: str = "") -> dict[str, Any]:
    """Return the body that a webhook is sent: the same at every try."""
    saga = alert.saga
    return {
        "id": _id(saga.pk, alert.raised_at_ms),
        "kind": "needs-operator",
        "run": saga.run_id,
        "saga": saga.pk,
        "order": saga.order,
        "step": alert.step,
        "reason": alert.reason,
        "raised_at": iso_from_ms(alert.raised_at_ms),
        "links": {"run": f"{site}/runs/{saga.run_id}/", "admin": f"{site}/admin/sagas/saga/{saga.pk}/change/"},
    }


def signature(secret: str, body: bytes) -> str:
    """Return what proves that a body is ours: `sha256=` and its HMAC under the shared secret, in hex."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _tell(hook: Webhook, alert: Alert, clock: Callable[[], int]) -> None:
    """Tell of one alert, outside of any transaction. Nobody else tries until this try must be over."""
    mine = Alert.objects.filter(pk=alert.pk, notify_at_ms=alert.notify_at_ms, notified_at_ms=None)
    wait_ms = min(LONGEST_WAIT_MS, hook.wait_ms * 2 ** min(alert.notify_tries, 20))
    if not mine.update(notify_at_ms=clock() + hook.timeout_ms + wait_ms, notify_tries=F("notify_tries") + 1):
        return
    body = json.dumps(told(alert, hook.site), sort_keys=True).encode()
    failure = _post(hook, _id(alert.saga_id, alert.raised_at_ms), body)
    row = Alert.objects.filter(pk=alert.pk)
    if failure:
        row.update(notify_at_ms=clock() + wait_ms)
        where = {"run": alert.saga.run_id, "saga": alert.saga_id, "step": alert.step}
        logger.warning("alert.not-told %s: %s", alert.saga_id, failure, extra=where)
    else:
        row.update(notified_at_ms=clock())


def _post(hook: Webhook, alert: str, body: bytes) -> str:
    """Send a body; return why it was not taken, or ""."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": alert, ID_HEADER: alert}
    if hook.secret:
        headers[SIGNATURE_HEADER] = signature(hook.secret, body)
    request = urllib.request.Request(hook.url, data=body, headers=headers, method="POST")
    try:
        with _OPENER.open(request, timeout=hook.timeout_ms / 1000):
            return ""
    except urllib.error.HTTPError as answer:
        with answer:
            return f"the webhook answered {answer.code}"
    except (OSError, http.client.HTTPException) as error:
        return f"the webhook cannot be reached: {error}"


class _NoDetour(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is a failure: what is told is for the one address that was configured."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoDetour)


def _id(saga: str, raised_at_ms: int) -> str:
    return f"{saga}@{raised_at_ms}"
