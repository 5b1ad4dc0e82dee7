"""The event log and its seals: append-only by the rights of the database role, in columns fixed from the first migration."""

from datetime import UTC

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models.expressions import RawSQL

from portal.core import clock
from portal.core.fields import PathField
from portal.core.models import Base, new_id
from portal.events.checkpoints import Checkpoint
from portal.users.models import User

SCHEMA = 1


class Event(models.Model):
    """One thing that happened. Persons are ids; names are looked up when read."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(default=clock.now)
    actor = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    acting_for = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    viewed_as_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    auth = models.JSONField(default=dict)
    action = models.CharField(max_length=80)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=40)
    target_label = models.CharField(max_length=200, blank=True)
    scope_path = PathField(null=True)
    outcome = models.CharField(max_length=20, default="done")
    reason = models.TextField(blank=True)
    correlation_id = models.CharField(max_length=40, blank=True)
    cause = models.CharField(max_length=80, blank=True)
    detail = models.JSONField(default=dict)
    schema = models.PositiveSmallIntegerField(default=SCHEMA)
    xid = models.BigIntegerField(db_default=RawSQL("(pg_current_xact_id()::text)::bigint", []))

    class Meta:
        indexes = (
            models.Index(fields=["-at", "-id"], name="event_by_time"),
            models.Index(fields=["target_kind", "target_id", "at"], name="event_by_target"),
            models.Index(fields=["actor", "-at"], name="event_by_actor"),
            models.Index(fields=["action", "-at"], name="event_by_action"),
            models.Index(fields=["correlation_id"], name="event_by_correlation"),
            GistIndex(fields=["scope_path"], name="event_by_scope"),
            models.Index(fields=["xid", "id"], name="event_by_transaction"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target_kind} {self.target_label}"


class Position(models.Model):
    """The place of one event in the log, without gaps, and the hash of what it said when it was sealed.

    No foreign key: checking one would lock the event's row, and an event that somebody took away must still be missed.
    """

    position = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    leaf = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.position}"


class Era(models.Model):
    """The log is at home in a cluster of PostgreSQL: every event with a transaction below `horizon` had been sealed by then.

    Transaction ids begin again in another cluster, so where a dump was restored a new era begins.
    """

    cluster = models.CharField(max_length=40)
    horizon = models.BigIntegerField()
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.cluster


class SealKey(models.Model):
    """The public half of a key that signs, under its id; published for who checks."""

    key_id = models.CharField(max_length=20, primary_key=True)
    public = models.BinaryField(max_length=32)
    since = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.key_id


class Seal(Base):
    """A batch of positions sealed as one Merkle tree, chained to the batch before it and signed.

    `upto_xid` and `upto_event` are its last event's; in its era nothing before them is left to seal. It has no era where it
    was made while the log moved in.
    """

    number = models.BigIntegerField(unique=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    chained = models.BinaryField(max_length=32)
    key = models.ForeignKey(SealKey, models.PROTECT, related_name="+", db_index=False)
    signature = models.BinaryField(max_length=64)
    era = models.ForeignKey(Era, models.PROTECT, null=True, related_name="+", db_index=False)
    upto_xid = models.BigIntegerField()
    upto_event = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.number}"

    @property
    def checkpoint(self) -> Checkpoint:
        """What it states, as it was signed."""
        hashes = {name: bytes(getattr(self, name)) for name in ("root", "previous", "chained")}
        at = self.created_at.astimezone(UTC).isoformat(timespec="microseconds")
        return Checkpoint(first=self.first, last=self.last, **hashes, at=at, key=self.key_id)
