"""The first admin user of a playground: made once, with a password that only the start knows."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from pytest_django import Settings

from playground.management.operator import NAME, first_operator

pytestmark = pytest.mark.django_db

WORDS = re.compile(r"  user operator  password (\S{20})  \(shown this once\)")


def test_the_first_start_makes_a_superuser_and_the_next_one_does_not() -> None:
    User.objects.filter(is_superuser=True).delete()
    said = WORDS.fullmatch(first_operator() or "")
    assert said is not None
    assert first_operator() == ""
    made = User.objects.get(username=NAME)
    assert (made.is_staff, made.is_superuser) == (True, True)
    assert said[1] not in made.password


def test_the_password_lets_in_and_is_then_hashed_at_full_length() -> None:
    User.objects.filter(is_superuser=True).delete()
    said = WORDS.fullmatch(first_operator() or "")
    assert said is not None
    before = User.objects.get(username=NAME).password
    assert authenticate(username=NAME, password="guess") is None
    assert authenticate(username=NAME, password=said[1]) == User.objects.get(username=NAME)
    rounds = [int(kept.split("$")[1]) for kept in (before, User.objects.get(username=NAME).password)]
    assert rounds[0] < 1000 <= 100_000 < rounds[1]


def test_two_starts_print_two_passwords() -> None:
    said = set()
    for _ in range(2):
        User.objects.filter(is_superuser=True).delete()
        said.add(first_operator())
    assert len(said) == 2


def test_a_name_that_is_taken_is_told_and_its_user_left_alone() -> None:
    User.objects.filter(is_superuser=True).delete()
    User.objects.create(username=NAME, password="!")
    assert "createsuperuser" in (first_operator() or "")
    assert not User.objects.get(username=NAME).is_superuser


def test_a_public_site_makes_nobody(settings: Settings) -> None:
    User.objects.filter(is_superuser=True).delete()
    settings.SAGA_PUBLIC = True
    assert first_operator() is None
    assert not User.objects.filter(username=NAME).exists()
