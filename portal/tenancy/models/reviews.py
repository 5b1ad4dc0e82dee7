"""Access reviews: who holds what, looked through by the admins until a day, each kept or revoked with a word why."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope, Source
from portal.core.models import Base
from portal.users.models import User


class Review(Base):
    """One look through every role and share at a scope and below, as they stood when it began. Over at `due`.

    What nobody decided by then ends where `ends_undecided`, and stays where not.
    """

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="reviews")
    name = models.CharField(max_length=120)
    started_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    due = models.DateTimeField()
    ends_undecided = models.BooleanField(default=False)
    reminded_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = (
            models.UniqueConstraint(fields=["scope"], condition=Q(closed_at=None), name="one_open_review_per_scope"),
        )
        indexes = (models.Index(fields=["due"], condition=Q(closed_at=None), name="review_due"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class Verdict(models.TextChoices):
    KEEP = "keep"
    REVOKE = "revoke"
    ENDED = "ended"


class ReviewItem(Base):
    """One role or share under review; frozen, so that the record outlives it. `verdict` is empty while nobody decided, and
    `ended` where it ended by itself meanwhile; `about` what is shared, where that is not the scope.
    """

    review = models.ForeignKey(Review, models.CASCADE, related_name="items")
    is_share = models.BooleanField(default=False)
    thing = models.CharField(max_length=40)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    group = models.CharField(max_length=120, blank=True)
    gives = models.CharField(max_length=120)
    about = models.CharField(max_length=200, blank=True)
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="+")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MANUAL)
    since = models.DateTimeField()
    expires = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["review", "is_share", "thing"], name="one_item_per_thing_reviewed"),
            models.CheckConstraint(condition=Q(user=None) ^ Q(group=""), name="an_item_is_of_a_person_or_a_group"),
            models.CheckConstraint(
                condition=Q(verdict="", decided_at=None) | (~Q(verdict="") & Q(decided_at__isnull=False)),
                name="a_verdict_has_its_moment",
            ),
        )

    def __str__(self) -> str:
        return self.gives

    @property
    def holder(self) -> str:
        """The person's or the group's name."""
        return str(self.user) if self.user else self.group

    @property
    def comes_from_elsewhere(self) -> bool:
        """Given by a rule or by SCIM, which would give it again: it ends where it comes from."""
        return self.source in (Source.RULE, Source.SCIM)
