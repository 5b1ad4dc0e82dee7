"""The event log: append-only by the rights of the database role, in columns fixed from the first migration."""

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models.expressions import RawSQL

from portal.core import clock
from portal.core.fields import PathField
from portal.core.models import new_id
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
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target_kind} {self.target_label}"
