"""Reads of the tree, its people and its events, limited to what the actor may see."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, Func, IntegerField, OuterRef, Q, Subquery

from portal.access.models import Assignment, Role, Scope, ScopeKind, ScopeState
from portal.access.resolver import held_by, in_force, paths_of, require, scope_ids
from portal.core import clock
from portal.core.errors import NotFound
from portal.events.models import Event
from portal.users.actor import Actor
from portal.users.models import User


def chain_of(scope: Scope) -> list[Scope]:
    """The scopes from the organization down to this one."""
    return sorted(Scope.objects.filter(path__above=scope.path), key=lambda one: len(str(one.path)))


def scopes_visible_to(actor: Actor) -> Any:
    """The organizations, tenants and projects she may see."""
    return Scope.objects.visible_to(actor)


def scopes_with_people(actor: Actor) -> Any:
    """The same in tree order, each with `depth` and `people`: how many hold a role right there."""
    here = Assignment.objects.filter(in_force(), scope=OuterRef("pk"), user__isnull=False).order_by().values("scope")
    people = Subquery(here.annotate(n=Count("user", distinct=True)).values("n"), output_field=IntegerField())
    depth = Func(F("path"), function="nlevel", output_field=IntegerField())
    return scopes_visible_to(actor).annotate(depth=depth, people=people).select_related("owner").order_by("path")


def scopes_where(actor: Actor, permission: str) -> Any:
    """The open scopes in which she holds a permission, those nearest the root first."""
    depth = Func(F("path"), function="nlevel", output_field=IntegerField())
    return Scope.objects.visible_to(actor, permission).filter(state=ScopeState.ACTIVE).order_by(depth, "name", "pk")


def scope_for(actor: Actor, scope_id: Any) -> Scope:
    """One scope by its id; NotFound where she may not see it."""
    scope: Scope | None = Scope.objects.select_related("owner", "parent").filter(pk=scope_id).first()
    if scope is None:
        raise NotFound
    require(actor, "view_scope", scope)
    return scope


def projects_where(actor: Actor, permission: str, *, within: Scope) -> Any:
    """The active projects at or below a scope where she holds a permission, by name."""
    projects = Scope.objects.visible_to(actor, permission).filter(scope_kind=ScopeKind.PROJECT, state=ScopeState.ACTIVE)
    return projects.filter(path__within=within.path).order_by("name", "pk")


def people_of(scope: Scope, *, to_come: bool = False) -> Any:
    """Who holds a role at a scope, there or above it, in force now; the assignment names role, place and end.

    With `to_come` also who will.
    """
    lives = Q(expires=None) | Q(expires__gt=clock.now()) if to_come else in_force()
    rows = Assignment.objects.filter(lives, scope__path__above=scope.path)
    return rows.select_related("user", "group", "role", "scope").order_by("scope__path", "role__name", "user__name", "pk")


def roles_given(actor: Actor) -> Any:
    """Roles in force in the scopes whose people she manages, what was given last on top."""
    rows = Assignment.objects.filter(in_force(), scope__in=scope_ids(actor, "manage_members"))
    return rows.select_related("user", "group", "role", "scope", "granted_by").order_by("-created_at", "-pk")


def role_counts(actor: Actor, soon: datetime) -> dict[str, int]:
    """Of those: how many people hold one (`people`), how many have no end (`endless`) and how many end until then (`ending`)."""
    counts: dict[str, int] = (
        roles_given(actor)
        .order_by()
        .aggregate(
            people=Count("user", distinct=True),
            endless=Count("pk", filter=Q(expires=None)),
            ending=Count("pk", filter=Q(expires__lte=soon)),
        )
    )
    return counts


def roles_for(scope: Scope) -> Any:
    """The roles that can be given at a scope: the built-in ones, and those made there or above it; by name."""
    return Role.objects.filter(Q(scope=None) | Q(scope__path__above=scope.path)).order_by("name", "pk")


def assignment_at(scope: Scope, pk: Any) -> Assignment | None:
    """One role given right at a scope; None where it has ended, or is another's."""
    found = Assignment.objects.filter(pk=pk, scope=scope).select_related("user", "group", "role", "scope")
    assignment: Assignment | None = found.first()
    return assignment


def roles_of(actor: Actor) -> Any:
    """Her own roles in force, direct or by a group."""
    return roles_in_force(actor.user)


def roles_in_force(user: User) -> Any:
    """The roles somebody holds now, direct or by a group."""
    return (
        Assignment.objects.filter(held_by(user), in_force())
        .select_related("role", "scope", "group")
        .order_by("scope__path", "pk")
    )


def events_visible_to(actor: Actor) -> Any:
    """Events in the scopes where she may read them, and those of her own acts; newest first."""
    events = Event.objects.select_related("actor", "viewed_as_by").order_by("-at", "-id")
    if actor.is_system:
        return events
    own = Q() if actor.narrowed_to else Q(actor=actor.user)
    within = Q(scope_path__within_any=paths_of(actor, "view_event"))
    return events.filter(within | own) if own else events.filter(within)


def event_visible_to(actor: Actor, pk: Any) -> Event:
    """One event by its id; NotFound where she may not read it."""
    event: Event | None = events_visible_to(actor).filter(pk=pk).first()
    if event is None:
        raise NotFound
    return event


def history_of(thing: Any) -> Any:
    """What happened to one thing that she was shown already, oldest first."""
    events = Event.objects.filter(target_kind=thing.kind(), target_id=str(thing.pk))
    return events.select_related("actor").order_by("at", "id")
