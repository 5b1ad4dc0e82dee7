"""Calendars: in which hours an organization's people decide."""

from datetime import time
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base


def workdays() -> list[int]:
    return [0, 1, 2, 3, 4]


class Calendar(Base):
    """A working week of an organization, chosen by a place under its `key`. Times are those of the place's own zone."""

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="calendars")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    days: Any = ArrayField(models.PositiveSmallIntegerField(), default=workdays)
    begins = models.TimeField(default=time(9))
    ends = models.TimeField(default=time(17))
    holidays: Any = ArrayField(models.DateField(), default=list, blank=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["scope", "key"], name="one_calendar_per_key"),
            models.CheckConstraint(condition=Q(begins__lt=F("ends")), name="a_working_day_begins_before_it_ends"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
