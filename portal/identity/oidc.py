"""Sign-in with Keycloak in the browser: the way there, the way back, and the way that ends the session there too."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.core.errors import PortalError, Unavailable
from portal.identity import userinfo
from portal.identity.jwts import BadToken, Token, issuer, read_id_token
from portal.identity.userinfo import BadUserInfo

SCOPE = "openid profile email organization:*"
TIMEOUT_S = 10  # of somebody in thousands of groups, a Keycloak that just started gives no token within five
PROBE_S = 2
STATE = "_state_keycloak_"
MOST_STATES = 5
ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LONGEST_HINT = 3000


class NotSignedIn(PortalError):
    """The way back from the provider leads nowhere. The detail is for the person, `extra["reason"]` for the record."""

    status, code, title = 400, "not-signed-in", gettext_lazy("This sign-in cannot be finished")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, what is said of her, where she was heading, and the tokens that her session keeps."""

    token: Token
    claims: dict[str, Any] = field(repr=False)
    target: str
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Realm(DjangoOAuth2App):  # type: ignore[misc]
    """Authlib's client, whose ID tokens are read by the portal's own checks."""

    def parse_id_token(self, token: dict[str, Any], nonce: str, **_options: Any) -> Token:
        return read_id_token(token["id_token"], nonce=nonce)


def is_on() -> bool:
    """Whether people sign in with Keycloak here."""
    return bool(settings.KEYCLOAK_URL)


def check_answers() -> None:
    """Raise Unavailable unless Keycloak answers at once, as the issuer whose tokens count."""
    try:
        answer = requests.get(f"{issuer()}/.well-known/openid-configuration", timeout=PROBE_S, allow_redirects=False)
        answers_as = answer.json().get("issuer") if answer.ok else None
    except (requests.RequestException, ValueError, AttributeError) as error:
        raise Unavailable(_("The sign-in of your organization does not answer.")) from error
    if answers_as != issuer():
        raise Unavailable(_("The sign-in of your organization is not set up rightly: it answers under another name."))


def answers() -> bool:
    """The same as a fact."""
    try:
        check_answers()
    except Unavailable:
        return False
    return True


def begin(request: HttpRequest, *, target: str, provider: str = "") -> str:
    """The address to send the browser to. `target` is where she goes afterwards, `provider` the alias of hers, if known.

    What the way back needs waits in the session of this browser. Unavailable where Keycloak does not answer.
    """
    check_answers()
    realm = _realm()
    hint = {"kc_idp_hint": provider} if ALIAS.fullmatch(provider) else {}
    way = realm.create_authorization_url(settings.PUBLIC_URL + reverse("auth-callback"), **hint)
    _forget_oldest(request)
    realm.save_authorize_data(request, redirect_uri=settings.PUBLIC_URL + reverse("auth-callback"), target=target, **way)
    return str(way["url"])


def finish(request: HttpRequest) -> Arrival:
    """Trade the code of this request for her tokens and what is said of her, once; raises NotSignedIn, or Unavailable."""
    realm, state = _realm(), request.GET.get("state", "")
    begun = realm.framework.get_state_data(request.session, state)
    if not begun:
        raise NotSignedIn(
            _("This sign-in was begun in another browser, took longer than an hour, or was finished before."),
            reason="no such sign-in was begun in this browser",
        )
    if refusal := request.GET.get("error"):
        realm.framework.clear_state_data(request.session, state)
        denied = refusal == "access_denied"
        why = _("You did not go on at your organization.") if denied else _("Your organization refused the sign-in.")
        raise NotSignedIn(why, reason=f"the provider said {refusal!r:.60}")
    try:
        tokens = realm.authorize_access_token(request)
        token = tokens.get("userinfo")
        if not isinstance(token, Token):
            raise NotSignedIn(_("Your organization did not say who you are."), reason="no ID token")
        said = userinfo.ask(tokens["access_token"], subject=token.subject)
    except requests.RequestException as error:
        raise Unavailable(_("The sign-in of your organization stopped answering.")) from error
    except (BadToken, BadUserInfo) as error:
        raise NotSignedIn(_("What your organization said of you cannot be trusted."), reason=str(error)) from error
    except (AuthlibBaseError, ValueError, KeyError, TypeError) as error:
        raise NotSignedIn(_("Your organization does not know this sign-in."), reason=_reason(error)) from error
    return Arrival(token, token.claims | said, begun.get("target", "/"), tokens["id_token"], tokens.get("refresh_token", ""))


def end_url(id_token: str) -> str:
    """Where the browser ends the session at Keycloak, and at the provider behind it, and comes back from.

    A token too long for an address is left out: Keycloak then asks her once more.
    """
    query = {"client_id": settings.KEYCLOAK_CLIENT_ID, "post_logout_redirect_uri": f"{settings.PUBLIC_URL}/"}
    hint = {"id_token_hint": id_token} if len(id_token) <= LONGEST_HINT else {}
    return f"{issuer()}/protocol/openid-connect/logout?{urlencode({**query, **hint})}"


def _realm() -> Realm:
    return _client(issuer(), settings.KEYCLOAK_CLIENT_ID, settings.KEYCLOAK_CLIENT_SECRET)


@cache
def _client(address: str, client_id: str, secret: str) -> Realm:
    """The addresses are Keycloak's own; to ask for them would be one more thing to trust and to wait for."""
    client: Realm = OAuth().register(
        "keycloak",
        client_cls=Realm,
        client_id=client_id,
        client_secret=secret,
        authorize_url=f"{address}/protocol/openid-connect/auth",
        access_token_url=f"{address}/protocol/openid-connect/token",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "default_timeout": TIMEOUT_S},
    )
    return client


def _forget_oldest(request: HttpRequest) -> None:
    """Keep the last few sign-ins begun in this browser, so that its session does not grow with every click."""
    begun = sorted(
        (name for name in list(request.session.keys()) if name.startswith(STATE)), key=lambda name: _end(request, name)
    )
    for name in begun[: -MOST_STATES + 1]:
        del request.session[name]


def _end(request: HttpRequest, name: str) -> float:
    return float(request.session[name].get("exp", 0))


def _reason(error: Exception) -> str:
    said = error.error if isinstance(error, AuthlibBaseError) else type(error).__name__
    return f"the code was not taken: {said}"[:200]
