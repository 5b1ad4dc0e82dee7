"""API tokens: made once, kept as a hash, dead the moment anything behind them ends."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope, Token
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.users.actor import NEVER, Actor, Auth, Narrowing
from portal.users.models import User, UserKind

LONGEST = timedelta(days=365)
MOST_TOKENS = 50
NOTED_EVERY = timedelta(minutes=1)
WRITTEN = re.compile(r"ccd_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@transaction.atomic
def create_token(
    *,
    name: str,
    expires: datetime,
    actor: Actor,
    user: User | None = None,
    permissions: Iterable[str] | None = None,
    scope: Scope | None = None,
) -> tuple[Token, str]:
    """A token for her, or for `user`, a service account of hers; the plain text is in this answer and nowhere else.

    `permissions` and `scope` narrow what it may do; None is no limit. A token makes no token that outlives it, and a
    narrowed one makes none.
    """
    user = user or actor.user
    require_fresh(actor)
    _check_hers(user, actor)
    _check_wider(actor)
    allowed = None if permissions is None else sorted(set(permissions))
    _check_form(name, allowed, expires, actor)
    if scope is not None:
        require(actor, "view_scope", scope)
    User.objects.select_for_update().get(pk=user.pk)
    if _living().filter(user=user).count() >= MOST_TOKENS:
        raise Refused(_("%(most)s tokens are in use already. Revoke one first.") % {"most": MOST_TOKENS})
    prefix = secrets.token_hex(6)
    plain = f"ccd_{prefix}_{secrets.token_urlsafe(32)}"
    token = Token(user=user, name=name.strip(), prefix=prefix, digest=_digest(plain), expires=expires, scope=scope)
    token.permissions, token.epoch = allowed, epoch_of(user)
    token.save(force_insert=True)
    limits: dict[str, Any] = {"permissions": allowed, "scope": scope.pk if scope else None}
    record("identity.create_token", token, actor=actor, owner=user.pk, expires=expires, **limits)
    return token, plain


@transaction.atomic
def revoke_token(token: Token, *, actor: Actor) -> Token:
    """End a token of hers or of a service account of hers, at its next request. Revoked already, nothing changes."""
    _check_hers(token.user, actor)
    if not _is_in_hand(token, actor):
        _check_wider(actor)
    token = Token.objects.select_for_update(of=("self",)).select_related("user").get(pk=token.pk)
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        record("identity.revoke_token", token, actor=actor, owner=token.user_id)
    return token


def tokens_of(actor: Actor) -> QuerySet[Token]:
    """The tokens that open the API for her or for a service account of hers, newest first."""
    hers = Q(user=actor.user) | Q(user__owner=actor.user)
    return _living().filter(hers).select_related("user", "scope").order_by("-created_at", "-id")


def living_tokens(*users: User) -> QuerySet[Token]:
    """The tokens that open the API as one of these users now."""
    return _living().filter(user__in=users)


def token_of(actor: Actor, pk: UUID | str) -> Token:
    """One of them, or NotFound."""
    token = tokens_of(actor).filter(pk=pk).first()
    if token is None:
        raise NotFound
    return token


def actor_by_token(plain: str, *, address: str, correlation_id: str) -> Actor | None:
    """Who acts with this token, narrowed as it is; None where it opens nothing any more, or never did."""
    written = WRITTEN.fullmatch(plain)
    found = Token.objects.select_related("user__owner", "scope").filter(prefix=written[1]).first() if written else None
    if not hmac.compare_digest(found.digest if found else "", _digest(plain)) or found is None or not _is_alive(found):
        return None
    _note_use(found)
    return Actor(
        found.user,
        Auth("token", session=found.prefix, address=address),
        checked_at=NEVER,
        narrowed_to=_narrowing(found),
        correlation_id=correlation_id,
    )


def epoch_of(user: User) -> int:
    """Moves on when she, or the owner of the service account, is signed out everywhere: tokens of before are dead then."""
    return user.access_epoch + (user.owner.access_epoch if user.owner else 0)


def opens_still(prefix: str) -> bool:
    """Whether the token that begins so opens the API at this moment."""
    return _living().filter(prefix=prefix).exists()


def _living() -> QuerySet[Token]:
    alone = Q(user__owner=None, epoch=F("user__access_epoch"))
    owned = Q(user__owner__is_active=True, epoch=F("user__access_epoch") + F("user__owner__access_epoch"))
    return Token.objects.filter(alone | owned, revoked_at=None, expires__gt=clock.now(), user__is_active=True)


def _is_alive(token: Token) -> bool:
    user = token.user
    stands = user.is_active and (user.owner is None or user.owner.is_active) and token.epoch == epoch_of(user)
    return stands and token.revoked_at is None and token.expires > clock.now()


def _is_in_hand(token: Token, actor: Actor) -> bool:
    """Whether it is the very token she acts with."""
    return actor.auth.method == "token" and actor.auth.session == token.prefix


def _check_hers(user: User, actor: Actor) -> None:
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if actor.user.pk not in (user.pk, user.owner_id) or user.kind_of_user == UserKind.SYSTEM:
        raise NotFound


def _check_wider(actor: Actor) -> None:
    if actor.narrowed_to is not None:
        raise Forbidden(_("A narrowed token makes and ends no other tokens."))


def _check_form(name: str, permissions: list[str] | None, expires: datetime, actor: Actor) -> None:
    fields: dict[str, Any] = {}
    if not name.strip() or len(name.strip()) > 80 or "\x00" in name:
        fields["name"] = [_("A name of at most 80 characters is needed.")]
    if permissions is not None and (not permissions or not set(permissions) <= set(PERMISSIONS)):
        fields["permissions"] = [_("Choose from the permissions of the portal, or leave it out.")]
    if not clock.now() < expires <= _latest(actor):
        fields["expires"] = [_("It ends in the future, within a year, and not after the token you use.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)


def _latest(actor: Actor) -> datetime:
    """A year from now, or when the token she acts with ends."""
    latest = clock.now() + LONGEST
    used = Token.objects.filter(prefix=actor.auth.session).first() if actor.auth.method == "token" else None
    return min(latest, used.expires) if used else latest


def _narrowing(token: Token) -> Narrowing | None:
    if token.permissions is None and token.scope is None:
        return None
    permissions = None if token.permissions is None else frozenset(token.permissions)
    return Narrowing(permissions, token.scope.scope_path if token.scope else None)


def _note_use(token: Token) -> None:
    """At most one write a minute for each token."""
    now = clock.now()
    stale = Q(used_at=None) | Q(used_at__lt=now - NOTED_EVERY)
    if token.used_at is None or token.used_at < now - NOTED_EVERY:
        Token.objects.filter(stale, pk=token.pk).update(used_at=now)


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()
