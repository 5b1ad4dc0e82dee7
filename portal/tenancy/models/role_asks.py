"""Roles that an admin gives and that wait for a decision, where a policy asks for one."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Group, Role, Scope
from portal.core.models import Base
from portal.tenancy.models.asks import AskState
from portal.users.models import User


class RoleAsk(Base):
    """Somebody is to have a role at a scope; it is given as soon as it is decided on."""

    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="role_asks")
    group = models.ForeignKey(Group, models.CASCADE, null=True, related_name="role_asks")
    role = models.ForeignKey(Role, models.CASCADE, related_name="+")
    scope = models.ForeignKey(Scope, models.CASCADE, related_name="role_asks")
    starts = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="roles_asked")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(user=None) ^ Q(group=None), name="a_role_ask_has_one_principal"),
            models.UniqueConstraint(
                fields=["user", "group", "role", "scope"],
                condition=Q(state="waiting"),
                name="one_waiting_ask_per_role_given",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
