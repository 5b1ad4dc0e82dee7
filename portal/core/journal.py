"""The journal: a step is written before a cloud is asked, so a crash can be told from a refusal, and a retry adopts."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import models

from portal.core import clock
from portal.core.models import Base

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
MOST_FAILURES = 8
MOST_DOUBLINGS = 16  # the wait no longer grows long before, and one doubled a thousand times is no time at all


class StepState(models.TextChoices):
    PLANNED = "planned"
    ASKED = "asked"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"


OPEN_STATES = (StepState.PLANNED, StepState.ASKED, StepState.WAITING)


class StepBase(Base):
    """One call asked of the outside. Its id is the idempotency key; each app has a table of its own."""

    verb = models.CharField(max_length=40)
    state = models.CharField(max_length=12, choices=StepState.choices, default=StepState.PLANNED)
    tries = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=clock.now)
    asked = models.JSONField(default=dict, blank=True)
    ref = models.CharField(max_length=200, blank=True)
    answer = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def key(self) -> str:
        """What the cloud sees: the same call under the same key is one thing."""
        return self.id.hex

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def mark_asked(self) -> None:
        """Commit this before the call."""
        self.state, self.tries, self.asked_at = StepState.ASKED, self.tries + 1, clock.now()
        self.save(update_fields=["state", "tries", "asked_at"])

    def mark_waiting(self, ref: str, poll_after_s: float) -> None:
        """The cloud works on it; ask again with `ref` when due."""
        self.state, self.ref = StepState.WAITING, ref
        self.failures, self.due_at = 0, clock.now() + timedelta(seconds=poll_after_s)
        self.save(update_fields=["state", "ref", "failures", "due_at"])

    def mark_done(self, answer: dict[str, Any]) -> None:
        self.state, self.answer, self.error, self.settled_at = StepState.DONE, answer, "", clock.now()
        self.save(update_fields=["state", "answer", "error", "settled_at"])

    def mark_later(self, error: str) -> None:
        """It failed and may work later: due again after a growing wait with jitter."""
        self.failures += 1
        self.error, self.due_at = error, clock.now() + back_off(self.failures)
        self.save(update_fields=["error", "failures", "due_at"])

    def mark_failed(self, error: str) -> None:
        self.state, self.error, self.settled_at = StepState.FAILED, error, clock.now()
        self.save(update_fields=["state", "error", "settled_at"])

    def mark_abandoned(self) -> None:
        """Nobody wants it any more; what it may have made is found by its key."""
        self.state, self.settled_at = StepState.ABANDONED, clock.now()
        self.save(update_fields=["state", "settled_at"])

    def may_retry(self) -> bool:
        """Whether one more failure is not the last."""
        return self.failures + 1 < MOST_FAILURES

    def is_due(self, at: datetime) -> bool:
        return self.is_open and self.due_at <= at


def back_off(failures: int) -> timedelta:
    """Doubling from five seconds to ten minutes, with up to a quarter of jitter."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(max(failures - 1, 0), MOST_DOUBLINGS), LONGEST_WAIT)
    return wait * (1 + random.random() / 4)  # noqa: S311 - jitter, not a secret
