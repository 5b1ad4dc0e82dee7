"""People whom a provider vouches for: known by issuer and subject, made when first seen, signed out when it says so."""

import hashlib
import math
import re
import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.core import clock
from portal.core.crypto import Unreadable
from portal.core.errors import PortalError
from portal.events.services import record
from portal.identity import mapping, oidc, scim_links, sessions
from portal.identity.brokered import GROUPS, groups_said
from portal.identity.claims import MOST_GROUPS, kept
from portal.identity.jwts import BadToken, Token
from portal.identity.models import Session, SessionEnd, SpentToken
from portal.identity.oidc import Arrival, NotSignedIn
from portal.users.actor import Actor, Auth
from portal.users.models import Identity, User

# Of the token itself; everything else is said of her, and rules may name it
OF_THE_TOKEN = frozenset(
    ("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "typ", "sid", "nonce", "at_hash", "c_hash", "acr", "auth_time")
)
LISTS = ("groups", GROUPS)
RESERVED = frozenset({"system"})
TRIES = 5


@transaction.atomic
def sign_in(request: HttpRequest, arrival: Arrival) -> Actor:
    """Sign in whoever came back, as a new person where nobody is known by her issuer and subject; raises NotSignedIn.

    Roles that rules give are brought in step with what is said of her now.
    An e-mail address or a name proves nothing: somebody else who has the same stays somebody else.
    """
    identity, is_new = _identity_of(arrival)
    user = User.objects.select_for_update().get(pk=identity.user_id)
    if not user.is_active:
        said = _("Your access here has ended. Whoever manages your organization can open it again.")
        raise NotSignedIn(said, reason="disabled", user=user)
    _refresh(user, identity, arrival.claims)
    actor = sessions.begin(
        request,
        user,
        method="oidc",
        identity=identity,
        sid=arrival.token.sid,
        refresh_token=arrival.refresh_token,
        id_token=arrival.id_token,
    )
    if is_new:
        record("identity.create_account", user, actor=actor, provider=identity.provider)
    event = record("identity.sign_in", user, actor=actor, provider=identity.provider)
    for name, count in _too_many(arrival.claims):
        record("identity.cut_groups", user, actor=actor, cause=event, claim=name, said=count, kept=MOST_GROUPS)
    mapping.apply([identity], actor=Actor.system(actor.correlation_id), cause=event)
    return actor


@transaction.atomic
def refuse(request: HttpRequest, error: PortalError) -> None:
    """Keep on record that a sign-in was refused, and why."""
    system = User.objects.system()
    auth = Auth("none", address=sessions.address_of(request))
    actor = Actor(system, auth, correlation_id=getattr(request, "correlation_id", ""))
    reason = str(error.extra.get("reason", error.code)).replace("\x00", "")
    record("identity.sign_in", error.extra.get("user", system), actor=actor, outcome="refused", reason=reason)


def way_out(request: HttpRequest) -> str:
    """Where the session at the provider ends as well; empty where this session did not come from one. Ask before it ends."""
    try:
        id_token = sessions.id_token_of(request) if oidc.is_on() else ""
    except Unreadable:
        return ""
    return oidc.end_url(id_token) if id_token else ""


@transaction.atomic
def end_by_provider(token: Token, *, actor: Actor) -> int:
    """End the session that a logout token names, or every one of its person; returns how many lived.

    Each token counts once: raises BadToken where it was seen before.
    """
    seen = hashlib.sha256(f"{token.issuer} {token.jti}".encode()).hexdigest()
    if not SpentToken.objects.get_or_create(digest=seen, defaults={"until": token.expires})[1]:
        raise BadToken("it was used before")
    named = Session.objects.filter(identity__issuer=token.issuer, ended_at=None)
    named = named.filter(sid=token.sid) if token.sid else named
    named = named.filter(identity__subject=token.subject) if token.subject else named
    people = User.objects.filter(pk__in=named.values("user"))
    for user in people:
        record("identity.sign_out", user, actor=actor, reason="the provider ended the session", sid=token.sid)
    return sessions.end_all(Session.objects.filter(pk__in=list(named.values_list("pk", flat=True))), why=SessionEnd.PROVIDER)


def _identity_of(arrival: Arrival) -> tuple[Identity, bool]:
    """Her identity, and whether it is new. Two first sign-ins at once make one person: the second finds the first's."""
    token = arrival.token
    for _attempt in range(TRIES):
        known = Identity.objects.filter(issuer=token.issuer, subject=token.subject).first()
        if known:
            return known, False
        try:
            with transaction.atomic():
                return _new_person(arrival), True
        except IntegrityError:
            continue
    raise NotSignedIn(_("Too many people arrived at once. Sign in again."), reason="no free name")


def _new_person(arrival: Arrival) -> Identity:
    user = scim_links.pushed_as(arrival.claims)
    if user is None:
        user = User(username=free_name(one_line(arrival.claims.get("preferred_username"), 150)))
        user.set_unusable_password()
        user.save(force_insert=True)
    return Identity.objects.create(user=user, issuer=arrival.token.issuer, subject=arrival.token.subject)


def free_name(wanted: str) -> str:
    """The name, or the name with a number where somebody has it already, in whichever case."""
    base = re.sub(r"\s+", "-", unicodedata.normalize("NFKC", wanted)).strip("-")[:140] or "person"
    taken = {name.casefold() for name in User.objects.filter(username__istartswith=base).values_list("username", flat=True)}
    taken |= RESERVED
    number = 1
    while (name := base if number == 1 else f"{base}-{number}").casefold() in taken:
        number += 1
    return name


def _refresh(user: User, identity: Identity, claims: dict[str, Any]) -> None:
    """Take over her name and address as the provider has them now; what it does not say stays."""
    user.name = one_line(claims.get("name"), 150) or user.name
    user.email = address_in(claims.get("email")) or user.email
    user.save(update_fields=["name", "email"])
    identity.provider = one_line(groups_said(claims)[0], 100)
    identity.claims = _kept({name: said for name, said in claims.items() if name not in OF_THE_TOKEN})
    identity.seen_at = clock.now()
    identity.save(update_fields=["provider", "claims", "seen_at"])


def one_line(value: Any, most: int) -> str:
    """One line of text without characters that cannot be seen; empty where it is no text."""
    shown = "".join(char if char.isprintable() else " " for char in value) if isinstance(value, str) else ""
    return " ".join(shown.split())[:most]


def address_in(value: Any) -> str:
    """An e-mail address, or empty."""
    text = one_line(value, 255)
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text if len(text) <= 254 else ""


def _kept(claims: dict[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = _clean(claims)
    return cleaned | {name: kept(cleaned[name]) for name in LISTS if name in cleaned}


def _too_many(claims: dict[str, Any]) -> list[tuple[str, int]]:
    """The lists that were longer than what is kept of them, and how long."""
    said = {name: len(claims[name]) for name in LISTS if isinstance(claims.get(name), list)}
    return [(name, count) for name, count in said.items() if count > MOST_GROUPS]


def _clean(value: Any) -> Any:
    """The same without what PostgreSQL keeps in no JSON: NUL, half characters, numbers that are none."""
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.replace("\x00", "").encode(errors="replace").decode() if isinstance(value, str) else value
