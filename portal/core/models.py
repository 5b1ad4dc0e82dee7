"""The base of every table, and the small tables of core: parcels (secrets on their way), what workers report, the test clock."""

import os
import uuid
from datetime import datetime, timedelta
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


class Outcome(models.TextChoices):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class TaskRun(models.Model):
    """One run of a task, as its worker reports it. Its id is the message's: one that is delivered again takes its own place."""

    KEPT = 50
    LOST_AFTER = timedelta(minutes=15)

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=120)
    worker = models.CharField(max_length=200)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = (models.Index(fields=["name", "outcome", "-started_at"], name="task_run_by_name"),)

    def __str__(self) -> str:
        return f"{self.name} {self.outcome}"

    @property
    def seconds(self) -> float | None:
        """How long it took, once it is over."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None

    @property
    def is_lost(self) -> bool:
        """It began, and its worker never said how it ended: longer ago than any task may take."""
        return self.ended_at is None and self.started_at < clock.now() - self.LOST_AFTER

    @staticmethod
    def begin(run_id: uuid.UUID, name: str, worker: str) -> None:
        """A worker took it up, for the first time or once more."""
        run = TaskRun(id=run_id, name=name[:120], worker=worker[:200], started_at=clock.now())
        changed = ["worker", "outcome", "started_at", "ended_at", "error"]
        TaskRun.objects.bulk_create([run], update_conflicts=True, unique_fields=["id"], update_fields=changed)

    @staticmethod
    def end(run_id: uuid.UUID, outcome: str, error: str = "") -> None:
        """It is over. Now and then the oldest runs of its task with this outcome go; the last fifty stay."""
        TaskRun.objects.filter(pk=run_id).update(outcome=outcome, ended_at=clock.now(), error=error[:300])
        if run_id.int % 16 == 0:
            for run in TaskRun.objects.filter(pk=run_id):
                TaskRun.prune(run.name, outcome)

    @staticmethod
    def prune(name: str, outcome: str) -> None:
        """Keep the last fifty of one task and outcome, so that no flood of good runs buries a failure."""
        runs = TaskRun.objects.filter(name=name, outcome=outcome)
        kept = runs.order_by("-started_at", "-pk")[: TaskRun.KEPT]
        runs.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


class Worker(models.Model):
    """A worker that said it is alive, and when last."""

    SILENT_AFTER = timedelta(seconds=45)
    FORGOTTEN_AFTER = timedelta(days=1)

    name = models.CharField(max_length=200, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        return self.seen_at > clock.now() - self.SILENT_AFTER

    @staticmethod
    def pulse(name: str, started_at: datetime) -> None:
        """It is alive now; those silent for a day are forgotten."""
        now = clock.now()
        row = Worker(name=name[:200], started_at=started_at, seen_at=now)
        changed = ["started_at", "seen_at"]
        Worker.objects.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=changed)
        Worker.objects.filter(seen_at__lt=now - Worker.FORGOTTEN_AFTER).delete()


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
