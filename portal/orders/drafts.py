"""From what was asked to items that can be decided on: checked against the plan, the target's inventory and the price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.catalogue.models import Plan
from portal.catalogue.queries import offerings_visible_to
from portal.catalogue.schemas import full_spec, spec_schema
from portal.clouds.models import Connection
from portal.clouds.queries import connections_for, unknown_choices
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.schema import Schema
from portal.orders.models import Action, OrderItem
from portal.orders.queries import end_of
from portal.pricing.quotes import NoPrice, Quote, quote
from portal.provisioning.models import Desired, Resource, ResourceState
from portal.provisioning.queries import resources_visible_to
from portal.tenancy.house_rules import against_plain, against_region, encryption_words, region_words, rules_for, unsettable
from portal.tenancy.models import HouseRule
from portal.users.actor import Actor


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """One thing asked for: a plan with answers on a connection, or the end of a resource."""

    action: str = Action.CREATE
    plan_id: UUID | None = None
    connection_id: UUID | None = None
    answers: Mapping[str, Any] | None = None
    resource_id: UUID | None = None


def item_from(draft: ItemDraft, project: Scope, *, actor: Actor, at: datetime) -> OrderItem:
    """The item, priced and checked; Invalid names the fields that do not fit, NotFound what is not hers to order."""
    if draft.action == Action.TERMINATE:
        return _end(draft, project, actor, at)
    if draft.action != Action.CREATE:
        raise Invalid(fields={"action": [_("Create or terminate.")]})
    plan = plan_for(draft.plan_id, actor)
    connection = target_for(draft.connection_id, project, plan)
    spec = full_spec(plan.version, plan, dict(draft.answers or {}))
    region = str(spec.get("region", ""))
    _check_target(plan, spec, connection, region)
    check_rules(rules_for(project), spec_schema(plan.version, plan), spec, region)
    priced = quote(plan, spec, project=project, at=at)
    return OrderItem(
        plan=plan,
        spec=spec,
        connection=connection,
        region=region,
        quote=quote_data(priced),
        cost_per_month=priced.per_month,
    )


def plan_for(plan_id: UUID | None, actor: Actor) -> Plan:
    """A plan of the current version of an offering she may see; an older version says that it changed."""
    if plan_id is None:
        raise Invalid(fields={"plan": [_("Choose one of the plans shown.")]})
    found = Plan.objects.filter(pk=plan_id).select_related("version__offering__scope").first()
    if found is None or not offerings_visible_to(actor).filter(pk=found.version.offering_id).exists():
        raise NotFound
    newest = found.version.offering.versions.order_by("-number").values_list("pk", flat=True).first()
    if newest != found.version_id:
        raise Conflict(_("This offering has a new version. Look at it again, then order."))
    return found


def target_for(connection_id: UUID | None, project: Scope, plan: Plan) -> Connection:
    """A connection that an order of this project may go to; NotFound where it is another organization's."""
    targets = connections_for(project, plan.version.offering.capability)
    found = targets.filter(pk=connection_id).first() if connection_id else targets.first()
    if found is None:
        if connection_id and not Connection.objects.filter(pk=connection_id, scope__path__above=project.path).exists():
            raise NotFound
        raise Invalid(
            _("No cloud for this is connected here."), fields={"connection": [_("Choose one of the clouds shown.")]}
        )
    return found


def quote_data(priced: Quote) -> dict[str, Any]:
    """The quote as it is frozen into the item: amounts as text, exact."""
    lines = [
        {
            "component": line.component.name,
            "quantity": str(line.quantity),
            "unit": line.unit,
            "unit_price": str(line.unit_price),
            "per_month": str(line.per_month),
        }
        for line in priced.lines
    ]
    return {"lines": lines, "per_hour": str(priced.per_hour), "per_month": str(priced.per_month), "currency": priced.currency}


def check_rules(rules: Sequence[HouseRule], schema: Schema, spec: Mapping[str, Any], region: str) -> None:
    """Invalid where a rule of the house keeps it out of the region, or asks for an encryption that the spec has not."""
    if rule := against_region(rules, region):
        raise Invalid(_("A rule of the house is against it."), fields={"region": [region_words(rule)]})
    if found := against_plain(rules, schema, spec):
        field, rule = found
        said = encryption_words(rule) if field else unsettable(rule)
        raise Invalid(_("A rule of the house is against it."), fields={field: [said]})


def _check_target(plan: Plan, spec: Mapping[str, Any], connection: Connection, region: str) -> None:
    if region not in connection.region_keys():
        raise Invalid(_("Check the fields that are marked."), fields={"region": [_("This cloud has no such region.")]})
    unknown = unknown_choices(spec, spec_schema(plan.version, plan), connection, region)
    if unknown:
        fields = {name: [_("This cloud does not offer it there.")] for name in unknown}
        raise Invalid(_("Check the fields that are marked."), fields=fields)


def _end(draft: ItemDraft, project: Scope, actor: Actor, at: datetime) -> OrderItem:
    if draft.resource_id is None:
        raise Invalid(fields={"resource": [_("Say which resource.")]})
    found = resources_visible_to(actor).filter(pk=draft.resource_id, project=project)
    resource: Resource | None = found.select_for_update(of=("self",)).first()  # two ends asked at once queue up here
    if resource is None or resource.plan is None:
        raise NotFound
    if resource.state == ResourceState.GONE:
        raise Conflict(_("It is gone already."))
    if resource.desired == Desired.GONE or end_of(resource):
        raise Conflict(_("Its end was ordered already."))
    priced = _saved(resource, resource.plan, project, at)
    return OrderItem(
        action=Action.TERMINATE,
        plan=resource.plan,
        spec=resource.spec,
        connection=resource.connection,
        region=resource.region,
        resource=resource,
        quote=quote_data(priced),
        cost_per_month=-priced.per_month,
    )


def _saved(resource: Resource, plan: Plan, project: Scope, at: datetime) -> Quote:
    """What its end saves; nothing is known of that where no price is set (any more), and it can be ended all the same."""
    try:
        return quote(plan, resource.spec, project=project, at=at)
    except NoPrice:
        return Quote((), Decimal(), Decimal(), project.currency)
