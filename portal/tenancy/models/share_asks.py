"""Shares that wait for a decision, where a policy asks for one."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base
from portal.tenancy.models.asks import AskState
from portal.users.models import User


class ShareAsk(Base):
    """One person is to do one thing with something at a scope, until a moment; she may as soon as it is decided on.

    What is shared is named by its kind and id, for the apps that have it lie above.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="share_asks")
    thing_kind = models.CharField(max_length=40)
    thing_id = models.UUIDField()
    thing_label = models.CharField(max_length=200)
    user = models.ForeignKey(User, models.PROTECT, related_name="share_asks")
    permission = models.CharField(max_length=40)
    expires = models.DateTimeField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="shares_asked")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "share_resource"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "permission", "thing_kind", "thing_id"],
                condition=Q(state="waiting"),
                name="one_waiting_ask_per_share",
            ),
        )

    def __str__(self) -> str:
        return f"{self.permission} · {self.thing_label}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
