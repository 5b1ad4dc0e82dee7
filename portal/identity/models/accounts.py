"""Where a service account lives, what it is for, and how it stands."""

from django.db import models
from django.db.models import F, Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core.models import Base
from portal.users.models import User


class AccountState(models.TextChoices):
    ACTIVE = "active"
    DISABLED = "disabled"
    ENDED = "ended"


class ServiceAccount(Base):
    """The home of a service account. Its id is that of its user, so one id names it everywhere.

    Who manages service accounts at `scope`, or above it, manages this one, wherever its roles reach. `told_gone_at` is when
    they were told that its owner no longer belongs there.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="service_account")
    scope = models.ForeignKey(Scope, models.PROTECT, related_name="service_accounts")
    purpose = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=AccountState.choices, default=AccountState.ACTIVE)
    told_gone_at = models.DateTimeField(null=True, blank=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_service_accounts"

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=F("user_id")), name="a_service_account_has_the_id_of_its_user"),)

    def __str__(self) -> str:
        return str(self.user)

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def owner(self) -> User:
        """The person who answers for it."""
        assert self.user.owner is not None
        return self.user.owner
