"""Ask for a lease, take it while one is here, read its secret once, and end it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.approvals import services as approvals
from portal.approvals.facts import plain
from portal.approvals.kinds import context_of, kind_named
from portal.approvals.previews import route_of
from portal.clouds.models import Connection, ConnectionState
from portal.core import clock, parcels
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity.models import Session
from portal.identity.plane import issuer
from portal.leases import endings, states
from portal.leases.endings import KIND
from portal.leases.models import Lease, LeaseEnd, LeaseOffer, LeaseState, Lender, id_of
from portal.users.actor import Actor
from portal.users.models import User, UserKind

MOST_HELD = 20
ABSENT = ("token", "system", "job")
"""How nobody signs in who sits at a screen now."""


@dataclass(frozen=True, slots=True)
class Given:
    """The secret of a lease in clear, for the one page that shows it."""

    env: Mapping[str, str]
    profile: str
    profile_path: str
    note: str

    @property
    def exports(self) -> str:
        """The variables as lines for a shell."""
        return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in self.env.items())

    @property
    def file_name(self) -> str:
        """What the profile is called as a file of its own."""
        return self.profile_path.rpartition("/")[2].lstrip(".") or "profile"


@transaction.atomic
def ask_lease(offer: LeaseOffer, *, duration: timedelta, purpose: str = "", key: str, actor: Actor) -> Lease:
    """Ask for what is offered. Allowed at once, a worker mints it now; else it waits for a decision, and then for her.

    Only a person who is here asks: by a session, or by a shell with her own token of the identity provider. The same `key`
    by the same person gives the same lease. Invalid names the fields that do not fit.
    """
    require_fresh(actor)
    require(actor, "take_lease", offer)
    User.objects.select_for_update().get(pk=actor.user.pk)  # two asks at once are counted one after the other
    made: Lease | None = Lease.objects.filter(person=actor.user, key=key).first()
    if made is not None:
        return made
    lender = _check_open(offer)
    _check_form(offer, lender, duration, purpose)
    session = _present(actor, lender)
    if Lease.objects.filter(person=actor.user, state__in=[*states_counted()]).count() >= MOST_HELD:
        raise Refused(_("You hold %(most)s already. End one first.") % {"most": MOST_HELD})
    lease = Lease(offer=offer, connection_id=offer.connection_id, person=actor.user, session=session)
    lease.key, lease.purpose = key, purpose.strip()
    lease.duration_s, lease.state, lease.is_revocable = int(duration.total_seconds()), LeaseState.WAITING, lender.is_revocable
    lease.save(force_insert=True)
    record("leases.ask", lease, actor=actor, offer=offer.pk, minutes=lease.duration_s // 60, purpose=lease.purpose)
    if not _waits(lease, actor):
        _keep_token(lease, actor.bearer)
        states.start_minting(lease, actor=actor)
    return lease


@transaction.atomic
def take_lease(lease: Lease, *, actor: Actor) -> Lease:
    """Take what was approved, now that she is here. Taken already, nothing changes."""
    require_fresh(actor)
    lease = _hers(lease, actor)
    require(actor, "take_lease", lease.offer)
    if lease.state in (LeaseState.MINTING, LeaseState.HELD):
        return lease
    if lease.state != LeaseState.READY or (lease.take_until and lease.take_until <= clock.now()):
        raise Conflict(_("There is nothing to take: it was not approved, or was not taken in time. Ask again."))
    lease.session = _present(actor, _check_open(lease.offer))
    _keep_token(lease, actor.bearer)
    states.start_minting(lease, actor=actor)
    return lease


@transaction.atomic
def take_secret(lease: Lease, *, actor: Actor) -> Given | None:
    """What opens the cloud, once; None where it was read, is too old, or her access has moved on since."""
    require_fresh(actor)
    lease = _hers(lease, actor)
    require(actor, "take_lease", lease.offer)
    if actor.auth.method in ABSENT or actor.narrowed_to is not None:
        raise Forbidden(_absent())
    if lease.state != LeaseState.HELD or not endings.may_hold(lease):
        return None
    waiting = parcels.waiting(lease.parcel, for_user_id=actor.user.pk)
    plain = parcels.take(waiting, for_user_id=actor.user.pk) if waiting else None
    if plain is None:
        return None
    record("leases.take_secret", lease, actor=actor)
    return Given(**json.loads(plain))


@transaction.atomic
def end_lease(lease: Lease, *, actor: Actor, reason: str = "") -> Lease:
    """End a lease of hers, or of a connection she manages. Ended already, nothing changes."""
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if lease.person_id == actor.user.pk:
        return endings.end_one(lease.pk, LeaseEnd.HERSELF, actor=actor, reason=reason)
    require(actor, "manage_connections", lease)
    return endings.end_one(lease.pk, LeaseEnd.OPERATOR, actor=actor, reason=reason)


@transaction.atomic
def end_leases_of(connection: Connection, *, actor: Actor, reason: str = "") -> int:
    """End every open lease of a connection she manages; returns how many there were."""
    require_fresh(actor)
    require(actor, "manage_connections", connection)
    return endings.end_where({"connection": connection}, LeaseEnd.OPERATOR, actor=actor, reason=reason)


def states_counted() -> tuple[LeaseState, ...]:
    """What counts against how many she may hold at once."""
    return (LeaseState.WAITING, LeaseState.READY, LeaseState.MINTING, LeaseState.HELD)


def why_not(offer: LeaseOffer, actor: Actor) -> str:
    """Why she cannot lease this although it is offered to her; empty where she can."""
    try:
        _present(actor, offer.connection.lender)
    except (Refused, Forbidden) as error:
        return str(error)
    return ""


def is_from_provider(actor: Actor) -> bool:
    """Whether she signed in through the identity provider, so that a token for a cloud can be had for her."""
    return _is_from_provider(_session_of(actor))


def _waits(lease: Lease, actor: Actor) -> bool:
    """Whether a decision is asked for. What was offered is decided on once more only where a policy has a say on leases."""
    scope = lease.offer.scope
    answer = route_of(KIND, plain(kind_named(KIND).facts(lease)), context_of(KIND, scope, actor.user), scope, clock.now())
    if not answer.policies:
        return False
    title = _("Cloud access: %(offer)s") % {"offer": lease.offer.name}
    approval = approvals.ask(KIND, lease, actor=actor, scope=scope, title=title, key=f"{KIND}:{lease.pk}")
    lease.approval = str(approval.pk)
    lease.save(update_fields=["approval"])
    return approval.is_waiting


def _hers(lease: Lease, actor: Actor) -> Lease:
    found = states.locked(lease.pk)
    if found is None or found.person_id != actor.user.pk:
        raise NotFound
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    return found


def _check_open(offer: LeaseOffer) -> Lender:
    lender = Lender.objects.filter(connection=offer.connection_id, lends=True).first()
    fresh = LeaseOffer.objects.select_related("connection").get(pk=offer.pk)
    if fresh.withdrawn_at is not None or lender is None or fresh.connection.state != ConnectionState.READY:
        raise Conflict(_("This is not offered any more."))
    return lender


def _present(actor: Actor, lender: Lender) -> Session | None:
    """The session of hers that a token can be had from, or in which she sent one; None where none is needed.

    A plain token of the API says nothing of who sits there, so nobody leases with one.
    """
    if actor.user.kind_of_user != UserKind.PERSON or actor.auth.method in ABSENT or actor.narrowed_to is not None:
        raise Forbidden(_absent())
    session = _session_of(actor)
    if lender.audience and not _is_from_provider(session):
        raise Refused(_("This cloud takes people of the identity provider alone, and you signed in with a local account."))
    return session


def _session_of(actor: Actor) -> Session | None:
    living = Session.objects.select_related("identity").defer("identity__claims")
    return living.filter(pk=id_of(actor.auth.session), user=actor.user, ended_at=None).first()


def _is_from_provider(session: Session | None) -> bool:
    return session is not None and session.identity is not None and session.identity.issuer == issuer()


def _keep_token(lease: Lease, sent: str) -> None:
    """Seal the token she came with for the worker that exchanges it: read once, gone after ten minutes."""
    if sent:
        parcels.put(sent, for_user_id=lease.person_id, about=lease.subject_parcel)


def _check_form(offer: LeaseOffer, lender: Lender, duration: timedelta, purpose: str) -> None:
    fields: dict[str, Any] = {}
    longest = min(offer.longest_s, lender.longest_s)
    if not lender.shortest_s <= duration.total_seconds() <= longest:
        words = _("Between %(least)s and %(most)s minutes.")
        fields["duration"] = [words % {"least": -(-lender.shortest_s // 60), "most": longest // 60}]
    if offer.needs_purpose and not purpose.strip():
        fields["purpose"] = [_("Say what you need it for; who looks later reads it.")]
    if len(purpose.strip()) > 400 or "\x00" in purpose:
        fields["purpose"] = [_("At most 400 characters.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)


def _absent() -> str:
    return _("Cloud access is for a person who is signed in now. A token of the API takes none.")
