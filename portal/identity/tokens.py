"""API tokens: made once, kept as a hash, dead the moment anything behind them ends."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.access.guard import holds, require, require_fresh
from portal.access.models import Scope, Token
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.services import record
from portal.identity import minting
from portal.identity.models import ServiceAccount
from portal.users.actor import NEVER, Actor, Auth, Narrowing
from portal.users.models import User, UserKind

LONGEST = timedelta(days=365)
MOST_TOKENS = 50
OVERLAPS = {0: _("at once"), 1: _("after 1 hour"), 24: _("after 24 hours"), 168: _("after 7 days")}
"""How many hours the token before still opens after a rotation."""
WORD = "ccd"


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
    user = _locked_user(user)
    _check_hers(user, actor)  # again: it may have been given to another meanwhile
    if opening().filter(user=user).count() >= MOST_TOKENS:
        raise Refused(gettext("%(most)s tokens are in use already. Revoke one first.") % {"most": MOST_TOKENS})
    token, plain = _mint(user, name.strip(), allowed, scope, expires)
    limits: dict[str, Any] = {"permissions": allowed, "scope": scope.pk if scope else None}
    record("identity.create_token", token, actor=actor, owner=user.pk, expires=expires, scope_path=home_of(user), **limits)
    return token, plain


@transaction.atomic
def rotate_token(token: Token, *, overlap: int, actor: Actor) -> tuple[Token, str]:
    """Another in its place, of the same name and limits and for as long as it was made for; its plain text is in this answer
    alone. The one before opens for `overlap` hours more, one of OVERLAPS, so that nothing stops meanwhile. Conflict where it
    opens nothing any more, or was rotated already.
    """
    require_fresh(actor)
    _check_hers(token.user, actor)
    _check_wider(actor)
    if overlap not in OVERLAPS:
        raise Invalid(fields={"overlap": [gettext("This value is not one of those offered.")]})
    user = _locked_user(token.user)
    _check_hers(user, actor)
    token = _locked(token)
    if token.replaced_by_id is not None:
        raise Conflict(gettext("This token was rotated already. Rotate the newer one."))
    if not is_open(token):
        raise Conflict(gettext("This token has ended. Make a new one."))
    now = clock.now()
    until = min(now + (token.expires - token.created_at), _latest(actor))
    newer, plain = _mint(user, token.name, token.permissions, token.scope, until)
    token.replaced_by, token.expires = newer, min(token.expires, now + timedelta(hours=overlap))
    if not overlap:
        token.revoked_at = now
    token.save(update_fields=["replaced_by", "expires", "revoked_at"])
    facts: dict[str, Any] = {"owner": user.pk, "replaced_by": newer.pk, "expires": token.expires}
    record("identity.rotate_token", token, actor=actor, scope_path=home_of(user), **facts)
    return newer, plain


@transaction.atomic
def revoke_token(token: Token, *, actor: Actor) -> Token:
    """End a token of hers, of a service account of hers, or of one that lives where she manages them, at its next request.
    Revoked already, nothing changes.
    """
    _check_writes(actor)
    if not _is_hers(token.user, actor) and not manages(actor, token.user):
        raise NotFound
    if not _is_in_hand(token, actor):
        _check_wider(actor)
    token = _locked(token)
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        record("identity.revoke_token", token, actor=actor, owner=token.user_id, scope_path=home_of(token.user))
    return token


def tokens_of(actor: Actor) -> QuerySet[Token]:
    """The tokens that open the API for her or for a service account of hers, newest first."""
    hers = Q(user=actor.user) | Q(user__owner=actor.user)
    return opening().filter(hers).select_related("user", "scope").order_by("-created_at", "-id")


def living_tokens(*users: User) -> QuerySet[Token]:
    """The tokens that open the API as one of these users now."""
    return opening().filter(user__in=users)


def ending_tokens(until: datetime) -> QuerySet[Token]:
    """The tokens that open now, end until then, and were not rotated."""
    return opening().filter(expires__lte=until, replaced_by=None).select_related("user__owner")


def token_of(actor: Actor, pk: UUID | str) -> Token:
    """One of them, or NotFound."""
    token = tokens_of(actor).filter(pk=pk).first()
    if token is None:
        raise NotFound
    return token


def token_at(user: User, pk: UUID | str) -> Token:
    """One token of a user, whether it opens or not; or NotFound."""
    token = Token.objects.select_related("user__owner", "scope").filter(pk=pk, user=user).first()
    if token is None:
        raise NotFound
    return token


def actor_by_token(plain: str, *, address: str, correlation_id: str) -> Actor | None:
    """Who acts with this token, narrowed as it is; None where it opens nothing any more, or never did."""
    found: Token | None = minting.found(WORD, plain, Token.objects.select_related("user__owner", "scope"))
    if found is None or not is_open(found):
        return None
    minting.note_use(found, used_from=address[:64])
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


def home_of(user: User) -> str | None:
    """The path of the scope where a service account lives, so that events of its tokens are read there; None for a person."""
    account = ServiceAccount.objects.select_related("scope").filter(user=user).first()
    return account.scope_path if account else None


def manages(actor: Actor, user: User) -> bool:
    """Whether this is a service account that lives where she manages them."""
    account = ServiceAccount.objects.select_related("scope").filter(user=user).first()
    return account is not None and holds(actor, account.view_permission, account)


def opens_still(prefix: str) -> bool:
    """Whether the token that begins so opens the API at this moment."""
    return opening().filter(prefix=prefix).exists()


def _mint(user: User, name: str, permissions: list[str] | None, scope: Scope | None, expires: datetime) -> tuple[Token, str]:
    minted = minting.mint(WORD)
    token = Token(user=user, name=name, prefix=minted.prefix, digest=minted.digest, expires=expires, scope=scope)
    token.permissions, token.epoch = permissions, epoch_of(user)
    token.save(force_insert=True)
    return token, minted.plain


def _locked_user(user: User) -> User:
    return User.objects.select_for_update(of=("self",)).select_related("owner").get(pk=user.pk)


def _locked(token: Token) -> Token:
    known = Token.objects.select_related("user__owner", "scope")
    return known.select_for_update(of=("self",)).get(pk=token.pk)


def opening() -> QuerySet[Token]:
    """The tokens that open the API now."""
    alone = Q(user__owner=None, epoch=F("user__access_epoch"))
    owned = Q(user__owner__is_active=True, epoch=F("user__access_epoch") + F("user__owner__access_epoch"))
    return Token.objects.filter(alone | owned, revoked_at=None, expires__gt=clock.now(), user__is_active=True)


def is_open(token: Token) -> bool:
    """Whether it opens the API now; of a row with its user and her owner."""
    user = token.user
    stands = user.is_active and (user.owner is None or user.owner.is_active) and token.epoch == epoch_of(user)
    return stands and token.revoked_at is None and token.expires > clock.now()


def _is_in_hand(token: Token, actor: Actor) -> bool:
    """Whether it is the very token she acts with."""
    return actor.auth.method == "token" and actor.auth.session == token.prefix


def _is_hers(user: User, actor: Actor) -> bool:
    return actor.user.pk in (user.pk, user.owner_id) and user.kind_of_user != UserKind.SYSTEM


def _check_hers(user: User, actor: Actor) -> None:
    _check_writes(actor)
    if not _is_hers(user, actor):
        raise NotFound


def _check_writes(actor: Actor) -> None:
    if actor.viewed_as_by:
        raise Forbidden(gettext("Looking as another person does not allow writing."))


def _check_wider(actor: Actor) -> None:
    if actor.narrowed_to is not None:
        raise Forbidden(gettext("A narrowed token makes and ends no other tokens."))


def _check_form(name: str, permissions: list[str] | None, expires: datetime, actor: Actor) -> None:
    fields: dict[str, Any] = {}
    if not name.strip() or len(name.strip()) > 80 or "\x00" in name:
        fields["name"] = [gettext("A name of at most 80 characters is needed.")]
    if permissions is not None and (not permissions or not set(permissions) <= set(PERMISSIONS)):
        fields["permissions"] = [gettext("Choose from the permissions of the portal, or leave it out.")]
    if not clock.now() < expires <= _latest(actor):
        fields["expires"] = [gettext("It ends in the future, within a year, and not after the token you use.")]
    if fields:
        raise Invalid(gettext("Check the fields that are marked."), fields=fields)


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
