"""People in front of the admin, and what they find there."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.test import Client

from sagas.models import Alert
from sagas.services.inventory.models import Ticket, Unit
from sagas.services.locks import FREE, PENDING
from sagas.services.orders.models import OrderRecord
from tests.engine import Finished, drive, fault, leave_alone, scenario

BREAK_UNDO = (fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation", times=3))


def user(name: str, *permissions: str, superuser: bool = False) -> User:
    """Return a staff user with these permissions of the app `sagas`; the password cannot be used."""
    found, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True, "is_superuser": superuser})
    found.user_permissions.set(Permission.objects.filter(content_type__app_label="sagas", codename__in=permissions))
    return found


def client_of(name: str, *permissions: str, superuser: bool = False, strict: bool = False) -> Client:
    """Return a client that is logged in; `strict` has it need a CSRF token, as browsers do."""
    client = Client(enforce_csrf_checks=strict)
    client.force_login(user(name, *permissions, superuser=superuser))
    return client


def make_room() -> None:
    """Answer every alert and free every record that other tests left: what comes next is on the first page."""
    leave_alone()
    Alert.objects.filter(resolved_at_ms=None).update(resolved_at_ms=1)
    Unit.objects.filter(state=PENDING).update(state=FREE)
    OrderRecord.objects.filter(state=PENDING).update(state=FREE)
    Ticket.objects.all().delete()


def stuck_run(**fields: object) -> Finished:
    """Return a run whose refund failed three times and works from the fourth on."""
    (run,) = drive(scenario(*BREAK_UNDO, timeout_ms=2000, **fields))
    assert run.states[0] == "needs-operator"
    return run
