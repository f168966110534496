"""A pool: a number of like things in a world, none of which anybody asks for by name.

Taking and giving back are differences, so that they commute with what others do.
Source: Richardson, "Microservices Patterns", chapter 4.3, countermeasure commutative updates.
"""

from __future__ import annotations

from django.db import models

from sagas.services.models import WORLD_LENGTH


class Pool(models.Model):
    """A number of like things in a world, of which some are taken."""

    world = models.CharField(max_length=WORLD_LENGTH, primary_key=True)
    size = models.PositiveIntegerField()
    taken = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.world}: {self.taken} of {self.size}"


def take(pool: type[Pool], world: str) -> bool:
    """Return whether one more could be taken: one conditional update, so that none is taken twice."""
    room = pool._default_manager.filter(world=world, taken__lt=models.F("size"))
    return room.update(taken=models.F("taken") + 1) == 1


def give_back(pool: type[Pool], world: str) -> None:
    """Put one back, as a difference: what others took in between stays taken."""
    pool._default_manager.filter(world=world).update(taken=models.F("taken") - 1)
