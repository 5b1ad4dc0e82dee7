"""Whose seats a person may use beside her own, at this moment: asked of the windows each time, never kept.

A window passes on what its delegator has of her own, so there are no chains; and it passes on the right to decide, not the
right to see: who stands in must see what is decided on herself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, DecimalField, Q, QuerySet, TextField, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from portal.access.resolver import covers, holds, may_now, scope_ids
from portal.approvals.models import Approval, Delegation
from portal.core import clock
from portal.users.actor import Actor
from portal.users.models import User

AMOUNT = r"^-?[0-9]{1,30}(\.[0-9]{1,20})?$"


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who decides in whose place at this moment."""

    person: User
    instead_of: User


def in_force(at: datetime | None = None) -> Q:
    """The condition that a window is open at a moment and both its people are active."""
    at = at or clock.now()
    alive = Q(delegator__is_active=True, delegate__is_active=True)
    return alive & Q(starts__lte=at, ends__gt=at, ended_at=None)


def windows_of(actor: Actor) -> list[Delegation]:
    """What is delegated to this account now, oldest first. None to a service account, to a token that may not vote, to who
    looks as another person."""
    if actor.is_system or not may_now(actor, "vote") or not _lets_vote(actor):
        return []
    if "windows" not in actor.memory:
        rows = Delegation.objects.filter(in_force(), delegate=actor.user)
        actor.memory["windows"] = list(rows.select_related("organization", "delegator").order_by("created_at", "id"))
    found: list[Delegation] = actor.memory["windows"]
    return found


def windows_for(approval: Approval, actor: Actor) -> list[Delegation]:
    """Of those, the ones that speak of this approval, which she must see."""
    if not (holds(actor, "view_order", approval) or holds(actor, "vote", approval)):
        return []
    return [window for window in windows_of(actor) if speaks_of(window, approval)]


def speaks_of(window: Delegation, approval: Approval) -> bool:
    """Whether the window is about this kind of act, in this organization, at this cost. What cannot be told is not covered."""
    if window.kinds and approval.subject_kind not in window.kinds:
        return False
    if not covers(str(window.organization.path), approval.scope_path):
        return False
    if window.most_per_month is None:
        return True
    amount, currency = approval.facts.get("cost_per_month"), approval.facts.get("currency", "")
    if currency not in ("", window.organization.currency) or not re.match(AMOUNT, str(amount)):
        return False
    return Decimal(str(amount)) <= window.most_per_month


def spoken_of(window: Delegation, actor: Actor) -> Q:
    """The same of many approvals, as one condition with the aliases of `with_amount`; the twin of `windows_for`."""
    condition = Q(scope__in=scope_ids(actor, "view_order") | scope_ids(actor, "vote"))
    condition &= Q(scope__path__within=window.organization.path)
    if window.kinds:
        condition &= Q(subject_kind__in=window.kinds)
    if window.most_per_month is not None:
        condition &= Q(facts_currency__in=("", window.organization.currency), facts_amount__lte=window.most_per_month)
    return condition


def with_amount(approvals: QuerySet[Approval]) -> QuerySet[Approval]:
    """The rows with their monthly cost as a number, where it is one, and its currency."""
    number = Cast("facts_cost", DecimalField(max_digits=50, decimal_places=20))
    currency = Coalesce(KT("facts__currency"), Value("", TextField()))
    return approvals.alias(facts_cost=KT("facts__cost_per_month"), facts_currency=currency).alias(
        facts_amount=Case(When(facts_cost__regex=AMOUNT, then=number), default=None)
    )


def stand_ins(approval: Approval, people: Iterable[UUID]) -> list[StandIn]:
    """Who stands in for these people on this approval now, as far as the windows say; who asked never does."""
    rows = Delegation.objects.filter(in_force(), delegator__in=list(people)).select_related(
        "organization", "delegator", "delegate"
    )
    windows = [row for row in rows.order_by("created_at", "id") if speaks_of(row, approval)]
    return [StandIn(row.delegate, row.delegator) for row in windows]


def _lets_vote(actor: Actor) -> bool:
    limit = actor.narrowed_to
    return limit is None or limit.permissions is None or "vote" in limit.permissions
