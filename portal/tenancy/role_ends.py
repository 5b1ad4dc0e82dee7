"""Tell people of their roles that end soon, so that who still needs one asks in time."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from portal.access.models import Assignment
from portal.core import clock
from portal.notices.services import notify
from portal.users.actor import Actor

SOON = timedelta(days=7)
BATCH = 500


@transaction.atomic
def tell_role_ends(*, actor: Actor) -> int:
    """Tell each whose role ends within a week, once for each end; returns how many roles that were.

    A role given for a week or less says its end when it is given, and is not told of again.
    """
    now = clock.now()
    ending = Assignment.objects.filter(expires__gt=now, expires__lte=now + SOON, user__is_active=True)
    untold = ending.filter(expires__gt=F("created_at") + SOON).exclude(told_end=F("expires"))
    found = untold.select_for_update(of=("self",), skip_locked=True).select_related("user", "role", "scope")
    rows = list(found.order_by("expires", "pk")[:BATCH])
    for row in rows:
        ends: Any = row.expires
        notify(
            [row.user],
            "role_ends",
            target=row.scope,
            actor=actor,
            role=str(row.role),
            date=ends.date(),
            days=-(-(ends - now) // timedelta(days=1)),
        )
        row.told_end = ends
    Assignment.objects.bulk_update(rows, ["told_end"])
    return len(rows)
