"""What the identity provider says of a person, carried out here: she is let in no more, is let in again, moved, signed out."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from portal.core import clock, parcels, queue
from portal.events.services import record
from portal.identity import mapping, sessions
from portal.identity.claims import kept
from portal.identity.models import Session, SessionEnd
from portal.users.actor import Actor
from portal.users.models import Identity, User

NAMED = 100


@transaction.atomic
def shut_out(identity: Identity, *, cause: Any = "") -> None:
    """Her provider lets her in no more, so neither does the portal, by whatever way. Known already, nothing changes."""
    user, identity = _locked(identity)
    if identity.disabled_at is None:
        identity.disabled_at = clock.now()
        identity.save(update_fields=["disabled_at"])
        ended = end_access(user)
        record("identity.shut_out", user, actor=Actor.system(), cause=cause, sessions=ended)


@transaction.atomic
def let_in(identity: Identity, *, cause: Any = "") -> None:
    """Her provider lets her in again. She stays out while the portal itself, or another provider, has disabled her."""
    user, identity = _locked(identity)
    if identity.disabled_at is not None:
        identity.disabled_at = None
        identity.save(update_fields=["disabled_at"])
        open_access(user)
        record("identity.let_in", user, actor=Actor.system(), cause=cause)


@transaction.atomic
def claims_changed(identity: Identity, groups: Iterable[str], *, cause: Any = "") -> bool:
    """Keep the groups her provider has her in now, and bring what rules give her in step; whether they are others than before."""
    user, identity = _locked(identity)
    before, now = set(kept(identity.claims.get("groups", []))), set(kept(list(groups)))
    if before == now:
        return False
    identity.claims = {**identity.claims, "groups": sorted(now)}
    identity.save(update_fields=["claims"])
    gained, lost = sorted(now - before), sorted(before - now)
    counts = {"gained_count": len(gained), "lost_count": len(lost)} if len(gained) + len(lost) > NAMED else {}
    detail = {"gained": gained[:NAMED], "lost": lost[:NAMED], **counts}
    event = record("identity.change_claims", user, actor=Actor.system(), cause=cause, **detail)
    mapping.apply([identity], actor=Actor.system(), cause=event)
    return True


@transaction.atomic
def sign_out(living: QuerySet[Session], *, cause: Any = "") -> int:
    """End sessions whose like at the provider have ended; returns how many lived."""
    rows, ended = list(living.filter(ended_at=None).select_related("user").order_by("user")), 0
    for user, hers in groupby(rows, key=lambda row: row.user):
        lived = sessions.end_all(Session.objects.filter(pk__in=[row.pk for row in hers]), why=SessionEnd.PROVIDER)
        record("identity.end_sessions", user, actor=Actor.system(), cause=cause, sessions=lived)
        ended += lived
    return ended


def end_access(user: User) -> int:
    """From here on nothing she holds opens anything: sessions, tokens (those of her service accounts, too), secrets that
    wait for her; a worker ends what she holds in clouds. For a locked row; returns how many sessions lived.
    """
    user.is_active, user.access_epoch = False, user.access_epoch + 1
    user.save(update_fields=["is_active", "access_epoch", "disabled_at"])
    parcels.forget_for(user.pk)
    queue.after_commit("leases.revoke_person", user.pk)
    return sessions.end_all(user.sessions.all(), why=SessionEnd.DISABLED)


def open_access(user: User) -> None:
    """She may sign in again, unless something else still disables her. What she held before stays dead. For a locked row."""
    is_shut_out = Identity.objects.filter(user=user, disabled_at__isnull=False).exists()
    user.is_active = user.disabled_at is None and not is_shut_out
    user.save(update_fields=["is_active", "disabled_at"])


def _locked(identity: Identity) -> tuple[User, Identity]:
    """The person, then her identity: always in this order."""
    user = User.objects.select_for_update().get(pk=identity.user_id)
    return user, Identity.objects.select_for_update().get(pk=identity.pk)
