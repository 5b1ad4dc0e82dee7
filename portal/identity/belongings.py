"""The service accounts somebody answers for. Her own sessions and tokens are nobody else's: they end with her access."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Assignment, Scope, Token
from portal.core import clock
from portal.core.errors import Refused
from portal.events.services import record
from portal.identity.tokens import epoch_of, living_tokens
from portal.users.actor import Actor
from portal.users.models import User, UserKind


class AccountBelongings:
    """Service accounts live where they hold a role; one that holds none, where its owner does. They keep no scope open."""

    name = "account"
    label = gettext_lazy("Service accounts")
    permission = "view_scope"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[User]:
        return _accounts(within).filter(owner=user).order_by("name", "pk")

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        rows = _accounts(within).filter(owner__is_active=False).order_by()
        return dict(rows.values_list("owner").annotate(Count("pk")))

    def of_scope(self, scope: Scope) -> list[Any]:
        return []

    def places_of(self, thing: User) -> Sequence[Scope]:
        return list(Scope.objects.filter(assignments__user=thing).distinct().order_by("path"))

    def why_not(self, thing: User, to: User) -> str:
        if User.objects.filter(owner=to, name=thing.name, is_active=True).exclude(pk=thing.pk).exists():
            return _("%(owner)s answers for an account of this name already.") % {"owner": to}
        return ""

    @transaction.atomic
    def hand_over(self, thing: User, to: User, *, instead_of: User, actor: Actor) -> None:
        """Its living tokens go on working: what runs by them goes on, and it is the heir who renews them."""
        User.objects.select_for_update(no_key=True).get(pk=to.pk)  # two at once of one name wait for each other
        account = User.objects.select_for_update().get(pk=thing.pk)
        if account.owner_id != instead_of.pk:
            return
        if said := self.why_not(account, to):
            raise Refused(said)
        living = list(living_tokens(account).values_list("pk", flat=True))
        account.owner = to
        account.save(update_fields=["owner"])
        _keep(living, account)
        place = next(iter(self.places_of(account)), None)
        path = place.scope_path if place else None
        record(
            "identity.hand_over_service_account", account, actor=actor, scope_path=path, name=account.name,
            instead_of=instead_of, to=to,
        )  # fmt: skip


def _keep(living: Sequence[UUID], account: User) -> None:
    """Stamp the living tokens with the new owner's epoch, and revoke the others: hers may be one that they were made under."""
    rows = Token.objects.filter(user=account)
    rows.filter(pk__in=living).update(epoch=epoch_of(account))
    rows.exclude(pk__in=living).filter(revoked_at=None).update(revoked_at=clock.now())


def _accounts(within: Scope) -> QuerySet[User]:
    held = Assignment.objects.filter(user=OuterRef("pk"))
    here = Exists(held.filter(scope__path__within=within.path))
    place = Q(here)
    if within.parent_id is None:
        place |= ~Exists(held) & Exists(Assignment.objects.filter(user=OuterRef("owner"), scope__path__within=within.path))
    return User.objects.filter(place, kind_of_user=UserKind.SERVICE, is_active=True)
