"""Orders: place one or ask what would come of it, follow it, take it back, try it again, give it up."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.models import Scope
from portal.access.queries import people_of, scope_for
from portal.api.approvals import StageSerializer
from portal.api.auth import actor_of
from portal.api.base import View, asked_of, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent, key_of
from portal.api.problems import body_of
from portal.api.scopes import RoomSerializer
from portal.api.shapes import (
    MoneyField,
    MoneySerializer,
    NamedSerializer,
    PersonSerializer,
    QuoteSerializer,
    ReasonSerializer,
    Shape,
)
from portal.approvals.models import Approval
from portal.core.errors import Invalid
from portal.orders import services
from portal.orders.drafts import ItemDraft
from portal.orders.dry_runs import dry_run
from portal.orders.filters import OrderFilter
from portal.orders.models import Action
from portal.orders.models import Order as Row
from portal.orders.queries import order_visible_to, orders_visible_to, with_items
from portal.users.models import User


class MadeSerializer(Shape[Any]):
    """What an item became."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField()
    error = serializers.CharField()


class ItemSerializer(Shape[Any]):
    """One line of an order, frozen as it was placed."""

    id = serializers.UUIDField()
    action = serializers.CharField()
    name = serializers.CharField(source="__str__")
    offering = NamedSerializer(source="plan.version.offering")
    plan = NamedSerializer()
    connection = serializers.UUIDField(source="connection_id")
    region = serializers.CharField()
    spec = serializers.DictField()
    quote = QuoteSerializer()
    resource = MadeSerializer(allow_null=True)


class OrderSerializer(Shape[Any]):
    """What one person asked for in one project."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField()
    project = NamedSerializer()
    requester = PersonSerializer()
    beneficiary = PersonSerializer(allow_null=True)
    note = serializers.CharField()
    rule = serializers.CharField(help_text="The rule that allowed it at once; empty where somebody decides.")
    cost_per_month = MoneyField("cost_per_month")
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    items = ItemSerializer(many=True, source="items.all")


class DecisionSerializer(Shape[Any]):
    """The decision an order waits for, or had."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    decision_due = serializers.DateTimeField(allow_null=True)


class OrderDetailSerializer(OrderSerializer):
    """The same, with its decision."""

    approval = serializers.SerializerMethodField()

    @extend_schema_field(DecisionSerializer(allow_null=True))
    def get_approval(self, order: Row) -> Any:
        found: Approval | None = services.approval_for(order)
        return DecisionSerializer(found).data if found else None


class NewItemSerializer(Shape[Any]):
    """A plan with answers to its schema, on a connection; or the end of a resource."""

    action = serializers.ChoiceField(choices=Action.choices, default=Action.CREATE)
    plan = serializers.UUIDField(required=False)
    connection = serializers.UUIDField(required=False)
    answers = serializers.DictField(required=False)
    resource = serializers.UUIDField(required=False)


