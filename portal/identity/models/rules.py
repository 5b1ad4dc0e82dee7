"""Rules that turn what is said of people into roles."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.access.managers import AccessManager
from portal.access.models import Role, Scope
from portal.core.models import Base
from portal.identity import claims
from portal.identity.models.scim import ALIAS
from portal.users.models import User


class Compare(models.TextChoices):
    """How a rule compares a value of a claim with its own."""

    IS = claims.ONE, _("is")
    STARTS = claims.MANY, _("begins with")


class MappingRule(Base):
    """Whoever a provider says this of holds the role at the scope and below; never who wrote the rule."""

    provider = models.CharField(max_length=100, blank=True)
    claim = models.CharField(max_length=100, default="groups")
    compare = models.CharField(max_length=10, choices=Compare.choices, default=Compare.IS)
    value = models.CharField(max_length=300)
    role = models.ForeignKey(Role, models.PROTECT, related_name="rules")
    scope = models.ForeignKey(Scope, models.CASCADE, related_name="rules")
    author = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "manage_members"

    class Meta:
        ordering: ClassVar[list[str]] = ["scope__path", "claim", "value", "id"]
        constraints = (
            models.UniqueConstraint(
                fields=["provider", "claim", "compare", "value", "role", "scope"], name="one_mapping_rule_each"
            ),
        )

    def __str__(self) -> str:
        return f"{self.claim} {self.get_compare_display()} {self.value}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_by_scim(self) -> bool:
        """Whether it believes what the organization's directory pushes."""
        return self.provider.startswith(ALIAS)

    def as_rule(self) -> claims.Rule:
        """What the pure part compares with."""
        author = self.author.person_id if self.author else None
        return claims.Rule(self.pk, self.provider, self.claim, self.compare, self.value, self.role_id, self.scope_id, author)
