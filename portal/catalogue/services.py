"""Publish and withdraw what an organization offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind
from portal.catalogue.models import Component, Offering, OfferingState, OfferingVersion, OnlyWhile, Plan
from portal.catalogue.schemas import check_component, narrowed, spec_schema
from portal.core import clock
from portal.core.errors import Conflict, Invalid
from portal.events.services import record
from portal.users.actor import Actor


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan to be published."""

    key: str
    name: str
    summary: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    quotas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComponentDraft:
    """A component to be published. `quantity` is {"const": 1} or {"field": "disk_gib"}."""

    key: str
    name: str
    meter: str
    unit: str
    quantity: Mapping[str, Any]
    only_while: str = OnlyWhile.EXISTS
    dimension: str = ""


@dataclass(frozen=True, slots=True)
class OfferingDraft:
    """What is to be published: the words, the narrowing of the capability's schema, plans and components."""

    capability: str
    name: str
    plans: Sequence[PlanDraft]
    components: Sequence[ComponentDraft]
    narrowing: Mapping[str, Any] = field(default_factory=dict)
    slug: str = ""
    summary: str = ""
    description: str = ""
    icon: str = ""


@transaction.atomic
def publish_offering(organization: Scope, draft: OfferingDraft, *, actor: Actor) -> OfferingVersion:
    """Publish the first version of an offering, or its next one where the organization has one of that slug.

    Orders and resources of earlier versions keep theirs.
    """
    require(actor, "manage_offerings", organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(_("Offerings belong to an organization."), fields={"scope": [_("Choose the organization.")]})
    if not draft.plans or not draft.components:
        raise Invalid(_("An offering needs a plan and a component."), fields={"plans": [_("Name at least one.")]})
    slug = draft.slug or slugify(draft.name)
    offering, _created = Offering.objects.get_or_create(
        scope=organization, slug=slug, defaults={"capability": draft.capability}
    )
    offering = Offering.objects.select_for_update().get(pk=offering.pk)
    if offering.capability != draft.capability:
        raise Conflict(_("Another capability is offered under this name."))
    _describe(offering, draft)
    version = _add_version(offering, draft)
    record("catalogue.publish", offering, actor=actor, version=version.number)
    return version


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


def _describe(offering: Offering, draft: OfferingDraft) -> None:
    offering.name, offering.summary = draft.name, draft.summary
    offering.description, offering.icon = draft.description, draft.icon
    offering.state = OfferingState.PUBLISHED
    offering.save()


def _add_version(offering: Offering, draft: OfferingDraft) -> OfferingVersion:
    last = OfferingVersion.objects.filter(offering=offering).order_by("-number").first()
    schema = narrowed(draft.capability, draft.narrowing)
    number = last.number + 1 if last else 1
    version = OfferingVersion(offering=offering, number=number, schema=schema, published_at=clock.now())
    version.save()
    for position, plan in enumerate(draft.plans):
        row = Plan(version=version, position=position, key=plan.key, name=plan.name, summary=plan.summary)
        row.spec, row.quotas = dict(plan.spec), dict(plan.quotas)
        spec_schema(version, row)
        row.save()
    for position, part in enumerate(draft.components):
        component = Component(version=version, position=position, key=part.key, name=part.name, meter=part.meter)
        component.unit, component.quantity = part.unit, dict(part.quantity)
        component.only_while, component.dimension = part.only_while, part.dimension
        check_component(component)
        component.save()
    return version
