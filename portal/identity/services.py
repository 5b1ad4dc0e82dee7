"""Signing in and out, and the live check before a privileged act."""

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core import clock, queue
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.services import record
from portal.identity import factors, halfway, journal, live, lockout, looking, sessions
from portal.identity.models import LookEnd, Session, SessionEnd
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind


def sign_in(request: HttpRequest, username: str, password: str) -> Actor | None:
    """Sign a person in with her local account; None where her code is asked for next, and nothing is open before.

    Raises Invalid, which says the same for every reason, and TooMany after wrong tries. No transaction is around the
    password: it would take back what was counted.
    """
    user = lockout.verify(request, username, password)
    if user is None or user.kind_of_user != UserKind.PERSON:
        raise Invalid(_("This name and password do not fit together."), fields={})
    if factors.is_asked_of(user):
        halfway.put(request, user)
        return None
    with transaction.atomic():
        return _begin(request, user, "password")


def sign_in_with_code(request: HttpRequest, code: str) -> Actor:
    """The second step: a code of her app, or a recovery code. Raises Conflict where the first is missing or too long ago,
    Invalid where the code is wrong, and TooMany after wrong tries.
    """
    user = halfway.person(request)
    if user is None:
        raise Conflict(_("More than five minutes went by since your password."))
    lockout.check_open(request, user.username)
    with transaction.atomic():
        if used := factors.use_code(user, code):
            actor = _begin(request, user, f"password+{used}")
            if used == "recovery":
                record("identity.use_recovery_code", user, actor=actor)
            return actor
    lockout.count_failure(request, user.username)
    refuse_sign_in(request, user.username, method="code")
    raise Invalid(_("This code is wrong, or was used already."), fields={})


@transaction.atomic
def refuse_sign_in(request: HttpRequest, username: str, method: str = "password") -> None:
    """Keep on record that a sign-in was refused; the name typed is kept only when it is somebody's."""
    user = User.objects.filter(username=username).first() or User.objects.system()
    auth = Auth("none", address=sessions.address_of(request))
    actor = Actor(User.objects.system(), auth, correlation_id=getattr(request, "correlation_id", ""))
    record("identity.sign_in", user, actor=actor, outcome="refused", by=method)


@transaction.atomic
def sign_out(request: HttpRequest, *, actor: Actor) -> None:
    """End this session, and what it looks at as another person: whoever looks signs out herself, not the other."""
    actor = looking.looker_of(actor)
    looking.end_of_session(LookEnd.SIGNED_OUT, actor=actor)
    record("identity.sign_out", actor.user, actor=actor)
    sessions.end(request)


@transaction.atomic
def sign_out_everywhere(*, actor: Actor) -> None:
    """End every session and token of this person by moving her epoch on; her sessions at the identity provider end, too."""
    user = User.objects.select_for_update().get(pk=actor.user.pk)
    user.access_epoch += 1
    user.save(update_fields=["access_epoch"])
    sessions.end_all(user.sessions.all(), why=SessionEnd.EVERYWHERE)
    journal.tell(user, journal.SIGN_OUT)
    queue.after_commit("leases.revoke_person", user.pk)
    record("identity.sign_out_everywhere", user, actor=actor)


@transaction.atomic
def end_session(session_id: UUID, *, actor: Actor) -> None:
    """End one session of hers at its next request, and the one at the identity provider that it came from; NotFound where
    she has none of this id. Ended already, nothing changes.
    """
    User.objects.select_for_update().get(pk=actor.user.pk)
    hers = Session.objects.filter(pk=session_id, user=actor.user)
    session = hers.first()
    if session is None:
        raise NotFound
    if sessions.end_all(hers, why=SessionEnd.SIGNED_OUT):
        journal.tell_end(session)
        record("identity.end_session", actor.user, actor=actor, ended=session_id)


def check_live(actor: Actor) -> Actor:
    """Look again, now, whether this person may still act, here and at her identity provider; before a privileged act.

    Gives the actor to go on with, whose roles are read afresh. Forbidden where her access or her sign-in has ended. A
    provider that does not answer is Unavailable: what cannot be checked is not done.
    """
    if actor.is_system:
        return actor
    if not live.stands(actor):
        raise Forbidden(_("Your access has ended. Sign in again."))
    live.ask_provider(actor)
    return replace(actor, checked_at=clock.now(), memory={})


def _begin(request: HttpRequest, user: User, method: str) -> Actor:
    actor = sessions.begin(request, user, method=method)
    record("identity.sign_in", user, actor=actor)
    return actor
