"""Create, rename and close what is in the tree; give and end roles; set quotas."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.classes import check_classes
from portal.access.guard import permissions_at, require, require_fresh
from portal.access.models import Assignment, Group, Role, Scope, ScopeKind, ScopeState, Source
from portal.access.resolver import is_in_force
from portal.core import clock, queue
from portal.core.errors import Conflict, Forbidden, Invalid, Refused
from portal.events.models import Event
from portal.events.services import event_of, record, record_all
from portal.notices.services import notify
from portal.tenancy.governed import waits_for_decision
from portal.tenancy.granting import write_assignment
from portal.tenancy.models import Quota
from portal.tenancy.queries import still_in
from portal.users.actor import Actor
from portal.users.models import User, UserKind

GOVERNING = ("manage_", "operate_platform", "view_as", "vote")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for somebody at a scope, until a moment or without an end."""

    principal: User | Group
    role: Role
    scope: Scope
    expires: datetime | None = None

    @property
    def key(self) -> tuple[Any, Any, Any]:
        """What tells it from another: who, which role, where."""
        return self.principal.pk, self.role.pk, self.scope.pk


@transaction.atomic
def create_organization(name: str, *, currency: str, zone: str = "UTC", actor: Actor) -> Scope:
    """A new root. Only the system makes one: at installation, or by an operator's command."""
    if not actor.is_system:
        raise Forbidden(_("An organization is made when Concord is installed."))
    scope = _create(ScopeKind.ORGANIZATION, None, name, currency=currency, zone=zone)
    record("tenancy.create_organization", scope, actor=actor)
    return scope


@transaction.atomic
def create_tenant(
    parent: Scope, name: str, *, actor: Actor, owner: User | None = None, cost_centre: str = "", cause: Any = ""
) -> Scope:
    """A tenant in an organization or in another tenant, five levels at most. Invalid when the name is taken there."""
    require(actor, "manage_tenants", parent)
    check_open(parent)
    if parent.scope_kind == ScopeKind.PROJECT:
        raise Invalid(_("A project holds no tenants."), fields={"parent": [_("Choose an organization or a tenant.")]})
    if parent.path.count(".") >= 5:
        raise Invalid(_("Tenants nest five levels deep."), fields={"parent": [_("Choose a tenant higher up.")]})
    scope = _create(ScopeKind.TENANT, parent, name, owner=owner, cost_centre=cost_centre)
    record("tenancy.create_tenant", scope, actor=actor, cause=cause)
    actor.forget()  # the tree she may act in has grown
    return scope


@transaction.atomic
def create_project(
    tenant: Scope,
    name: str,
    *,
    actor: Actor,
    owner: User | None = None,
    environment: str = "",
    data_class: str = "",
    cost_centre: str = "",
    cause: Any = "",
) -> Scope:
    """A project in a tenant. Invalid when the name is taken there."""
    require(actor, "manage_projects", tenant)
    check_open(tenant)
    if tenant.scope_kind != ScopeKind.TENANT:
        raise Invalid(_("A project lives in a tenant."), fields={"parent": [_("Choose a tenant.")]})
    check_classes(environment, data_class)
    facts = {"owner": owner, "environment": environment, "data_class": data_class}
    scope = _create(ScopeKind.PROJECT, tenant, name, cost_centre=cost_centre or tenant.cost_centre, **facts)
    record("tenancy.create_project", scope, actor=actor, cause=cause)
    return scope


@transaction.atomic
def change_project(
    project: Scope, *, actor: Actor, environment: str = "", data_class: str = "", cost_centre: str = "", cause: Any = ""
) -> Scope:
    """Say otherwise what a project is for and who pays; what is empty stays as it is."""
    require(actor, "manage_projects", project)
    project = Scope.objects.select_for_update().get(pk=project.pk)
    check_open(project)
    check_classes(environment, data_class)
    said = {"environment": environment, "data_class": data_class, "cost_centre": cost_centre}
    changed = {name: value for name, value in said.items() if value and value != getattr(project, name)}
    before = {name: getattr(project, name) for name in changed}
    for name, value in changed.items():
        setattr(project, name, value)
    if changed:
        project.save(update_fields=list(changed))
        record("tenancy.change_project", project, actor=actor, cause=cause, before=before, after=changed)
    return project


@transaction.atomic
def rename_scope(scope: Scope, name: str, *, actor: Actor) -> Scope:
    """Call it otherwise; its id, and so every link to it, stays."""
    require(actor, manages(scope), scope)
    scope = Scope.objects.select_for_update().get(pk=scope.pk)
    before, scope.name = scope.name, clean_name(name)
    if before != scope.name:
        scope.slug = slug_of(scope.name)
        _save(scope)
        record("tenancy.rename_scope", scope, actor=actor, before=before)
    return scope


