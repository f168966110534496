"""Who knocks at the admin's door, and how often: attempts to log in, by address and by user name.

Each is counted before the password is looked at, and forgiven when it was right.
"""

from __future__ import annotations

import unicodedata

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse

from playground import limits
from playground.typing import Request
from playground.visitors import hidden, visitor_of


@login_not_required
def login(request: Request) -> HttpResponse:
    """Django's own view. Raises OverLimit on a public site."""
    if request.method != "POST" or not settings.SAGA_PUBLIC:
        return admin.site.login(request)
    counted = (limits.LOGINS, visitor_of(request)), (limits.LOGINS_AS_ONE, _user(request))
    for limit, who in counted:
        limits.take(limit, who)
    response = admin.site.login(request)
    if request.user.is_authenticated:
        for limit, who in counted:
            limits.give_back(limit, who)
    return response


def _user(request: Request) -> str:
    return hidden(unicodedata.normalize("NFKC", request.POST.get("username", "")).casefold().strip())
