"""What is somebody's, app by app: what an app above tells of it, so that scopes close and people leave without knowing who lives above."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope, ScopeState
from portal.core import registry
from portal.core.models import Base
from portal.events.services import record
from portal.users.actor import Actor
from portal.users.models import User


class Belongings(Protocol):
    """One kind of thing that somebody answers for: one small class in the app that has it, named in PORTAL_BELONGINGS.

    `name` is its word, `label` what people read, `permission` what an heir must hold wherever the thing lives.
    """

    name: str
    label: Any
    permission: str

    def of_person(self, user: User, *, within: Scope) -> QuerySet[Any]:
        """What she answers for at or below a scope and what is not over, in an order that stays: to be counted and cut."""

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        """Who is disabled and still answers for something at or below a scope, and for how many."""

    def of_scope(self, scope: Scope) -> list[Any]:
        """What keeps a scope open: some of it, for a sentence."""

    def places_of(self, thing: Any) -> Sequence[Scope]:
        """Where a thing lives; the first is the one whose owner would take it over. Nowhere, where it was given no place."""

    def why_not(self, thing: Any, to: User) -> str:
        """Why this person, who holds the permission, cannot take it over all the same; empty where she can."""

    def hand_over(self, thing: Any, to: User, *, instead_of: User, actor: Actor) -> None:
        """Let somebody answer for it in another's place, with its event; the caller has looked at permission and heir.

        What is not `instead_of`'s any more stays as it is, so that twice is once. Raises Refused or Conflict.
        """


def belongings() -> list[Belongings]:
    """Every kind, as the settings list them."""
    return [found() for found in registry.load("PORTAL_BELONGINGS")]


class ScopeBelongings:
    """The organizations, tenants and projects that somebody owns. Open ones keep the scope above them open."""

    name = "scope"
    label = _("Organizations, tenants and projects")
    permission = "view_scope"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[Scope]:
        return _owned(within).filter(owner=user).order_by("path")

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        rows = _owned(within).filter(owner__is_active=False).order_by()
        return dict(rows.values_list("owner").annotate(Count("pk")))

    def of_scope(self, scope: Scope) -> list[Scope]:
        return list(Scope.objects.filter(parent=scope).exclude(state=ScopeState.CLOSED).order_by("name"))

    def places_of(self, thing: Scope) -> Sequence[Scope]:
        return [thing]

    def why_not(self, thing: Scope, to: User) -> str:
        return ""

    @transaction.atomic
    def hand_over(self, thing: Scope, to: User, *, instead_of: User | None, actor: Actor) -> None:
        scope = Scope.objects.select_for_update().get(pk=thing.pk)
        if scope.owner_id == (instead_of.pk if instead_of else None):
            scope.owner = to
            scope.save(update_fields=["owner"])
            record("tenancy.hand_over_scope", scope, actor=actor, instead_of=instead_of, to=to)


def key_of(belonging: Belongings, thing: Base) -> str:
    """The word by which one thing of one kind is named in forms and rows."""
    return f"{belonging.name}:{thing.pk}"


def _owned(within: Scope) -> QuerySet[Scope]:
    found: QuerySet[Scope] = Scope.objects.filter(path__within=within.path).exclude(state=ScopeState.CLOSED)
    return found