@transaction.atomic
def close_scope(scope: Scope, *, actor: Actor) -> Scope:
    """Close what is empty: nothing is ordered in it from here on. Refused while something in it is still there."""
    require(actor, manages(scope), scope)
    scope = Scope.objects.select_for_update().get(pk=scope.pk)
    if scope.state == ScopeState.CLOSED:
        return scope
    left = still_in(scope)
    if left:
        names = ", ".join(str(thing) for thing in left[:5])
        said = ngettext(
            "%(count)s thing is still in it: %(names)s.", "%(count)s things are still in it: %(names)s.", len(left)
        )
        raise Refused(said % {"count": len(left), "names": names})
    scope.state = ScopeState.CLOSED
    scope.save()
    record("tenancy.close_scope", scope, actor=actor)
    return scope


@transaction.atomic
def assign_role(
    principal: User | Group,
    role: Role,
    scope: Scope,
    *,
    actor: Actor,
    expires: datetime | None = None,
    starts: datetime | None = None,
) -> Assignment:
    """Give a role at a scope and all below. Given again, its end is moved. Nobody gives herself one, nor more than she governs."""
    require_fresh(actor)
    if isinstance(principal, Group):
        Group.objects.select_for_update().get(pk=principal.pk)  # nobody joins it while it is looked at who is in it
    check_grant(Grant(principal, role, scope, expires), actor, starts=starts)
    assignment, created = write_assignment(
        principal, role, scope, source=Source.MANUAL, by=actor.user, starts=starts, expires=expires
    )
    detail: dict[str, Any] = {"role": role.key, "to": principal.pk, "expires": expires, "again": not created}
    record("tenancy.assign_role", assignment, actor=actor, **detail)
    actor.forget()
    if isinstance(principal, User) and created:
        notify([principal], "role_given", target=scope, actor=actor, role=str(role))
    return assignment


@transaction.atomic
def assign_roles(grants: Sequence[Grant], *, actor: Actor, cause: Any = "") -> list[Assignment]:
    """Give roles to many people, each by the rules of `assign_role`: all of them or none, in few statements."""
    require_fresh(actor)
    for grant in grants:
        check_grant(grant, actor)
    people = {grant.principal.pk for grant in grants}
    rows = Assignment.objects.filter(user__in=people, group=None, source="manual").select_for_update(of=("self",))
    held = {(row.user_id, row.role_id, row.scope_id): row for row in rows}
    made, moved, at = [], [], clock.now()
    for grant in grants:
        row = held.get(grant.key)
        if row is None:
            who: Any = grant.principal
            row = Assignment(user=who, role=grant.role, scope=grant.scope, source="manual")
            made.append(row)
        else:
            row.role, row.scope = grant.role, grant.scope
            row.granted_at = row.granted_at if is_in_force(row.starts, row.expires, at) else at
            moved.append(row)
        row.starts, row.expires, row.granted_by = None, grant.expires, actor.user
    try:
        with transaction.atomic():
            Assignment.objects.bulk_create(made, batch_size=1000)
    except IntegrityError as error:
        raise Conflict(_("Somebody gave one of these roles at the same moment.")) from error
    Assignment.objects.bulk_update(moved, ["starts", "expires", "granted_by", "granted_at"], batch_size=1000)
    record_all([_given(row, actor, cause, again=False) for row in made] + [_given(row, actor, cause) for row in moved])
    actor.forget()
    told: dict[tuple[Any, Any], list[Assignment]] = {}
    for row in made:
        told.setdefault((row.role_id, row.scope_id), []).append(row)
    for alike in told.values():
        role, scope = alike[0].role, alike[0].scope
        notify([row.user for row in alike if row.user], "role_given", target=scope, actor=actor, role=str(role))
    return [*made, *moved]


@transaction.atomic
def end_assignment(assignment: Assignment, *, actor: Actor, reason: str = "") -> None:
    """Take a role back; it holds no more at the very next request. The last admin of an organization stays."""
    require_fresh(actor)
    require(actor, "manage_members", assignment)
    check_role(assignment.role, assignment.scope, actor)
    if not others_admin(assignment):
        raise Refused(_("This is the last organization admin. Make someone else one first."))
    detail = {"role": assignment.role.key, "to": str(assignment.user_id or assignment.group_id)}
    record("tenancy.end_assignment", assignment, actor=actor, reason=reason, **detail)
    if assignment.user:
        queue.after_commit("leases.revoke_person", assignment.user.pk)
        notify([assignment.user], "role_ended", target=assignment.scope, actor=actor, role=str(assignment.role))
    assignment.delete()
    actor.forget()


@transaction.atomic
def set_quota(scope: Scope, dimension: str, limit: int, *, actor: Actor) -> Quota:
    """At most `limit` of a dimension at the scope and below. Below what is in use is allowed: nothing more fits then."""
    require(actor, "manage_quotas", scope)
    if not dimension.isidentifier() or len(dimension) > 40 or not 0 <= limit < 2**53:
        raise Invalid(fields={"limit": [_("A whole number, 0 or more.")]})
    before = Quota.objects.filter(scope=scope, dimension=dimension).values_list("limit", flat=True).first()
    quota, _created = Quota.objects.update_or_create(scope=scope, dimension=dimension, defaults={"limit": limit})
    if before != limit:
        record("tenancy.set_quota", quota, actor=actor, dimension=dimension, before=before, limit=limit)
    return quota


