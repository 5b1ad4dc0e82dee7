"""What an organization's directory pushes by SCIM: its tokens, its people, its groups."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import Scope
from portal.core import clock
from portal.core.models import Base
from portal.users.models import Identity, User

ALIAS = "scim:"
"""Begins the issuer, and the provider in rules, of what an organization's SCIM says: with a colon, which no provider's alias has."""


def scim_issuer(organization: Scope) -> str:
    """Who says what is pushed for an organization. It holds the id: a name can change hands."""
    return f"{ALIAS}{organization.pk.hex}"


class ScimToken(Base):
    """Lets an organization's directory push into it, and do nothing else. Kept as a digest."""

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="scim_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    expires = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = AccessManager()
    scope_lookup = "organization"
    view_permission = "manage_identity_providers"

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)

    @property
    def is_alive(self) -> bool:
        """Whether it opens anything now."""
        return self.revoked_at is None and self.expires > clock.now()


class ScimResource(Base):
    """What was pushed: `data` as it came, `folded` the same for filters, `version` for its ETag.

    `key` is the name that is unique in the organization, in whichever case.
    """

    organization = models.ForeignKey(Scope, models.PROTECT, related_name="%(class)ss")
    key = models.CharField(max_length=200)
    external_id = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict)
    folded = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["organization", "key"], name="%(class)s_one_per_name"),
            models.UniqueConstraint(
                fields=["organization", "external_id"], condition=~Q(external_id=""), name="%(class)s_one_per_external_id"
            ),
        )
        indexes = (GinIndex(fields=["folded"], opclasses=["jsonb_path_ops"], name="%(class)s_folded"),)

    @property
    def scope_path(self) -> str:
        return str(self.organization.path)

    @property
    def label(self) -> str:
        """Events keep ids of people, never names."""
        return ""


class ScimUser(ScimResource):
    """A person as the directory describes her. `made_her`: she was new when she came, so her name and address follow."""

    identity = models.OneToOneField(Identity, models.CASCADE, related_name="scim_user")
    active = models.BooleanField(default=True)
    made_her = models.BooleanField(default=True)

    class Meta(ScimResource.Meta):
        pass

    def __str__(self) -> str:
        return str(self.data.get("userName", ""))


class ScimGroup(ScimResource):
    """A group as the directory describes it; rules name it by its display name."""

    members: Any = models.ManyToManyField(ScimUser, related_name="groups", through="ScimMember")

    class Meta(ScimResource.Meta):
        pass

    def __str__(self) -> str:
        return str(self.data.get("displayName", ""))

    @property
    def label(self) -> str:
        return str(self)


class ScimMember(models.Model):
    """A person is in a group; `display` is what the directory calls her there, empty where that is her sign-in name."""

    group = models.ForeignKey(ScimGroup, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(ScimUser, models.CASCADE, related_name="memberships")
    display = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["group", "user"], name="one_scim_membership_each"),)

    def __str__(self) -> str:
        return f"{self.group_id} {self.user_id}"
