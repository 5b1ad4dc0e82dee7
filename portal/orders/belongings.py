"""Whose an order is: who asked for it stays written for good; whom it is for follows it up, and can be another."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.approvals.handing_over import change_beneficiary, why_not_for
from portal.events.services import record
from portal.orders.models import KIND, OPEN, Order, OrderState
from portal.users.actor import Actor
from portal.users.models import User


class OrderBelongings:
    """Open orders that are for somebody: hers, or asked for by her and for nobody else. Those not done keep a scope open."""

    name = "order"
    label = _("Open orders")
    permission = "view_resource"

    def of_person(self, user: User, *, within: Scope) -> QuerySet[Order]:
        hers = Q(beneficiary=user) | Q(requester=user, beneficiary=None)
        return _open(within).filter(hers).select_related("project", "requester", "beneficiary").order_by("number")

    def orphaned(self, within: Scope) -> Mapping[UUID, int]:
        gone = Q(beneficiary__is_active=False) | Q(beneficiary=None, requester__is_active=False)
        rows = _open(within).filter(gone).order_by().annotate(whose=Coalesce(F("beneficiary"), F("requester")))
        return dict(rows.values_list("whose").annotate(Count("pk")))

    def of_scope(self, scope: Scope) -> list[Order]:
        return list(_open(scope).exclude(state=OrderState.FAILED).order_by("number")[:20])

    def places_of(self, thing: Order) -> Sequence[Scope]:
        return [thing.project]

    def why_not(self, thing: Order, to: User) -> str:
        return why_not_for(KIND, thing.pk, to) if thing.state == OrderState.WAITING else ""

    @transaction.atomic
    def hand_over(self, thing: Order, to: User, *, instead_of: User, actor: Actor) -> None:
        change_beneficiary(KIND, thing.pk, to, actor=actor)
        rows = Order.objects.select_for_update(of=("self",)).select_related("project")
        order = rows.get(pk=thing.pk)
        if order.state in OPEN and (order.beneficiary_id or order.requester_id) == instead_of.pk:
            order.beneficiary = to
            order.save(update_fields=["beneficiary"])
            record("orders.hand_over", order, actor=actor, instead_of=instead_of, to=to)


def _open(within: Scope) -> QuerySet[Order]:
    found: QuerySet[Order] = Order.objects.filter(project__path__within=within.path, state__in=OPEN)
    return found
