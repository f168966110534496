"""Visitors of a public site: each with an address of its own, and all of them by TLS."""

from __future__ import annotations

from typing import Any

from django.test import Client


class Visitor(Client):
    """A browser, or a script, at one address. `strict` has it need a CSRF token, as browsers do."""

    def __init__(self, number: int = 1, *, strict: bool = False) -> None:
        super().__init__(enforce_csrf_checks=strict, raise_request_exception=False, REMOTE_ADDR=f"203.0.113.{number}")

    def generic(self, *args: Any, **asked: Any) -> Any:
        return super().generic(*args, **{**asked, "secure": True})
