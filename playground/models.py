"""What the website itself keeps, in the default database."""

from __future__ import annotations

from django.db import models


class ApiAnswer(models.Model):
    """What the API answered under an `Idempotency-Key`, byte for byte, and what it was asked.

    Written in the transaction of what it answers for: either both are there, or neither.
    """

    key = models.CharField(primary_key=True, max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    body = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
