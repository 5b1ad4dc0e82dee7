"""The scope tree, groups, roles, assignments, shares and API tokens."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from guardian.models import UserObjectPermissionBase

from portal.access.managers import AccessManager
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.core.fields import PathField
from portal.core.models import Base
from portal.users.models import User

DEEPEST = 7  # one organization, five levels of tenants, one project


class ScopeKind(models.TextChoices):
    ORGANIZATION = "organization"
    TENANT = "tenant"
    PROJECT = "project"


class ScopeState(models.TextChoices):
    ACTIVE = "active"
    CLOSING = "closing"
    CLOSED = "closed"


class Environment(models.TextChoices):
    """What a scope is for."""

    TRY = "try", _("Try")
    DEVELOP = "develop", _("Develop")
    PRODUCE = "produce", _("Produce")


class DataClass(models.TextChoices):
    """Whom the data in a scope is for."""

    PUBLIC = "public", _("Public")
    INTERNAL = "internal", _("Internal")
    RESTRICTED = "restricted", _("Restricted")


class Scope(Base):
    """An organization, a tenant in it (nested to five levels), or a project. `path` is the ltree of ids from the root.

    Without an environment or data class of its own it has those of the nearest scope above: `access.classes` tells.
    """

    scope_kind = models.CharField(max_length=12, choices=ScopeKind.choices, db_column="kind")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    path = PathField(unique=True)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, allow_unicode=True)
    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="owned_scopes")
    state = models.CharField(max_length=10, choices=ScopeState.choices, default=ScopeState.ACTIVE)
    calendar = models.CharField(max_length=40, default="default")
    zone = models.CharField(max_length=64, default="UTC")
    environment = models.CharField(max_length=20, choices=Environment.choices, blank=True)
    data_class = models.CharField(max_length=20, choices=DataClass.choices, blank=True)
    cost_centre = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, default="EUR")

    objects = AccessManager()
    scope_lookup = ""
    view_permission = "view_scope"

    class Meta:
        default_permissions = ()
        permissions = tuple(PERMISSIONS.items())
        constraints = (
            models.UniqueConstraint(fields=["parent", "slug"], name="one_scope_per_name"),
            models.UniqueConstraint(fields=["slug"], condition=Q(parent=None), name="one_organization_per_name"),
            models.CheckConstraint(
                condition=Q(scope_kind="organization") ^ Q(parent__isnull=False), name="organizations_are_roots"
            ),
            models.CheckConstraint(condition=Q(path__depth__lte=DEEPEST), name="the_tree_has_seven_levels"),
        )
        indexes = (GistIndex(fields=["path"], name="scope_by_path"),)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.path)

    @property
    def organization_id(self) -> str:
        """The root's id, in hex, read from the path."""
        return str(self.path).split(".")[0]

    def path_below(self, child: "Scope") -> str:
        return f"{self.path}.{child.pk.hex}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.path:
            self.path = self.parent.path_below(self) if self.parent else self.pk.hex
        super().save(*args, **kwargs)


class Group(Base):
    """People who hold roles together."""

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="groups")
    name = models.CharField(max_length=120)
    members: Any = models.ManyToManyField(
        User, through="GroupMember", through_fields=("group", "user"), related_name="portal_groups", blank=True
    )

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (models.UniqueConstraint(fields=["scope", "name"], name="one_group_per_name"),)

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """Who is in which group, since when and by whose act."""

    group = models.ForeignKey(Group, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    added_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "access_group_members"
        unique_together = (("group", "user"),)

    def __str__(self) -> str:
        return f"{self.group_id} {self.user_id}"


class Role(Base):
    """A named set of permissions. Built-in roles have no scope and are written by `sync_roles`."""

    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    scope = models.ForeignKey(Scope, models.CASCADE, null=True, blank=True, related_name="roles")
    permissions: Any = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["scope", "key"], name="one_role_per_key", nulls_distinct=False),)

    def __str__(self) -> str:
        return self.name


class Source(models.TextChoices):
    """Where an assignment came from; a sync removes only its own."""

    MANUAL = "manual"
    RULE = "rule"
    SCIM = "scim"
    APPROVAL = "approval"


class Assignment(Base):
    """A role for a user or a group on a scope and all below it, from `starts` until `expires`.

    `granted_at` is when it last began by somebody's act, `told_end` the end that she was told of last.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="assignments")
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="assignments")
    role = models.ForeignKey(Role, models.PROTECT, related_name="assignments")
    scope = models.ForeignKey(Scope, models.CASCADE, related_name="assignments")
    starts = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(null=True, blank=True)
    told_end = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MANUAL)
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField(default=clock.now)
    approval = models.CharField(max_length=40, blank=True)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(user=None) ^ Q(group=None), name="an_assignment_has_one_principal"),
            models.CheckConstraint(
                condition=Q(expires=None) | Q(starts=None) | Q(expires__gt=F("starts")),
                name="an_assignment_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["user", "group", "role", "scope", "source"], name="one_assignment_each", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} · {self.scope}"

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)

    @property
    def is_to_come(self) -> bool:
        return self.starts is not None and self.starts > clock.now()


class Share(UserObjectPermissionBase):
    """A time-boxed exception on one object. A row that guardian alone writes has expired at once.

    `offered` are the permissions that may be shared of such an object: to look and to use, never to govern.
    """

    offered: ClassVar[tuple[str, ...]] = ()
    expires = models.DateTimeField(default=clock.now)
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    approval = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True

    @property
    def gives(self) -> Any:
        """What it lets her do, in words."""
        return PERMISSIONS.get(self.permission.codename, self.permission.codename)


class ScopeShare(Share):
    """One permission on one scope for one person, until a date."""

    content_object = models.ForeignKey(Scope, models.CASCADE, related_name="shares")
    offered = (
        *("view_scope", "view_offering", "view_order", "view_resource", "view_cost", "view_event"),
        *("place_order", "operate_resource", "view_secret"),
    )

    class Meta(Share.Meta):
        abstract = False


class Token(Base):
    """A key to the API: kept as a hash, narrowed by permission and scope, dead when the person's epoch moves on.

    `replaced_by` is the one that a rotation put in its place; `told_days` how many days before its end was told of last.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    permissions: Any = ArrayField(models.CharField(max_length=40), null=True, blank=True)
    scope = models.ForeignKey(Scope, models.CASCADE, null=True, blank=True, related_name="+")
    expires = models.DateTimeField()
    epoch = models.PositiveIntegerField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_from = models.CharField(max_length=64, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    told_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
