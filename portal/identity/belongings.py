"""The service accounts somebody answers for. Her own sessions and tokens are nobody else's: they end with her access."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope
from portal.events.services import record
from portal.identity.models import AccountState, ServiceAccount
from portal.identity.service_accounts import has_one_named, pass_to
from portal.users.actor import Actor
from portal.users.models import User


class AccountBelongings:
    """Service accounts, where they live. They keep no scope open."""

    name = "account"
    label = gettext_lazy("Service accounts")
    permission = "view_scope"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[ServiceAccount]:
        found = _living(within).filter(user__owner=user).select_related("user__owner", "scope")
        return found.order_by("user__name", "pk")

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        rows = _living(within).filter(user__owner__is_active=False).order_by()
        return dict(rows.values_list("user__owner").annotate(Count("pk")))

    def of_scope(self, scope: Scope) -> list[Any]:
        return []

    def places_of(self, thing: ServiceAccount) -> Sequence[Scope]:
        return [thing.scope]

    def why_not(self, thing: ServiceAccount, to: User) -> str:
        if thing.owner.pk != to.pk and has_one_named(to, thing.user.name):
            return _("%(owner)s answers for an account of this name already.") % {"owner": to}
        return ""

    @transaction.atomic
    def hand_over(self, thing: ServiceAccount, to: User, *, instead_of: User, actor: Actor) -> None:
        """Its living tokens go on working: what runs by them goes on, and it is the heir who renews them."""
        known = ServiceAccount.objects.select_related("user__owner", "scope")
        account: ServiceAccount = known.select_for_update(of=("self", "user")).get(pk=thing.pk)
        if account.owner.pk != instead_of.pk:
            return
        keys = pass_to(account, to).count()
        record("identity.hand_over_service_account", account, actor=actor, instead_of=instead_of, to=to, keys=keys)


def _living(within: Scope) -> QuerySet[ServiceAccount]:
    found: QuerySet[ServiceAccount] = ServiceAccount.objects.filter(scope__path__within=within.path)
    return found.exclude(state=AccountState.ENDED)
