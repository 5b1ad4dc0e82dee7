"""Changes of policies that somebody proposed: what is to be put in force, or to end, once another agrees."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.approvals.models.policies import Policy
from portal.core.models import Base
from portal.users.models import User


class ChangeAct(models.TextChoices):
    PUBLISH = "publish"
    RETIRE = "retire"


class ChangeState(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class PolicyChange(Base):
    """One version of a policy that somebody proposes, or the end of one. `replaces` is what was in force as it was proposed.

    `alone_from` is set where nobody else could decide on it: from then on it may be put through by who asked, since all
    who vote or manage policies there were told. `made` is the version that came of it.
    """

    scope = models.ForeignKey(Scope, models.PROTECT, related_name="policy_changes")
    name = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=40)
    act = models.CharField(max_length=10, choices=ChangeAct.choices, default=ChangeAct.PUBLISH)
    conditions = models.JSONField(default=list)
    stages = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    replaces = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="changes")
    made = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="made_from")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ChangeState.choices, default=ChangeState.WAITING)
    alone_from = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_policies"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["scope", "subject_kind", "name"],
                condition=Q(state="waiting"),
                name="one_waiting_change_per_policy",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at=None) | (~Q(state="waiting") & Q(settled_at__isnull=False)),
                name="a_policy_change_is_settled_when_it_does_not_wait",
            ),
        )
        indexes = (models.Index(fields=["state", "-created_at"], name="policy_change_by_state"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_waiting(self) -> bool:
        return self.state == ChangeState.WAITING

    @property
    def retires(self) -> bool:
        return self.act == ChangeAct.RETIRE
