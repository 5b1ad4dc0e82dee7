"""Ask for more quota than there is, or to borrow it from another tenant; take it back; and what runs until a day.

Whom a quota binds may ask for more of it: everybody who sees a place at or below the scope where it was set, though she may
not see that scope itself. She learns the limit and what is used, which the refusal of her order told her before.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import scope_ids
from portal.access.models import Scope, ScopeKind, ScopeState
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.events.services import record
from portal.tenancy import raising
from portal.tenancy.asking import check_asks, clean_text, waiting_like
from portal.tenancy.models import AskState, Quota, QuotaAsk
from portal.tenancy.services import check_open
from portal.users.actor import Actor

LONGEST = timedelta(days=366)
SAID = ("amount", "until", "reason")


def place_to_ask_for(actor: Actor, pk: UUID | str) -> Scope:
    """A scope whose limits bind her: one that she sees, or one above that; NotFound for every other."""
    near = scope_ids(actor, "view_scope", reach="up")
    found: Scope | None = Scope.objects.select_related("parent").filter(pk=pk, pk__in=near).first()
    if found is None:
        raise NotFound
    return found


def quotas_at(scope: Scope) -> list[Quota]:
    """The quotas that were set at a scope itself, by dimension."""
    return list(Quota.objects.filter(scope=scope).select_related("scope").order_by("dimension"))


def lenders_for(scope: Scope) -> list[Scope]:
    """The open tenants of the same organization that have a quota and lie beside this one, by name.

    A tenant lends to a tenant. One within the other would lend what it uses itself.
    """
    if scope.scope_kind != ScopeKind.TENANT:
        return []
    rows = Scope.objects.filter(path__within=scope.organization_id, scope_kind=ScopeKind.TENANT, state=ScopeState.ACTIVE)
    rows = rows.filter(quotas__isnull=False).exclude(path__within=scope.path).exclude(path__above=scope.path)
    return list(rows.distinct().select_related("parent").order_by("name", "pk"))


@transaction.atomic
def ask_quota(
    scope: Scope,
    dimension: str,
    amount: int,
    *,
    reason: str,
    actor: Actor,
    until: datetime | None = None,
    lender: Scope | None = None,
) -> QuotaAsk:
    """Ask for so much more of a quota, for good or until a moment within a year; from a `lender` always until one.

    It is decided where the quota was set, a loan where the lender is; or it is done at once. The same asked again while it
    waits is the same ask. Raises NotFound, Invalid, Conflict (a closed place, or it waits in other words), Refused.
    """
    check_asks(actor)
    scope = place_to_ask_for(actor, scope.pk)
    check_open(scope)
    if raising.quota_of(scope, dimension) is None:
        raise Invalid(fields={"dimension": [_("No quota of this is set here.")]})
    if not 0 < amount < raising.LARGEST:
        raise Invalid(fields={"amount": [_("A whole number, 1 or more.")]})
    if lender is not None and lender.pk not in {each.pk for each in lenders_for(scope)}:
        raise Invalid(fields={"lender": [_("Choose one of the tenants offered.")]})
    if lender is not None and until is None:
        raise Invalid(fields={"until": [_("A loan is given back: choose the day.")]})
    check_end(until)
    ask = QuotaAsk(scope=scope, dimension=dimension, amount=amount, until=until, lender=lender, asked_by=actor.user)
    ask.reason = clean_text("reason", reason)
    if waiting := waiting_like(ask, SAID, scope=scope, dimension=dimension, lender=lender):
        return waiting
    raising.check(ask)
    ask.save(force_insert=True)
    record("tenancy.ask_quota", ask, actor=actor, dimension=dimension, amount=amount, until=until, lender=lender)
    asked = approvals.ask(raising.QUOTA, ask, actor=actor, scope=lender or scope, title=title_of(ask))
    if not asked.is_waiting:
        raising.raise_quota(ask, actor=actor)
    return ask


def check_end(until: datetime | None) -> None:
    """Raise Invalid where it would end at once, or later than in a year."""
    now = clock.now()
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid(fields={"until": [_("Choose a day within a year from now.")]})


def title_of(ask: QuotaAsk) -> str:
    """What it is called where it waits."""
    words = {"amount": ask.amount, "dimension": ask.dimension, "scope": ask.scope.name, "lender": ask.lender}
    if ask.lender:
        return _("%(amount)s %(dimension)s of %(lender)s lent to %(scope)s") % words
    return _("%(amount)s more %(dimension)s in %(scope)s") % words


def withdraw_quota_ask(ask: QuotaAsk, *, actor: Actor, reason: str = "") -> QuotaAsk:
    """Take back what she asked for, while it waits; withdrawn already, nothing changes. NotFound for others' asks."""
    if ask.asked_by_id != actor.user.pk:
        raise NotFound
    check_asks(actor)
    approval = approval_of(raising.QUOTA, ask.pk)
    if approval is None:
        raise Conflict(_("It was decided already."))
    approvals.withdraw(approval, actor=actor, reason=reason)
    ask.refresh_from_db(fields=["state"])
    return ask


def quota_asks_of(actor: Actor) -> Any:
    """What she asked for, newest first. A narrowed token sees none."""
    found = QuotaAsk.objects.filter(asked_by=actor.user).select_related("scope", "lender").order_by("-created_at", "-pk")
    return found.none() if actor.narrowed_to is not None else found


def running_at(scope: Scope) -> list[QuotaAsk]:
    """What was raised, borrowed or lent of the quotas that bind a scope and is not over, what ends first on top."""
    here = Q(scope__path__above=scope.path) | Q(lender__path__above=scope.path)
    rows = QuotaAsk.objects.filter(here, state=AskState.DONE, until__gt=clock.now())
    return list(rows.select_related("scope", "lender").order_by("until", "pk"))
