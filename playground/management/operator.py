"""The first admin user of a playground that has none: made at the start, its password shown once.

The password has more than a hundred bits, so that its first hash needs no thousand rounds, which
would slow the start down; Django hashes it anew, at full length, when it is first used.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import IntegrityError

from sagas.databases import atomic

NAME = "operator"
PASSWORD_BYTES = 15  # 120 bits, 20 letters
ROUNDS = 1


def first_operator() -> str | None:
    """Return what a start says of the admin after its address: user and password of a superuser just made, or "".

    None for a public site, which makes no user and says nothing.
    """
    if settings.SAGA_PUBLIC:
        return None
    if User.objects.filter(is_superuser=True).exists():
        return ""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hasher = PBKDF2PasswordHasher()
    kept = hasher.encode(password, hasher.salt(), iterations=ROUNDS)
    try:
        with atomic("default"):
            User.objects.create(username=NAME, password=kept, is_staff=True, is_superuser=True)
    except IntegrityError:
        if User.objects.filter(is_superuser=True).exists():
            return ""  # another process has just started, too
        return f" (user {NAME} is taken and is no superuser: manage.py createsuperuser makes one)"
    return f"  user {NAME}  password {password}  (shown this once)"
