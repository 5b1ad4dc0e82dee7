"""What the caller asks for beyond a quota or a budget."""

import uuid
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.asks import AskSerializer
from portal.api.auth import actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import MoneyField, NamedSerializer, ReasonSerializer, Shape
from portal.core.errors import Invalid
from portal.metering import raising
from portal.tenancy import asking_more
from portal.tenancy.asking import ask_of
from portal.tenancy.more_forms import QuotaAskFilter


class MoreSerializer(AskSerializer):
    """More at a scope, for good or until a moment."""

    scope = NamedSerializer()
    until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class QuotaAskSerializer(MoreSerializer):
    """More of a quota; with a `lender` it is lent until then."""

    dimension = serializers.CharField()
    amount = serializers.IntegerField()
    lender = NamedSerializer(allow_null=True)


class BudgetAskSerializer(MoreSerializer):
    """More a month."""

    amount = MoneyField("amount")


class NewMoreSerializer(Shape[Any]):
    """More at a scope; without `until` it is for good."""

    scope = serializers.UUIDField()
    reason = serializers.CharField(max_length=2000)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class NewQuotaAskSerializer(NewMoreSerializer):
    """So much more of one dimension; a `lender` is another tenant of the organization, and then `until` is needed."""

    dimension = serializers.CharField(max_length=40)
    amount = serializers.IntegerField(min_value=1, max_value=2**53 - 1)
    lender = serializers.UUIDField(required=False, allow_null=True, default=None)


class NewBudgetAskSerializer(NewMoreSerializer):
    """So much more a month, in the currency of the budget."""

    amount = serializers.DecimalField(max_digits=19, decimal_places=4, min_value=Decimal("0.0001"))


class QuotaAsks(View):
    @says_list("quota_asks_list", QuotaAskSerializer, narrow=QuotaAskFilter)
    def get(self, request: Request) -> Response:
        """What the caller asked for beyond quotas, newest first."""
        rows = asking_more.quota_asks_of(actor_of(request))
        return listed(request, rows, QuotaAskSerializer, narrow=QuotaAskFilter)

    @says("quota_asks_create", takes=NewQuotaAskSerializer, gives=QuotaAskSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask for more of a quota that binds the caller, or to borrow it; it is decided, or done where a policy allows it."""
        actor, sent = actor_of(request), read(NewQuotaAskSerializer, request)
        scope = asking_more.place_to_ask_for(actor, sent.pop("scope"))
        lender = sent.pop("lender")
        if lender is not None:
            known = {each.pk: each for each in asking_more.lenders_for(scope)}
            if lender not in known:
                raise Invalid(fields={"lender": ["No tenant of this id lends here."]})
            lender = known[lender]
        ask = asking_more.ask_quota(scope, sent.pop("dimension"), sent.pop("amount"), lender=lender, **sent, actor=actor)
        return shown(QuotaAskSerializer, ask, request, status=201, at=f"{request.path}{ask.pk}/")


class QuotaAsk(View):
    @says("quota_asks_read", gives=QuotaAskSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(QuotaAskSerializer, ask_of(asking_more.quota_asks_of(actor_of(request)), pk), request)


class WithdrawQuotaAsk(View):
    @says("quota_asks_withdraw", takes=ReasonSerializer, gives=QuotaAskSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take it back while it waits. Withdrawn already, nothing changes."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        ask = ask_of(asking_more.quota_asks_of(actor), pk)
        done = asking_more.withdraw_quota_ask(ask, actor=actor, reason=sent["reason"])
        return shown(QuotaAskSerializer, done, request)


class BudgetAsks(View):
    @says_list("budget_asks_list", BudgetAskSerializer)
    def get(self, request: Request) -> Response:
        """What the caller asked for beyond budgets, newest first."""
        return listed(request, raising.budget_asks_of(actor_of(request)), BudgetAskSerializer)

    @says("budget_asks_create", takes=NewBudgetAskSerializer, gives=BudgetAskSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask for more than a budget that binds the caller; it is decided, or done where a policy allows it."""
        actor, sent = actor_of(request), read(NewBudgetAskSerializer, request)
        scope = asking_more.place_to_ask_for(actor, sent.pop("scope"))
        ask = raising.ask_budget(scope, sent.pop("amount"), **sent, actor=actor)
        return shown(BudgetAskSerializer, ask, request, status=201, at=f"{request.path}{ask.pk}/")


class BudgetAsk(View):
    @says("budget_asks_read", gives=BudgetAskSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return shown(BudgetAskSerializer, ask_of(raising.budget_asks_of(actor_of(request)), pk), request)


class WithdrawBudgetAsk(View):
    @says("budget_asks_withdraw", takes=ReasonSerializer, gives=BudgetAskSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take it back while it waits. Withdrawn already, nothing changes."""
        actor, sent = actor_of(request), read(ReasonSerializer, request)
        ask = ask_of(raising.budget_asks_of(actor), pk)
        return shown(BudgetAskSerializer, raising.withdraw_budget_ask(ask, actor=actor, reason=sent["reason"]), request)
