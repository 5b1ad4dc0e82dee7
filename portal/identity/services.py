"""Signing in and out, and the live check before a privileged act."""

from dataclasses import replace

from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core import clock
from portal.core.errors import Forbidden, Invalid
from portal.events.services import record
from portal.identity import sessions
from portal.identity.models import SessionEnd
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind


@transaction.atomic
def sign_in(request: HttpRequest, username: str, password: str) -> Actor:
    """Sign a person in with her local account; raises Invalid, which says the same for every reason."""
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or user.kind_of_user != UserKind.PERSON:
        raise Invalid(_("This name and password do not fit together."), fields={})
    actor = sessions.begin(request, user, method="password")
    record("identity.sign_in", user, actor=actor)
    return actor


@transaction.atomic
def refuse_sign_in(request: HttpRequest, username: str) -> None:
    """Keep on record that a sign-in was refused; the name typed is kept only when it is somebody's."""
    user = User.objects.filter(username=username).first() or User.objects.system()
    auth = Auth("none", address=sessions.address_of(request))
    actor = Actor(User.objects.system(), auth, correlation_id=getattr(request, "correlation_id", ""))
    record("identity.sign_in", user, actor=actor, outcome="refused")


@transaction.atomic
def sign_out(request: HttpRequest, *, actor: Actor) -> None:
    """End this session."""
    record("identity.sign_out", actor.user, actor=actor)
    sessions.end(request)


@transaction.atomic
def sign_out_everywhere(*, actor: Actor) -> None:
    """End every session and token of this person by moving her epoch on."""
    user = User.objects.select_for_update().get(pk=actor.user.pk)
    user.access_epoch += 1
    user.save(update_fields=["access_epoch"])
    sessions.end_all(user.sessions.all(), why=SessionEnd.EVERYWHERE)
    record("identity.sign_out_everywhere", user, actor=actor)


def check_live(actor: Actor) -> Actor:
    """Look again, now, whether this person may still act; returns the actor to go on with, or raises Forbidden."""
    if actor.is_system:
        return actor
    fresh = User.objects.filter(pk=actor.user.pk).values_list("is_active", "access_epoch").first()
    if fresh != (True, actor.user.access_epoch):
        raise Forbidden(_("Your access has ended. Sign in again."))
    return replace(actor, checked_at=clock.now())
