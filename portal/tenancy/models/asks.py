"""What people ask for themselves: a project, or to be let into one; and until when a project is wanted."""

from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import DataClass, Environment, Role, Scope
from portal.core.models import Base
from portal.users.models import User


class AskState(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ProjectAsk(Base):
    """Somebody wants a project in a tenant, until a day. `project` is what became of it; `owner` may be somebody else."""

    tenant = models.ForeignKey(Scope, models.CASCADE, related_name="project_asks")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, allow_unicode=True)
    purpose = models.TextField()
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    cost_centre = models.CharField(max_length=40, blank=True)
    environment = models.CharField(max_length=20, choices=Environment.choices, blank=True)
    data_class = models.CharField(max_length=20, choices=DataClass.choices, blank=True)
    ends = models.DateField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="project_asks")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)
    project = models.OneToOneField(Scope, models.PROTECT, null=True, related_name="ask")

    objects = AccessManager()
    scope_lookup = "tenant"
    view_permission = "manage_projects"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["asked_by", "tenant", "slug"], condition=Q(state="waiting"), name="one_waiting_ask_per_project_name"
            ),
            models.CheckConstraint(
                condition=Q(state="done", project__isnull=False) | (~Q(state="done") & Q(project=None)),
                name="a_ask_that_is_done_has_its_project",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope_path(self) -> str:
        return str(self.tenant.path)


class JoinAsk(Base):
    """Somebody wants a role in a project, until a moment or without an end."""

    project = models.ForeignKey(Scope, models.CASCADE, related_name="join_asks")
    role = models.ForeignKey(Role, models.PROTECT, related_name="+")
    reason = models.TextField()
    until = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="join_asks")
    state = models.CharField(max_length=10, choices=AskState.choices, default=AskState.WAITING)

    objects = AccessManager()
    scope_lookup = "project"
    view_permission = "manage_members"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["asked_by", "project", "role"], condition=Q(state="waiting"), name="one_waiting_ask_per_role"
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} · {self.project}"

    @property
    def scope_path(self) -> str:
        return str(self.project.path)


class ProjectEnd(Base):
    """The last day that a project is wanted, and what for. `told_soon` and `told` are the days that people were told of."""

    project = models.OneToOneField(Scope, models.CASCADE, related_name="end")
    purpose = models.TextField(blank=True)
    ends = models.DateField(null=True)
    told_soon = models.DateField(null=True)
    told = models.DateField(null=True)

    objects = AccessManager()
    scope_lookup = "project"
    view_permission = "view_scope"

    class Meta:
        indexes = (models.Index(fields=["ends"], condition=Q(ends__isnull=False), name="project_end_by_day"),)

    def __str__(self) -> str:
        return f"{self.project} {self.ends or ''}".strip()

    @property
    def scope_path(self) -> str:
        return str(self.project.path)
