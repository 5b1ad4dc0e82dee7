"""Reads of offers and leases: each person sees her own, and who manages a connection sees those of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.access.guard import holds, require, scope_ids
from portal.access.resolver import covers
from portal.approvals.queries import places_of_rules
from portal.clouds.models import Connection, ConnectionState
from portal.core import parcels
from portal.core.errors import NotFound
from portal.core.journal import OPEN_STATES
from portal.leases.models import OPEN, Lease, LeaseOffer, LeaseState, LeaseStep, Lender
from portal.users.actor import Actor

WITH = ("connection__provider", "connection__lender", "offer__scope", "person")


def offers_for(actor: Actor) -> QuerySet[LeaseOffer]:
    """What she can lease, by name: offered where she may take leases, in clouds that are in use."""
    found: QuerySet[LeaseOffer] = LeaseOffer.objects.visible_to(actor)
    usable = found.filter(withdrawn_at=None, connection__state=ConnectionState.READY, connection__lender__lends=True)
    return usable.select_related("connection__provider", "connection__lender", "scope").order_by("name", "pk")


def offer_for(actor: Actor, pk: UUID | str) -> LeaseOffer:
    """One of them, or NotFound."""
    found = offers_for(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def offers_on(connection: Connection, actor: Actor) -> QuerySet[LeaseOffer]:
    """What is offered of a connection she manages, by scope."""
    require(actor, "manage_connections", connection)
    found: QuerySet[LeaseOffer] = LeaseOffer.objects.filter(connection=connection, withdrawn_at=None)
    return found.select_related("scope", "connection__provider", "connection__lender").order_by("scope__path", "name", "pk")


def offer_to_manage(actor: Actor, pk: UUID | str) -> LeaseOffer:
    """One offer of a connection she manages, withdrawn or not; or NotFound."""
    rows = LeaseOffer.objects.select_related("scope", "connection__provider", "connection__lender", "connection__scope")
    found: LeaseOffer | None = rows.filter(pk=pk).first()
    if found is None or not holds(actor, "manage_connections", found.connection):
        raise NotFound
    return found


def leases_of(actor: Actor) -> QuerySet[Lease]:
    """Her own, newest first; a narrowed token sees those within its limits."""
    hers: QuerySet[Lease] = Lease.objects.filter(person=actor.user).select_related(*WITH)
    if actor.narrowed_to is not None:
        hers = hers.filter(offer__scope__in=scope_ids(actor, "take_lease"))
    return hers.order_by("-created_at", "-pk")


def leases_on(connection: Connection, actor: Actor) -> QuerySet[Lease]:
    """What is held of a connection she manages, or opens it still, the next to end first."""
    require(actor, "manage_connections", connection)
    living = Q(state__in=[*OPEN, LeaseState.ENDING]) | Q(is_in_cloud=True)
    found: QuerySet[Lease] = Lease.objects.filter(living, connection=connection).select_related(*WITH)
    return found.order_by("ends", "-created_at", "-pk")


def lent_now(connection: Connection) -> int:
    """How many leases open this cloud now, or may, as far as the cloud has said."""
    return Lease.objects.filter(connection=connection, is_in_cloud=True).count()


def lease_visible_to(actor: Actor, pk: UUID | str) -> Lease:
    """One of hers, or of a connection she manages; else NotFound."""
    found = leases_of(actor).filter(pk=pk).first()
    managed: Any = Lease.objects.visible_to(actor).filter(pk=pk).select_related(*WITH)
    found = found or managed.first()
    if found is None:
        raise NotFound
    return found


def scopes_decided(offers: Iterable[LeaseOffer], at: datetime) -> set[str]:
    """The paths of the scopes of these offers where a policy may ask for a decision first."""
    scopes = {offer.scope.pk: offer.scope for offer in offers}.values()
    roots = places_of_rules("lease", scopes, at)
    return {str(scope.path) for scope in scopes if any(covers(root, str(scope.path)) for root in roots)}


def lender_of(connection: Connection) -> Lender | None:
    """What was last read of what an account can lend."""
    return Lender.objects.filter(connection=connection).first()


def has_secret(lease: Lease, actor: Actor) -> bool:
    """Whether its secret waits for her to read it."""
    is_hers = lease.person_id == actor.user.pk and lease.state == LeaseState.HELD
    return is_hers and parcels.waiting(lease.parcel, for_user_id=actor.user.pk) is not None


def due_for_work(at: datetime) -> list[UUID]:
    """Leases of which something is to be asked now: a step that is due, or a state that wants one and has none."""
    open_steps = LeaseStep.objects.filter(state__in=OPEN_STATES)
    due = set(open_steps.filter(due_at__lte=at).values_list("lease", flat=True))
    wanted = Q(state__in=[LeaseState.MINTING, LeaseState.ENDING]) | Q(state=LeaseState.FAILED, is_in_cloud=True)
    idle = Lease.objects.filter(wanted).exclude(pk__in=open_steps.values("lease"))
    return [*due, *idle.values_list("pk", flat=True)]
