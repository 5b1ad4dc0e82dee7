"""Reads of the catalogue, limited to what the actor may see."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery

from portal.access.models import Scope
from portal.catalogue.models import Component, Offering, OfferingState, OfferingVersion, Plan
from portal.catalogue.schemas import units_of
from portal.core.errors import NotFound
from portal.users.actor import Actor


def offerings_visible_to(actor: Actor, *, also_withdrawn: bool = False) -> QuerySet[Offering]:
    """What she may order, by name; with `also_withdrawn` drafts and what is no longer offered, too."""
    offerings: QuerySet[Offering] = Offering.objects.visible_to(actor)
    if not also_withdrawn:
        offerings = offerings.filter(state=OfferingState.PUBLISHED)
    return offerings.select_related("scope").order_by("name", "pk")


def offering_visible_to(actor: Actor, pk: uuid.UUID | str) -> Offering:
    """One offering, or NotFound."""
    found = offerings_visible_to(actor, also_withdrawn=True).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def choices_of_offerings(scope: Scope) -> list[tuple[str, str]]:
    """By slug and name, what is offered in a scope, above it and below it: each slug once."""
    near = Q(scope__path__above=scope.path) | Q(scope__path__within=scope.path)
    rows = Offering.objects.filter(near).exclude(state=OfferingState.DRAFT).order_by("-scope__path")
    return sorted(dict(rows.values_list("slug", "name")).items(), key=lambda row: (row[1], row[0]))


def current_version(offering: Offering) -> OfferingVersion | None:
    """The newest version, with its plans and components loaded."""
    return with_parts(OfferingVersion.objects.filter(offering=offering)).order_by("-number").first()


def current_versions(offerings: QuerySet[Offering]) -> list[OfferingVersion]:
    """The newest version of each offering, in their order by name, in a fixed number of queries."""
    newest = OfferingVersion.objects.filter(offering=OuterRef("offering")).order_by("-number").values("pk")[:1]
    chosen = with_parts(OfferingVersion.objects.filter(offering__in=offerings, pk=Subquery(newest)))
    return list(chosen.order_by("offering__name", "offering_id"))


def plans_on_offer(offerings: QuerySet[Offering]) -> list[Plan]:
    """The plans of the newest version of each offering, by its name, with version and components loaded; two queries."""
    newest = OfferingVersion.objects.filter(offering=OuterRef("version__offering")).order_by("-number").values("pk")[:1]
    plans = Plan.objects.filter(version__offering__in=offerings, version=Subquery(newest))
    plans = plans.select_related("version__offering__scope").prefetch_related("version__components")
    return list(plans.order_by("version__offering__name", "version__offering", "position", "key"))


def with_parts(versions: QuerySet[OfferingVersion]) -> QuerySet[OfferingVersion]:
    """The versions with offering, plans and components loaded."""
    parts = (Prefetch("plans", Plan.objects.all()), Prefetch("components", Component.objects.all()))
    return versions.select_related("offering__scope").prefetch_related(*parts)


def quotas_of(plan: Plan, spec: Mapping[str, Any]) -> dict[str, int]:
    """What a spec takes of each quota dimension: what the plan says, and what its components count (rounded up)."""
    taken = {dimension: int(amount) for dimension, amount in plan.quotas.items()}
    for component in plan.version.components.all():
        if component.dimension:
            units = -int(-units_of(component, spec) // 1)
            taken[component.dimension] = taken.get(component.dimension, 0) + units
    return taken
