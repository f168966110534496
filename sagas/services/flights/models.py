"""Flights' tables: one record per seat, and who stands by for one."""

from __future__ import annotations

from sagas.services import models
from sagas.services.locks import LockableRow
from sagas.services.shelf import Place


class WorldRow(models.WorldRow):
    pass


class LedgerRow(models.LedgerRow):
    pass


class StoredAnswer(models.StoredAnswer):
    pass


class BarrierRow(models.BarrierRow):
    pass


class InboxRow(models.InboxRow):
    pass


class OutboxRow(models.OutboxRow):
    pass


class Seat(LockableRow):
    """One seat: free, PENDING for an order, or sold to it."""


class Standby(Place):
    """A place in the line for a seat."""
