"""Who calls: a token, a person's shell, or the session of the browser that reads the docs. Nothing else opens the API."""

from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle

from portal.core.errors import Forbidden
from portal.identity import consent
from portal.identity.services import check_live
from portal.identity.sessions import SHELL, address_of
from portal.identity.shells import actor_by_shell
from portal.identity.tokens import actor_by_token
from portal.tenancy.terms import waiting_for
from portal.users.actor import Actor
from portal.users.models import User


class WrongTokens(AnonRateThrottle):
    """How often one address may come with a token that opens nothing. Good tokens from there are not held up."""

    scope = "wrong_tokens"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"wrong-tokens:{address_of(request)}"


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer <token>` sets `request.actor`: of a token of the portal, narrowed as that is, or of the identity
    provider's, sent by a shell. Any other scheme is refused.
    """

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        given = str(request.headers.get("Authorization", ""))
        if not given:
            return None
        http = http_of(request)
        scheme, _space, plain = given.partition(" ")
        actor = None
        if scheme.lower() == "bearer":
            correlation_id = getattr(http, "correlation_id", "")
            came = {"address": address_of(http), "correlation_id": correlation_id}
            actor = actor_by_token(plain.strip(), **came) or actor_by_shell(
                plain.strip(), agent=http.headers.get("User-Agent", ""), **came
            )
        if actor is None:
            refuse(http)
        if actor.auth.method == SHELL and waiting_for(actor).exists():
            raise PermissionDenied(_("New terms of use wait for you. Open the portal and read them."))
        http.actor = actor  # type: ignore[attr-defined]
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="concord"'


class Session(SessionAuthentication):
    """The session of a page; what it writes needs the page's CSRF token. Who looks as another person looks at pages alone."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        actor = getattr(http_of(request), "actor", None)
        if not isinstance(actor, Actor):
            return None
        if actor.viewed_as_by:
            raise Forbidden(_("Looking as another person shows pages, not the API. Stop looking to call it as yourself."))
        self.enforce_csrf(request)
        if consent.is_asked(http_of(request), actor):
            raise PermissionDenied(_("New terms of use wait for you. Open the portal and read them."))
        return actor.user, actor


class SignedIn(BasePermission):
    """Somebody acts; what she may do is the services' to say."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Actor)


def actor_of(request: Request) -> Actor:
    """Who acts in this request."""
    assert isinstance(request.auth, Actor), "the view lets nobody in who is not signed in"
    return request.auth


def live_actor_of(request: Request) -> Actor:
    """Who acts, looked at again now: before a privileged act."""
    return check_live(actor_of(request))


def http_of(request: Request) -> HttpRequest:
    """The request as the server gave it."""
    found: HttpRequest = request._request
    return found


def refuse(http: HttpRequest, said: str = "") -> NoReturn:
    """Say that what was shown opens nothing; an address that only guesses is told to wait."""
    wrong = WrongTokens()
    if not wrong.allow_request(http, None):  # type: ignore[arg-type]
        raise Throttled(wrong.wait())
    raise AuthenticationFailed(said or _("This token opens nothing: it is wrong, has ended, or was revoked."))
