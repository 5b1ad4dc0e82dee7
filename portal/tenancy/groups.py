"""Groups as principals: people who hold roles together. Who joins a group gets its roles, so joining is governed like giving."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import holds, require, require_fresh
from portal.access.models import Assignment, Group, Scope
from portal.core import clock, queue
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.services import check_open, check_role, clean_name, end_assignment, others_admin
from portal.users.actor import Actor
from portal.users.models import User

MANAGES = "manage_members"
MOST_MEMBERS = 5_000


@transaction.atomic
def create_group(scope: Scope, name: str, *, actor: Actor) -> Group:
    """A group that can be given roles at the scope and below. Empty, and without a role."""
    require_fresh(actor)
    require(actor, MANAGES, scope)
    check_open(scope)
    group = _save(Group(scope=scope, name=clean_name(name)))
    record("tenancy.create_group", group, actor=actor, scope_path=str(scope.path))
    return group


@transaction.atomic
def rename_group(group: Group, name: str, *, actor: Actor) -> Group:
    """Call it otherwise; members and roles stay."""
    require_fresh(actor)
    group = _locked(group, actor)
    before, group.name = group.name, clean_name(name)
    if before != group.name:
        _save(group)
        record("tenancy.rename_group", group, actor=actor, scope_path=str(group.scope.path), before=before)
    return group


@transaction.atomic
def add_member(group: Group, user: User, *, actor: Actor) -> None:
    """Let somebody in: she holds the group's roles from her next request on. Nobody lets herself into a role, nor anyone into
    more than she governs. In it already, nothing changes.
    """
    require_fresh(actor)
    group = _locked(group, actor)
    roles = list(roles_of_group(group))
    for given in roles:
        _check_governs(given, actor)
    if roles and actor.person_id == user.person_id and not actor.is_system:
        raise Forbidden(_("Nobody gives herself a role; ask another admin to let you in."))
    if group.members.filter(pk=user.pk).exists():
        return
    if group.members.count() >= MOST_MEMBERS:
        raise Refused(_("A group has at most %(most)s members. Make another.") % {"most": MOST_MEMBERS})
    group.members.add(user, through_defaults={"added_by": actor.user, "added_at": clock.now()})
    record("tenancy.add_member", group, actor=actor, scope_path=str(group.scope.path), to=str(user.pk))
    for given in roles:
        notify([user], "role_given", target=given.scope, actor=actor, role=str(given.role))
    actor.forget()


@transaction.atomic
def remove_member(group: Group, user: User, *, actor: Actor) -> None:
    """Take somebody out: what she held by the group alone ends at once. Out already, nothing changes."""
    require_fresh(actor)
    group = _locked(group, actor)
    roles = list(roles_of_group(group))
    for given in roles:
        _check_governs(given, actor)
    if not group.members.filter(pk=user.pk).exists():
        return
    if not group.members.exclude(pk=user.pk).filter(is_active=True).exists():
        for given in roles:
            if not others_admin(given):
                raise Refused(_("She is the last organization admin, by this group. Make someone else one first."))
    group.members.remove(user)
    queue.after_commit("leases.revoke_person", user.pk)
    record("tenancy.remove_member", group, actor=actor, scope_path=str(group.scope.path), to=str(user.pk))
    for given in roles:
        notify([user], "role_ended", target=given.scope, actor=actor, role=str(given.role))
    actor.forget()


@transaction.atomic
def delete_group(group: Group, *, actor: Actor) -> None:
    """End the group, and with it each of its roles for each of its members."""
    require_fresh(actor)
    group = _locked(group, actor)
    members = list(group.members.all())
    roles = list(roles_of_group(group))
    for given in roles:
        _check_governs(given, actor)
        end_assignment(given, actor=actor)
        notify(members, "role_ended", target=given.scope, actor=actor, role=str(given.role))
    said: dict[str, Any] = {"members": [str(member.pk) for member in members], "roles": [given.role.key for given in roles]}
    record("tenancy.delete_group", group, actor=actor, scope_path=str(group.scope.path), before=said)
    group.delete()
    actor.forget()


def groups_at(scope: Scope) -> QuerySet[Group]:
    """The groups that can be given roles at a scope: its own and those of the scopes above it, by name, with `people` and `roles`."""
    counts = {
        "people": Count("members", distinct=True),
        "roles": Count("assignments", filter=_not_over("assignments__"), distinct=True),
    }
    groups = Group.objects.filter(scope__path__above=scope.path).select_related("scope").annotate(**counts)
    rows: QuerySet[Group] = groups.order_by("-scope__path", "name", "pk")
    return rows


def group_for(actor: Actor, pk: UUID | str) -> Group:
    """One group by its id; NotFound where she may not see its scope."""
    group: Group | None = Group.objects.filter(pk=pk).select_related("scope").first()
    if group is None:
        raise NotFound
    require(actor, "view_scope", group)
    return group


def members_of(group: Group) -> QuerySet[User]:
    """Who is in it, by name."""
    rows: QuerySet[User] = group.members.order_by("name", "pk")
    return rows


def member_of(group: Group, pk: UUID | str) -> User:
    """One of them, or NotFound."""
    found = members_of(group).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def roles_of_group(group: Group) -> QuerySet[Assignment]:
    """The roles it holds, or will."""
    rows = Assignment.objects.filter(_not_over(), group=group).select_related("role", "role__scope", "scope", "group", "user")
    return rows.order_by("scope__path", "role__name", "pk")


def _not_over(prefix: str = "") -> Q:
    return Q(**{f"{prefix}expires": None}) | Q(**{f"{prefix}expires__gt": clock.now()})


def _check_governs(given: Assignment, actor: Actor) -> None:
    """She manages the people of the place, and governs what the role does there."""
    if not holds(actor, MANAGES, given.scope):
        raise Forbidden(_("The group is %(role)s at a place whose people you do not manage.") % {"role": given.role.name})
    check_role(given.role, given.scope, actor)


def _locked(group: Group, actor: Actor) -> Group:
    found = Group.objects.select_for_update(of=("self",)).select_related("scope").filter(pk=group.pk).first()
    if found is None:
        raise NotFound
    require(actor, MANAGES, found)
    locked: Group = found
    return locked


def _save(group: Group) -> Group:
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as error:
        raise Invalid(fields={"name": [_("A group there is called so already.")]}) from error
    return group
