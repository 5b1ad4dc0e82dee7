"""Asking why: of whom and about what somebody may ask, and what she is told."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.access.explain import Explanation, Lack, explain, scope_of
from portal.access.managers import AccessManager
from portal.access.models import Assignment
from portal.access.permissions import PERMISSIONS
from portal.access.resolver import holds, paths_of, require
from portal.core.errors import Invalid, NotFound
from portal.users.actor import Actor, Auth
from portal.users.models import User

MANAGES = "manage_members"


@cache
def kinds() -> Mapping[str, Any]:
    """The word for each kind of thing that access is asked for, and its model."""
    found = [model for model in apps.get_models() if isinstance(model._default_manager, AccessManager)]
    return MappingProxyType({model.kind(): model for model in found if hasattr(model, "kind")})


def thing_for(asker: Actor, kind: str, pk: Any) -> Any:
    """One thing by its kind and id; NotFound where she may not see it, and where it can be no id."""
    model = kinds().get(kind)
    try:
        thing = model and model._default_manager.filter(pk=UUID(str(pk))).first()
    except ValueError:
        thing = None
    if not thing:
        raise NotFound
    require(asker, thing.view_permission, thing)
    return thing


def people_for(asker: Actor) -> QuerySet[User]:
    """Whom she may ask about: herself, and who holds, held or will hold a role where she gives roles, or above it."""
    paths = paths_of(asker, MANAGES)
    above = {UUID(label) for path in paths for label in path.split(".")}
    given = (
        Assignment.objects.filter(Q(scope__path__within_any=paths) | Q(scope__in=above))
        if paths
        else Assignment.objects.none()
    )
    held = Q(pk__in=given.values("user")) | Q(portal_groups__in=given.values("group"))
    return User.objects.filter(held | Q(pk=asker.user.pk)).order_by("name", "pk").distinct()


def person_for(asker: Actor, pk: Any) -> User:
    """One of them by id, or NotFound."""
    return _one(people_for(asker).filter(pk=pk))


def person_named(asker: Actor, name: str) -> User:
    """One of them by sign-in name or e-mail address, whole, or NotFound."""
    return _one(people_for(asker).filter(Q(username=name) | Q(email__iexact=name)))


def why(permission: str, thing: Any, *, asker: Actor, person: User | None = None) -> Explanation:
    """Why a person, or the asker herself as she comes, may or may not do something with a thing the asker sees.

    About another it is told to who gives roles where the thing lives; what is held elsewhere only as far as she does there,
    too.
    """
    if permission not in PERMISSIONS:
        raise Invalid(fields={"permission": [_("There is no such permission.")]})
    if person is None or person.pk == asker.user.pk:
        return explain(asker, permission, thing)
    scope = scope_of(thing)
    if scope is None:
        raise NotFound
    require(asker, MANAGES, scope)
    said = explain(Actor(person_for(asker, person.pk), Auth("why")), permission, thing)
    known = [miss for miss in said.misses if miss.lack != Lack.ELSEWHERE or holds(asker, MANAGES, miss.grant.place)]
    return replace(said, misses=tuple(known))


def _one(rows: QuerySet[User]) -> User:
    found = list(rows.select_related("owner")[:2])
    if len(found) != 1:
        raise NotFound(_("You give roles to nobody of this name."))
    return found[0]
