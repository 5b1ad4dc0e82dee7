"""The base of every table, and two small tables of core: parcels (secrets on their way) and the test clock."""

import os
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models

from portal.core import clock


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): sorts by the time it was made, to the millisecond."""
    milliseconds = int(clock.now().timestamp() * 1000)
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


class Base(models.Model):
    """An id that sorts by time, the moment it was made, and the word for what it is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def kind(cls) -> str:
        """The word for this thing in events, links and URL names."""
        return cls._meta.model_name or ""

    @property
    def label(self) -> str:
        """What people call it; empty where that would name a person."""
        return str(self)


class Parcel(models.Model):
    """A secret on its way between a page and a worker: sealed, read once, gone after ten minutes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    for_user = models.CharField(max_length=40)
    about = models.CharField(max_length=100, blank=True)
    sealed = models.BinaryField()

    class Meta:
        indexes = (models.Index(fields=["created_at"]), models.Index(fields=["about"]))

    def __str__(self) -> str:
        return self.about


class ClockOffset(models.Model):
    """One row that moves the clock of every process; read only where PORTAL_TEST_CLOCK is on."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seconds = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_clock_offset"),)

    def __str__(self) -> str:
        return f"{self.seconds} s"

    @classmethod
    def read(cls) -> None:
        """Set this process's clock from the row; nothing happens in production."""
        if settings.PORTAL_TEST_CLOCK:
            row: Any = cls.objects.filter(pk=1).first()
            clock.shift(timedelta(seconds=row.seconds if row else 0))
