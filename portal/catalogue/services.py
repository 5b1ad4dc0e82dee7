"""Publish and withdraw what an organization offers."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind
from portal.catalogue.drafts import OfferingDraft
from portal.catalogue.governed import waits_for_decision
from portal.catalogue.models import Component, Offering, OfferingState, OfferingVersion, Plan
from portal.catalogue.schemas import check_component, narrowed, spec_schema
from portal.core import clock
from portal.core.errors import Conflict, Invalid, Refused
from portal.events.services import record
from portal.users.actor import Actor


@transaction.atomic
def publish_offering(organization: Scope, draft: OfferingDraft, *, actor: Actor, cause: Any = "") -> OfferingVersion:
    """Publish the first version of an offering, or its next one where the organization has one of that slug.

    Orders and resources of earlier versions keep theirs. Refused where a policy asks for a decision first
    (`publishing.publish_or_ask` asks for it), which the system is never asked for.
    """
    check_draft(organization, draft, actor=actor)
    if waits_for_decision(organization, draft, actor):
        raise Refused(_("A policy asks for a decision before this is published."))
    offering, _created = Offering.objects.get_or_create(
        scope=organization, slug=draft.key, defaults={"capability": draft.capability}
    )
    offering = Offering.objects.select_for_update().get(pk=offering.pk)
    _check_capability(offering, draft)
    _describe(offering, draft)
    version = _add_version(offering, draft)
    record("catalogue.publish", offering, actor=actor, cause=cause, version=version.number)
    return version


def check_draft(organization: Scope, draft: OfferingDraft, *, actor: Actor) -> None:
    """Raise where this is not hers to publish, or could not be ordered or measured."""
    require(actor, "manage_offerings", organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(_("Offerings belong to an organization."), fields={"scope": [_("Choose the organization.")]})
    if not draft.plans or not draft.components:
        raise Invalid(_("An offering needs a plan and a component."), fields={"plans": [_("Name at least one.")]})
    known = Offering.objects.filter(scope=organization, slug=draft.key).first()
    if known is not None:
        _check_capability(known, draft)
    _parts_of(known or Offering(scope=organization, slug=draft.key, capability=draft.capability), draft, 1)


@transaction.atomic
def withdraw_offering(offering: Offering, *, actor: Actor, reason: str = "") -> Offering:
    """Offer it no longer. What was ordered stays as it is; publishing again brings it back."""
    require(actor, "view_offering", offering)
    require(actor, "manage_offerings", offering.scope)
    offering = Offering.objects.select_for_update().get(pk=offering.pk)
    if offering.state != OfferingState.PUBLISHED:
        raise Conflict(_("This is not offered now."))
    offering.state = OfferingState.WITHDRAWN
    offering.save(update_fields=["state"])
    record("catalogue.withdraw", offering, actor=actor, reason=reason)
    return offering


def _check_capability(offering: Offering, draft: OfferingDraft) -> None:
    if offering.capability != draft.capability:
        raise Conflict(_("Another capability is offered under this name."))


def _describe(offering: Offering, draft: OfferingDraft) -> None:
    offering.name, offering.summary = draft.name, draft.summary
    offering.description, offering.icon = draft.description, draft.icon
    offering.state = OfferingState.PUBLISHED
    offering.save()


def _add_version(offering: Offering, draft: OfferingDraft) -> OfferingVersion:
    last = OfferingVersion.objects.filter(offering=offering).order_by("-number").first()
    version, plans, components = _parts_of(offering, draft, last.number + 1 if last else 1)
    for part in (version, *plans, *components):
        part.save()
    return version


def _parts_of(offering: Offering, draft: OfferingDraft, number: int) -> tuple[OfferingVersion, list[Plan], list[Component]]:
    """The rows of a version, not saved yet; Invalid where one of them could not be ordered or measured."""
    schema = narrowed(draft.capability, draft.narrowing)
    version = OfferingVersion(offering=offering, number=number, schema=schema, published_at=clock.now())
    plans, components = [], []
    for position, plan in enumerate(draft.plans):
        row = Plan(version=version, position=position, key=plan.key, name=plan.name, summary=plan.summary)
        row.spec, row.quotas = dict(plan.spec), dict(plan.quotas)
        spec_schema(version, row)
        plans.append(row)
    for position, part in enumerate(draft.components):
        component = Component(version=version, position=position, key=part.key, name=part.name, meter=part.meter)
        component.unit, component.quantity = part.unit, dict(part.quantity)
        component.only_while, component.dimension = part.only_while, part.dimension
        check_component(component)
        components.append(component)
    return version, plans, components
