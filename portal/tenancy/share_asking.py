"""Share a thing where a policy may ask for a decision first: it is shared at once, or waits."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.models import Scope, Share
from portal.access.shares import place_of, thing_shared
from portal.approvals import services as approvals
from portal.approvals.models import Approval
from portal.approvals.queries import approval_of, with_decisions
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, NotFound, Refused
from portal.events.services import record
from portal.tenancy.governed_shares import SHARE, is_inside, waits_for_decision
from portal.tenancy.models import AskState, ShareAsk
from portal.tenancy.sharing import check_share, share
from portal.users.actor import Actor, Auth
from portal.users.models import User

MOST_SHOWN = 20


@transaction.atomic
def share_or_ask(thing: Any, user: User, permission: str, *, expires: datetime, actor: Actor) -> Share | ShareAsk:
    """Share by the rules of `share`; where a policy asks, it waits, and the ask is what comes back.

    Shared again while it waits, it is the same ask; until another day it is a Conflict.
    """
    check_share(thing, user, permission, expires=expires, actor=actor)
    if not waits_for_decision(thing, user, permission, expires, actor):
        return share(thing, user, permission, expires=expires, actor=actor)
    one = {"user": user, "permission": permission, "thing_kind": thing.kind(), "thing_id": thing.pk}
    waiting: ShareAsk | None = ShareAsk.objects.filter(**one, state=AskState.WAITING).first()
    if waiting is not None:
        if waiting.expires != expires:
            raise Conflict(_("This share waits for a decision already, until another day. Take that back first."))
        return waiting
    place = place_of(thing)
    values = {**one, "scope": place, "thing_label": thing.label[:200], "expires": expires, "asked_by": actor.user}
    ask: ShareAsk = ShareAsk.objects.create(**values)
    record("tenancy.ask_share", thing, actor=actor, to=user.pk, permission=permission, expires=expires)
    title = _("Share %(thing)s") % {"thing": ask.thing_label}
    known = user if is_inside(user, place) else None  # who is of another organization follows no decision of this one
    approval = approvals.ask(SHARE, ask, actor=actor, scope=place, title=title, beneficiary=known)
    if not approval.is_waiting:
        return share_decided(ask, actor=actor)
    return ask


@transaction.atomic
def share_decided(ask: ShareAsk, *, actor: Actor) -> Share:
    """The share as it was asked for, by the system's hand, in the name of who asked."""
    system, approval = Actor.system(actor.correlation_id), approval_of(SHARE, ask.pk)
    ask.state = AskState.DONE
    ask.save(update_fields=["state"])
    made = share(thing_of(ask), ask.user, ask.permission, expires=ask.expires, actor=system, approval=approval)
    actor.forget()
    return made


def check_still_hers(ask: ShareAsk) -> None:
    """Raise Refused where who asked could not share it herself at this moment, or where it is too late."""
    if not ask.user.is_active:
        raise Refused(_("%(person)s has left.") % {"person": ask.user})
    if ask.expires <= clock.now():
        raise Refused(_("The share was to end by now."))
    asker = Actor(ask.asked_by, Auth("none"))
    try:
        check_share(thing_of(ask), ask.user, ask.permission, expires=ask.expires, actor=asker)
    except (Forbidden, NotFound) as error:
        raise Refused(_("Who asked may not share this any more.")) from error


def thing_of(ask: ShareAsk) -> Any:
    """What is to be shared; Refused where it is gone."""
    found = thing_shared(ask.thing_kind, ask.thing_id)
    if found is None:
        raise Refused(_("What was to be shared is gone."))
    return found


def waiting_within(scope: Scope, *, actor: Actor) -> list[tuple[ShareAsk, Approval | None]]:
    """The shares at a scope and below that wait for a decision, each with its approval where she may see that."""
    return _waiting(ShareAsk.objects.filter(scope__path__within=scope.path), actor)


def waiting_of(thing: Any, *, actor: Actor) -> list[tuple[ShareAsk, Approval | None]]:
    """The same for one thing alone."""
    return _waiting(ShareAsk.objects.filter(thing_kind=thing.kind(), thing_id=thing.pk), actor)


def _waiting(rows: QuerySet[ShareAsk], actor: Actor) -> list[tuple[ShareAsk, Approval | None]]:
    waiting = rows.filter(state=AskState.WAITING).select_related("user").order_by("created_at", "pk")
    return with_decisions(SHARE, waiting[:MOST_SHOWN], actor=actor)
