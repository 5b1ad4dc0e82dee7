"""How more quota comes true: a limit goes up, for good or until a moment, or one tenant lends to another until then.

What holds until a moment is a span in the quota's own row: it ends by itself, however late anybody looks.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from portal.access.models import Scope, ScopeState
from portal.approvals.models import Approval
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Refused
from portal.events.services import record
from portal.tenancy.models import AskState, Quota, QuotaAsk
from portal.tenancy.quotas import used_of
from portal.tenancy.spans import running, span
from portal.users.actor import Actor

QUOTA = "quota"
LARGEST = 2**53


def quota_of(scope: Scope, dimension: str) -> Quota | None:
    """The quota that was set there for a dimension."""
    found: Quota | None = Quota.objects.filter(scope=scope, dimension=dimension).select_related("scope").first()
    return found


def free_of(quota: Quota, at: datetime) -> int:
    """How much of it nobody uses at a moment."""
    return max(quota.limit_at(at) - used_of(quota.scope, quota.dimension), 0)


def locked(ask: QuotaAsk) -> dict[Scope, Quota]:
    """The quotas that it changes, by scope, locked in the order in which orders lock them."""
    scopes = [scope for scope in (ask.scope, ask.lender) if scope]
    rows = Quota.objects.filter(scope__in=scopes, dimension=ask.dimension).select_related("scope")
    return {row.scope: row for row in rows.select_for_update(of=("self",)).order_by("scope__path")}


def check(ask: QuotaAsk) -> None:
    """Raise Refused where it cannot be done now; what was looked at stays locked until the transaction ends."""
    now, quotas = clock.now(), locked(ask)
    for scope in (ask.scope, ask.lender):
        if scope and scope.state != ScopeState.ACTIVE:
            raise Refused(_("%(scope)s is closed.") % {"scope": scope.name})
        if scope and scope not in quotas:
            words = {"scope": scope.name, "dimension": ask.dimension}
            raise Refused(_("%(scope)s has no quota of %(dimension)s of its own.") % words)
    if ask.until is not None and ask.until <= now:
        raise Refused(_("It was to end by now."))
    if quotas[ask.scope].limit_at(now) + ask.amount >= LARGEST:
        raise Refused(_("That is more than a quota can say."))
    if ask.lender and free_of(quotas[ask.lender], now) < ask.amount:
        raise Refused(
            _("%(lender)s has not so much %(dimension)s free.") % {"lender": ask.lender, "dimension": ask.dimension}
        )


def raise_quota(ask: QuotaAsk, *, actor: Actor) -> Quota:
    """The limit as it was asked for. By the system's hand: who decides need not be who could set it."""
    system, approval, quotas = Actor.system(actor.correlation_id), approval_of(QUOTA, ask.pk), locked(ask)
    quota = quotas[ask.scope]
    if ask.lender:
        _add(quotas[ask.lender], -ask.amount, ask, "tenancy.lend_quota", approval, system)
    _add(quota, ask.amount, ask, "tenancy.borrow_quota" if ask.lender else "tenancy.raise_quota", approval, system)
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    return quota


def _add(quota: Quota, amount: int, ask: QuotaAsk, action: str, approval: Approval | None, system: Actor) -> None:
    now = clock.now()
    before = quota.limit_at(now)
    if ask.until is None:
        quota.limit += amount
    else:
        quota.spans = [*running(quota.spans, now), span(amount, ask.until)]
    quota.save(update_fields=["limit", "spans"])
    limit = quota.limit_at(now)
    detail = {"dimension": quota.dimension, "before": before, "limit": limit, "until": ask.until}
    record(action, quota, actor=system, cause=approval or ask, **detail)
