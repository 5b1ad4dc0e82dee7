"""Tokens of an organization's directory: made, rotated, revoked, and what opens with one."""

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope, ScopeKind, ScopeState
from portal.core import clock, parcels
from portal.core.errors import Conflict, Invalid, NotFound
from portal.events.services import record
from portal.identity import minting
from portal.identity.models import ScimToken
from portal.identity.providers import PERMISSION
from portal.users.actor import NEVER, Actor, Auth, Narrowing
from portal.users.models import User

METHOD = "scim"
DAYS = (90, 180, 365)
MOST_TOKENS = 10
OVERLAP = timedelta(hours=24)
"""How long the token before still opens after a rotation."""


def tokens_visible_to(actor: Actor) -> Any:
    """The tokens that open, or opened until lately, of the organizations whose sign-in she sets up; newest first."""
    since = clock.now() - timedelta(days=90)
    lately = Q(expires__gt=since) & (Q(revoked_at=None) | Q(revoked_at__gt=since))
    return ScimToken.objects.visible_to(actor).filter(lately).select_related("organization", "made_by")


def token_visible_to(actor: Actor, pk: uuid.UUID | str) -> ScimToken:
    """One of them, or NotFound."""
    found: ScimToken | None = tokens_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def make_token(organization: Scope, name: str, *, days: int, actor: Actor) -> uuid.UUID:
    """A token for so many days. Its plain text waits sealed for the same person, for `take`; nobody sees it twice."""
    require_fresh(actor)
    require(actor, PERMISSION, organization)
    name = " ".join(name.split())
    fields: dict[str, Any] = {}
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        fields["organization"] = [_("People are pushed to an organization, not to a part of it.")]
    if not name or len(name) > 80 or "\x00" in name:
        fields["name"] = [_("A name of at most 80 characters is needed.")]
    if days not in DAYS:
        fields["days"] = [_("This value is not one of those offered.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
    if organization.state != ScopeState.ACTIVE:
        raise Conflict(_("This scope is closed."))
    Scope.objects.select_for_update().get(pk=organization.pk)
    if organization.scim_tokens.filter(revoked_at=None, expires__gt=clock.now()).count() >= MOST_TOKENS:
        raise Conflict(_("%(most)s tokens are in use already. Revoke one first.") % {"most": MOST_TOKENS})
    token, parcel = _make(organization, name, timedelta(days=days), actor)
    record("identity.make_scim_token", token, actor=actor, expires=token.expires)
    return parcel


@transaction.atomic
def rotate_token(token: ScimToken, *, actor: Actor) -> uuid.UUID:
    """Another in its place, for as long as it was made for. The one before opens for 24 hours more, so that nothing stops
    meanwhile. Conflict where it opens nothing any more.
    """
    require_fresh(actor)
    require(actor, PERMISSION, token)
    token = _locked(token)
    if not token.is_alive:
        raise Conflict(_("This token has ended. Make a new one."))
    newer, parcel = _make(token.organization, token.name, token.expires - token.created_at, actor)
    token.expires = min(token.expires, clock.now() + OVERLAP)
    token.save(update_fields=["expires"])
    record("identity.rotate_scim_token", token, actor=actor, replaced_by=newer.pk, expires=token.expires)
    return parcel


@transaction.atomic
def revoke_token(token: ScimToken, *, actor: Actor) -> ScimToken:
    """From here on it opens nothing. What it pushed stays. Revoked already, nothing changes."""
    require(actor, PERMISSION, token)
    token = _locked(token)
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        record("identity.revoke_scim_token", token, actor=actor)
    return token


@transaction.atomic
def take(parcel_id: str, *, actor: Actor) -> str:
    """The plain text, once; empty where it was taken, is too old, or is another's."""
    return parcels.take(parcel_id, for_user_id=actor.user.pk) or ""


def client_by_token(plain: str, *, address: str, correlation_id: str) -> tuple[Scope, Actor] | None:
    """The organization, and the directory that acts for it; None where the token opens nothing any more, or never did.

    It acts as the system's user, named by its token in every event, and narrowed to nothing: what it may do is what the
    services of SCIM do for its own organization.
    """
    found = minting.found(METHOD, plain, ScimToken.objects.select_related("organization"))
    if found is None or not found.is_alive or found.organization.state != ScopeState.ACTIVE:
        return None
    minting.note_use(found)
    narrowed = Narrowing(frozenset(), found.scope_path)
    auth = Auth(METHOD, session=found.prefix, address=address)
    actor = Actor(User.objects.system(), auth, checked_at=NEVER, narrowed_to=narrowed, correlation_id=correlation_id)
    return found.organization, actor


def check_client(organization: Scope, actor: Actor) -> None:
    """NotFound unless the actor is a directory of this organization."""
    narrowed = actor.narrowed_to
    if actor.auth.method != METHOD or narrowed is None or narrowed.scope_path != organization.scope_path:
        raise NotFound


def _make(organization: Scope, name: str, lifetime: timedelta, actor: Actor) -> tuple[ScimToken, uuid.UUID]:
    minted, expires = minting.mint(METHOD), clock.now() + lifetime
    facts = {"name": name, "prefix": minted.prefix, "digest": minted.digest, "expires": expires, "made_by": actor.user}
    token = ScimToken.objects.create(organization=organization, **facts)
    return token, parcels.put(minted.plain, for_user_id=actor.user.pk, about=f"scimtoken:{token.pk}")


def _locked(token: ScimToken) -> ScimToken:
    locked: ScimToken = ScimToken.objects.select_for_update(of=("self",)).select_related("organization").get(pk=token.pk)
    return locked
