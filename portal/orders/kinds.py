"""An order as a governed act: what the approval engine needs to know of it."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import ScopeState
from portal.approvals.asked import Asked, Choices, Sort
from portal.approvals.kinds import Kind
from portal.catalogue.queries import choices_of_offerings
from portal.catalogue.schemas import spec_schema
from portal.clouds.models import ConnectionState
from portal.core import clock
from portal.core.errors import Invalid, Refused
from portal.metering.queries import budget_state
from portal.orders import progress
from portal.orders.drafts import check_rules
from portal.orders.models import KIND, Action, Order, OrderItem, OrderState
from portal.orders.queries import open_cost
from portal.tenancy.house_rules import rules_for
from portal.tenancy.models import HouseRule
from portal.users.actor import Actor

ACTIONS: Choices = (("create", gettext_lazy("Create")), ("terminate", gettext_lazy("End")))
BUDGETS: Choices = (
    ("within", gettext_lazy("Within it")),
    ("near", gettext_lazy("Near its end")),
    ("over", gettext_lazy("Over it")),
    ("none", gettext_lazy("There is none")),
)


def facts_of(order: Order, items: Sequence[OrderItem]) -> dict[str, Any]:
    """What is decided on, of an order that exists or of one that is only looked at."""
    return {
        "cost_per_month": order.cost_per_month.normalize() if order.cost_per_month else 0,
        "currency": order.currency,
        "actions": sorted({item.action for item in items}),
        "offerings": sorted({item.plan.version.offering.slug for item in items}),
        "items": [
            {
                "action": item.action,
                "name": item.spec.get("name", ""),
                "offering": item.plan.version.offering.name,
                "plan": item.plan.name,
                "connection": item.connection.name,
                "region": item.region,
                "spec": item.spec,
                "per_month": item.quote.get("per_month", ""),
            }
            for item in items
        ],
        "note": order.note,
    }


def budget_of(order: Order, *, but: Order | None = None) -> str:
    """How the tightest budget stands with this order beside all that are open, or all `but` one; whoever may see it."""
    cost = order.cost_per_month or Decimal()
    state = budget_state(order.project, extra_per_month=cost, open_below=partial(open_cost, but=but))
    return state.standing


class OrderKind(Kind):
    """An order that waits for a decision."""

    name = KIND
    label = gettext_lazy("Order")
    permission = "place_order"
    asks = {
        "cost_per_month": Asked(gettext_lazy("Cost a month"), Sort.AMOUNT),
        "actions": Asked(gettext_lazy("What happens"), Sort.LIST, ACTIONS),
        "offerings": Asked(gettext_lazy("Service"), Sort.LIST, choices_of_offerings),
        "budget": Asked(gettext_lazy("Budget"), Sort.CHOICE, BUDGETS),
    }

    def load(self, subject_id: str) -> Order | None:
        found: Order | None = (
            Order.objects.select_for_update(of=("self",)).select_related("project").filter(pk=subject_id).first()
        )
        return found

    def facts(self, subject: Order) -> dict[str, Any]:
        rows = OrderItem.objects.filter(order=subject).select_related("plan__version__offering", "connection")
        return facts_of(subject, list(rows))

    def context(self, subject: Order) -> dict[str, Any]:
        return {"budget": budget_of(subject, but=subject)}

    def still_valid(self, subject: Order) -> bool:
        if subject.project.state != ScopeState.ACTIVE:
            raise Refused(_("The project is closed."))
        rules = rules_for(subject.project)
        for item in OrderItem.objects.filter(order=subject, action=Action.CREATE).select_related(
            "connection", "plan__version"
        ):
            if item.connection.state != ConnectionState.READY:
                raise Refused(_("%(cloud)s is not in use any more.") % {"cloud": item.connection.name})
            _check_rules(rules, item)
        return bool(subject.state == OrderState.WAITING)

    def apply(self, subject: Order, *, actor: Actor) -> None:
        progress.start(subject, actor=actor)

    def drop(self, subject: Order, outcome: str, *, actor: Actor) -> None:
        progress.drop(subject, outcome, actor=actor, at=clock.now())


def _check_rules(rules: Sequence[HouseRule], item: OrderItem) -> None:
    """Refused where a rule that came after it was placed is against it."""
    try:
        check_rules(rules, spec_schema(item.plan.version, item.plan), item.spec, item.region)
    except Invalid as error:
        raise Refused(" ".join(text for texts in error.extra["fields"].values() for text in texts)) from error