def _given(row: Assignment, actor: Actor, cause: Any, *, again: bool = True) -> Event:
    detail: dict[str, Any] = {"role": row.role.key, "to": row.user_id, "expires": row.expires, "again": again}
    return event_of("tenancy.assign_role", row, actor=actor, cause=cause, **detail)


def _create(kind: ScopeKind, parent: Scope | None, name: str, **facts: Any) -> Scope:
    owner: User | None = facts.get("owner")
    if owner is not None and owner.kind_of_user != UserKind.PERSON:
        raise Invalid(fields={"owner": [_("Only a person owns a scope.")]})
    inherited = {"currency": parent.currency, "zone": parent.zone, "calendar": parent.calendar} if parent else {}
    name = clean_name(name)
    scope = Scope(scope_kind=kind, parent=parent, name=name, slug=slug_of(name), **{**inherited, **facts})
    return _save(scope)


def _save(scope: Scope) -> Scope:
    try:
        with transaction.atomic():
            scope.save()
    except IntegrityError as error:
        raise Invalid(_("There is one of this name already."), fields={"name": [_("This name is taken here.")]}) from error
    return scope


def clean_name(name: str) -> str:
    """A name in one line; Invalid where it is none."""
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\x00" in name or not slug_of(name):
        raise Invalid(fields={"name": [_("A name of at most 120 characters, with a letter or a digit.")]})
    return name


def slug_of(name: str) -> str:
    """What tells names apart under one parent."""
    return slugify(name, allow_unicode=True)[:120]


def manages(scope: Scope) -> str:
    """The permission that renaming or closing this scope takes."""
    return "manage_projects" if scope.scope_kind == ScopeKind.PROJECT else "manage_tenants"


def check_open(scope: Scope) -> None:
    if scope.state != ScopeState.ACTIVE:
        raise Conflict(_("%(scope)s is closed.") % {"scope": scope.name})


def check_grant(grant: Grant, actor: Actor, *, starts: datetime | None = None, decided: bool = False) -> None:
    """Raise where this role is not hers to give there, or not so; unless `decided`, also where a policy asks for a decision."""
    require(actor, "manage_members", grant.scope)
    check_open(grant.scope)
    check_role(grant.role, grant.scope, actor)
    now = clock.now()
    if grant.expires is not None and grant.expires <= max(starts or now, now):
        raise Invalid(_("It must end later than it begins."), fields={"expires": [_("Choose a later day.")]})
    principal = grant.principal
    if isinstance(principal, Group) and not f"{grant.scope.path}.".startswith(f"{principal.scope.path}."):
        raise Invalid(fields={"group": [_("This group is not known here.")]})
    if not actor.is_system and _is_hers(principal, actor):
        raise Forbidden(_("Nobody gives herself a role; ask another admin."))
    if not decided and waits_for_decision(grant.role, grant.scope, grant.expires, actor):
        said = _("A policy asks for a decision on %(role)s in %(scope)s. Give it on the page of the place; it waits there.")
        raise Refused(said % {"role": grant.role.name, "scope": grant.scope.name})


def _is_hers(principal: User | Group, actor: Actor) -> bool:
    """Whether what is given to it is given to the actor: herself, a service account of hers, a group with one of these in it."""
    if isinstance(principal, User):
        return bool(principal.person_id == actor.person_id)
    return bool(principal.members.filter(Q(pk=actor.person_id) | Q(owner=actor.person_id)).exists())


def check_role(role: Role, scope: Scope, actor: Actor) -> None:
    """The role is known there, and governs nothing that the actor does not govern."""
    if role.scope is not None and not f"{scope.path}.".startswith(f"{role.scope.path}."):
        raise Invalid(fields={"role": [_("This role is not known here.")]})
    held = permissions_at(actor, scope.path)
    more = sorted(name for name in role.permissions if name.startswith(GOVERNING) and name not in held)
    if more and not actor.is_system:
        raise Forbidden(_("%(role)s may do more than you govern: %(more)s.") % {"role": role.name, "more": ", ".join(more)})


def others_admin(assignment: Assignment) -> bool:
    """Whether someone else would still be admin of the organization."""
    if assignment.role.key != "organization_admin" or assignment.scope.parent_id:
        return True
    someone = Q(user__is_active=True) | Q(group__members__is_active=True)
    alike = Assignment.objects.filter(someone, role=assignment.role, scope=assignment.scope, expires=None)
    return Assignment.objects.filter(pk__in=alike.values("pk")).select_for_update().exclude(pk=assignment.pk).exists()
