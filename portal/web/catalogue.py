"""The catalogue: what a person may order, and what each service costs at least."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.catalogue.filters import OfferingFilter
from portal.catalogue.models import Offering, Plan
from portal.catalogue.queries import offerings_visible_to, plans_on_offer
from portal.clouds.labels import KINDS
from portal.core import clock
from portal.pricing.quotes import Quote, quotes_of
from portal.web.events import page_number

TILES = 48
ICONS = {"compute": "server", "database": "database"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One service of the catalogue. `least` is its cheapest plan; None where no plan has all its prices."""

    offering: Offering
    icon: str
    least: Quote | None
    plans: int


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of service with how many there are; the empty key is all of them."""

    key: str
    word: Any
    count: int


@login_required
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every service she may see, narrowed by words and kind."""
    offered = offerings_visible_to(request.actor)
    kind = request.GET.get("capability", "")
    found = OfferingFilter({"q": request.GET.get("q", "")}, offered)
    kinds = kinds_of(found.qs)
    counts = {each.key: each.count for each in kinds}
    kind = kind if kind in counts else ""
    paginator = Paginator(found.qs.filter(capability=kind) if kind else found.qs, TILES)
    paginator.count = counts[kind]
    page: Page[Offering] = paginator.get_page(page_number(request))
    context = {"filter": found, "kinds": kinds, "kind": kind, "page": page, "tiles": tiles_of(page.object_list)}
    return render(request, "catalogue/catalogue.html", context)


def tiles_of(offerings: QuerySet[Offering]) -> list[Tile]:
    """These services with their cheapest plans: two queries, and one for the prices of each organization."""
    plans = plans_on_offer(offerings)
    costs: dict[uuid.UUID, Quote | None] = {}
    for organization in {plan.version.offering.scope_id for plan in plans}:
        own = [plan for plan in plans if plan.version.offering.scope_id == organization]
        costs |= quotes_of(own, organization_id=organization, at=clock.now())
    grouped = groupby(plans, key=lambda plan: plan.version.offering)
    return [tile_of(offering, list(each), costs) for offering, each in grouped]


def tile_of(offering: Offering, plans: list[Plan], costs: dict[uuid.UUID, Quote | None]) -> Tile:
    """One tile."""
    return Tile(offering, icon_of(offering), cheapest(costs[plan.pk] for plan in plans), len(plans))


def cheapest(quotes: Iterable[Quote | None]) -> Quote | None:
    """The least of them; what has no price is not the cheapest."""
    known = [quote for quote in quotes if quote is not None]
    return min(known, key=lambda quote: quote.per_month, default=None)


def kinds_of(offered: Any) -> list[Kind]:
    """All, and each kind that is among them, with how many."""
    counts = dict(offered.order_by().values_list("capability").annotate(n=Count("pk")))
    known = [Kind(key, word, counts[key]) for key, word in KINDS.items() if key in counts]
    return [Kind("", None, sum(counts.values())), *known]


def icon_of(offering: Offering) -> str:
    """Its own icon, or that of its kind."""
    return offering.icon or ICONS.get(offering.capability, "box")
