"""Who is told in time: of a token that ends soon, and of a service account whose owner no longer belongs where it lives."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from portal.access.models import Token
from portal.approvals.eligibility import accounts_holding
from portal.core import clock
from portal.identity.models import AccountState, ServiceAccount
from portal.identity.service_accounts import PERMISSION, with_standing
from portal.identity.tokens import ending_tokens
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

MARKS = (3, 14)
"""Days before the end of a token when its owner is told."""
BATCH = 500


@transaction.atomic
def tell_ends(*, actor: Actor) -> int:
    """Tell whose token, or whose service account's, ends within 14 days, and again within 3; once each. Returns how many.

    What was rotated ends as it should. A token made for less than a mark is not told of at that mark.
    """
    now = clock.now()
    within = ending_tokens(now + timedelta(days=max(MARKS))).exclude(told_days__lte=min(MARKS))
    rows = list(within.select_for_update(of=("self",), skip_locked=True).order_by("expires")[:BATCH])
    told = [token for token in rows if _is_due(token)]
    for token in told:
        days = -((now - token.expires) // timedelta(days=1))
        words: dict[str, Any] = {"account": token.user, "date": f"{token.expires:%Y-%m-%d %H:%M} UTC"}
        notify([token.user], "token_ends", target=token, actor=actor, days=days, **words)
    Token.objects.bulk_update(told, ["told_days"])
    return len(told)


@transaction.atomic
def tell_orphans(*, actor: Actor) -> int:
    """Tell who manages service accounts in a scope of one there whose owner is disabled or lost her roles; once, until she is
    back or another answers for it. Returns how many accounts that were.
    """
    alive = ServiceAccount.objects.exclude(state=AccountState.ENDED)
    back = with_standing(alive.exclude(told_gone_at=None)).filter(belongs=True)
    ServiceAccount.objects.filter(pk__in=[row.pk for row in back]).update(told_gone_at=None)
    rows = list(with_standing(alive.filter(told_gone_at=None)).filter(belongs=False).order_by("created_at")[:BATCH])
    taken = alive.filter(pk__in=[row.pk for row in rows], told_gone_at=None).select_for_update(skip_locked=True)
    ours = set(taken.values_list("pk", flat=True))
    for account in [row for row in rows if row.pk in ours]:
        people = set(accounts_holding(PERMISSION, account.scope).values()) - {account.owner.pk}
        admins = User.objects.filter(pk__in=people)
        notify(admins, "account_orphaned", target=account, actor=actor, scope=account.scope)
    ServiceAccount.objects.filter(pk__in=ours).update(told_gone_at=clock.now())
    return len(ours)


def _is_due(token: Token) -> bool:
    """Whether it passed a mark that was not told of; then that mark is on it."""
    now = clock.now()
    for days in MARKS:
        mark = token.expires - timedelta(days=days)
        if mark <= now:
            if token.created_at >= mark or (token.told_days is not None and token.told_days <= days):
                return False
            token.told_days = days
            return True
    return False