class NewOrderSerializer(Shape[Any]):
    """What is asked for, in which project, and for whom if not for the caller."""

    project = serializers.UUIDField()
    items = NewItemSerializer(many=True, allow_empty=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    beneficiary = serializers.UUIDField(required=False)


class DryRunSerializer(Shape[Any]):
    """Whether to look only."""

    dry_run = serializers.BooleanField(required=False, default=False)


class BudgetLeftSerializer(Shape[Any]):
    """The tightest budget above the project, with the order in it."""

    scope = NamedSerializer(source="budget.scope")
    amount = MoneyField("amount")
    expected = MoneyField("expected")
    left = MoneyField("left")
    is_over = serializers.BooleanField()


class DryItemSerializer(Shape[Any]):
    """One line as it would be frozen; `problem` says why it cannot be."""

    spec = serializers.DictField(source="item.spec", default=None, allow_null=True)
    connection = NamedSerializer(source="item.connection", default=None, allow_null=True)
    region = serializers.CharField(source="item.region", default=None, allow_null=True)
    quote = QuoteSerializer(source="item.quote", default=None, allow_null=True)
    problem = serializers.SerializerMethodField()

    def get_problem(self, line: Any) -> dict[str, Any] | None:
        return body_of(line.refusal, self.context["request"]) if line.refusal else None


class DryRunResultSerializer(Shape[Any]):
    """What would come of it. `rule` would allow it at once; else `stages` say who would decide."""

    is_orderable = serializers.BooleanField()
    cost_per_month = serializers.SerializerMethodField()
    items = DryItemSerializer(many=True)
    problem = serializers.SerializerMethodField()
    rule = serializers.CharField()
    stages = StageSerializer(many=True)
    quotas = RoomSerializer(many=True, source="rooms", help_text="As they would stand with the order placed.")
    budget = serializers.SerializerMethodField()

    @extend_schema_field(MoneySerializer(allow_null=True))
    def get_cost_per_month(self, found: Any) -> Any:
        return MoneyField("cost_per_month").to_representation(found) if found.currency else None

    def get_problem(self, found: Any) -> dict[str, Any] | None:
        return body_of(found.refusal, self.context["request"]) if found.refusal else None

    @extend_schema_field(BudgetLeftSerializer(allow_null=True))
    def get_budget(self, found: Any) -> Any:
        state = found.budget
        return BudgetLeftSerializer(state).data if state and state.budget else None


class Orders(View):
    @says_list("orders_list", OrderSerializer, narrow=OrderFilter)
    def get(self, request: Request) -> Response:
        """The orders the caller may see, newest first."""
        return listed(request, with_items(orders_visible_to(actor_of(request))), OrderSerializer, narrow=OrderFilter)

    @says(
        "orders_create",
        takes=NewOrderSerializer,
        gives={201: OrderDetailSerializer, 200: DryRunResultSerializer},
        keyed="required",
        asks={"dry_run": bool},
    )
    def post(self, request: Request) -> Response:
        """Place an order; it is done at once or waits for a decision. With `dry_run=true` nothing is written (and no key
        is needed): the answer says what it would cost, what is left of quota and budget, who would decide, what is wrong.
        """
        if not asked_of(DryRunSerializer, request)["dry_run"]:
            return self.place(request)
        return shown(DryRunResultSerializer, dry_run(actor=actor_of(request), **wish_of(request)), request)

    @idempotent(required=True)
    def place(self, request: Request) -> Response:
        order = services.place_order(key=key_of(request), actor=actor_of(request), **wish_of(request))
        return shown(OrderDetailSerializer, order, request, status=201, at=f"{request.path}{order.pk}/")


class Order(View):
    @says("orders_read", gives=OrderDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One order with its lines, what became of them, and its decision."""
        return shown(OrderDetailSerializer, order_visible_to(actor_of(request), pk), request)


class Withdraw(View):
    @says("orders_withdraw", takes=ReasonSerializer, gives=OrderDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take back what was not decided yet; its quota is free again."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        order = services.withdraw_order(order_visible_to(actor, pk), actor=actor, reason=sent["reason"])
        return shown(OrderDetailSerializer, order, request)


class Retry(View):
    @says("orders_retry", gives=OrderDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Try again what failed; an order that did not fail is left as it is."""
        actor = actor_of(request)
        return shown(OrderDetailSerializer, services.retry_order(order_visible_to(actor, pk), actor=actor), request)


class GiveUp(View):
    @says("orders_give_up", gives=OrderDetailSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End what a failed order left behind; what it made whole stays."""
        actor = actor_of(request)
        return shown(OrderDetailSerializer, services.give_up_order(order_visible_to(actor, pk), actor=actor), request)


def wish_of(request: Request) -> dict[str, Any]:
    """What was sent, as the service takes it."""
    sent = read(NewOrderSerializer, request)
    project = scope_for(actor_of(request), sent["project"])
    drafts = [draft_from(item) for item in sent["items"]]
    person = person_in(project, sent["beneficiary"]) if "beneficiary" in sent else None
    return {"project": project, "items": drafts, "note": sent["note"], "beneficiary": person}


def draft_from(item: Mapping[str, Any]) -> ItemDraft:
    """One thing that is asked for, as the service takes it."""
    return ItemDraft(
        action=item["action"],
        plan_id=item.get("plan"),
        connection_id=item.get("connection"),
        answers=item.get("answers"),
        resource_id=item.get("resource"),
    )


def person_in(project: Scope, pk: uuid.UUID) -> User:
    """Somebody who has a role there; others are not known."""
    person: User | None = next((row.user for row in people_of(project) if row.user_id == pk), None)
    if person is None:
        raise Invalid(fields={"beneficiary": [_("Nobody of this id has a role in the project.")]})
    return person
