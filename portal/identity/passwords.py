"""The password of a local account: changed by its owner, or set anew with a link that came by mail."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core import clock, queue
from portal.core.errors import Invalid, NotFound
from portal.events.services import record
from portal.identity import alerts, lockout, sessions
from portal.identity.factors import check_local
from portal.identity.models import Factor, ResetMail, SessionEnd
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind

WINDOW = timedelta(hours=1)
MOST_PER_ADDRESS = 10
MOST_PER_PERSON = 3
MOST_OF_ONE_MAIL = 5


class ResetTokens(PasswordResetTokenGenerator):
    """A link dies when used, after an hour, and when password, e-mail address or access moved on, or she signed in."""

    key_salt = "portal.identity.reset"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}:{user.access_epoch}:{user.is_active}"

    def _now(self) -> datetime:
        return clock.now().replace(tzinfo=None)


reset_tokens = ResetTokens()


def change_password(request: HttpRequest, old: str, new: str, *, actor: Actor) -> None:
    """Change her own. Every other session and every token ends; the session she is in goes on, under a new key."""
    check_local(actor)
    check_new(new, actor.user, field="new_password")
    if lockout.verify(request, actor.user.username, old) is None:
        raise Invalid(fields={"password": [_("This is not your password.")]})
    with transaction.atomic():
        user = _set(actor.user.pk, new)
        sessions.go_on(request, user)
        event = record("identity.change_password", user, actor=actor)
        alerts.password_changed(user, actor=actor, event=event)


@transaction.atomic
def ask_reset(request: HttpRequest, typed: str) -> None:
    """Send a link to whoever this name or e-mail address is; nothing here says whether it is anybody's, and the work is the
    same: a row, an event and a task, which finds nothing to send.

    TooMany where this address asked too often. A person who was written to often enough within the hour gets no more.
    """
    address, since = sessions.address_of(request), clock.now() - WINDOW
    asked = ResetMail.objects.filter(created_at__gt=since)
    if asked.filter(address=address).count() >= MOST_PER_ADDRESS:
        oldest = asked.filter(address=address).order_by("created_at").values_list("created_at", flat=True)[0]
        raise lockout.too_many(oldest + WINDOW - clock.now())
    for person in _people(typed) or [None]:
        is_sent = person is not None and asked.filter(user=person).count() < MOST_PER_PERSON
        row = ResetMail.objects.create(user=person, address=address, due_at=clock.now() if is_sent else None)
        outcome = "done" if is_sent else "refused"
        record("identity.ask_reset", person or User.objects.system(), actor=_nobody(request), outcome=outcome)
        queue.after_commit("identity.mail_reset", row.pk)


def person_of_link(pk: UUID, token: str) -> User:
    """Whose link this is; NotFound where it opens nothing any more, or never did."""
    return _person(pk, token, lock=False)


@transaction.atomic
def reset_password(request: HttpRequest, pk: UUID, token: str, new: str) -> None:
    """Set her password by the link, once. Her sessions and tokens end, her tries count from nought; a second factor stays."""
    user = _person(pk, token, lock=True)
    check_new(new, user, field="new_password")
    user = _set(user.pk, new)
    sessions.end_all(user.sessions.all(), why=SessionEnd.EVERYWHERE)
    Factor.objects.filter(user=user).update(failures=0, waits_until=None)
    lockout.forget(request, user.username)
    actor = Actor(user, Auth("reset_link", address=sessions.address_of(request)), correlation_id=_correlation(request))
    event = record("identity.reset_password", user, actor=actor)
    alerts.password_changed(user, actor=actor, event=event)


def check_new(password: str, user: User, *, field: str) -> None:
    """Raise Invalid, under the field's name, where the house takes no such password."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(_("This password will not do."), fields={field: list(error.messages)}) from error


def _set(pk: UUID, password: str) -> User:
    user = User.objects.select_for_update().get(pk=pk)
    user.set_password(password)
    user.access_epoch += 1
    user.save(update_fields=["password", "access_epoch"])
    queue.after_commit("leases.revoke_person", user.pk)
    return user


def _people(typed: str) -> Sequence[User | None]:
    found = User.objects.filter(Q(username=typed) | Q(email__iexact=typed), kind_of_user=UserKind.PERSON, is_active=True)
    return list(found.exclude(email="").order_by("pk")[:MOST_OF_ONE_MAIL])


def _person(pk: UUID, token: str, *, lock: bool) -> User:
    found = User.objects.filter(pk=pk, kind_of_user=UserKind.PERSON, is_active=True)
    user = (found.select_for_update() if lock else found).first()
    if user is None or not user.has_usable_password() or not reset_tokens.check_token(user, token):
        raise NotFound(_("This link opens nothing any more."))
    return user


def _nobody(request: HttpRequest) -> Actor:
    auth = Auth("none", address=sessions.address_of(request))
    return Actor(User.objects.system(), auth, correlation_id=_correlation(request))


def _correlation(request: HttpRequest) -> str:
    return str(getattr(request, "correlation_id", ""))
