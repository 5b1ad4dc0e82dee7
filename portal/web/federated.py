"""Signing in with Keycloak: to it, back from it, and the call by which it ends a session."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from portal.core.errors import PortalError, Unavailable
from portal.identity import federated, jwts, oidc
from portal.identity.jwts import BadToken
from portal.identity.oidc import NotSignedIn
from portal.users.actor import Actor
from portal.web.signin import safe_target


@never_cache
@require_GET
def login(request: HttpRequest) -> HttpResponse:
    """Send the browser to Keycloak; where that does not answer, say so and name the other way in."""
    check_is_on()
    target = safe_target(request)
    if request.actor:
        return redirect(target)
    try:
        return redirect(oidc.begin(request, target=target, provider=request.GET.get("idp", "")))
    except Unavailable as error:
        return turned_away(request, error, target)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take in whoever comes back, and go on to where she was heading."""
    check_is_on()
    try:
        arrival = oidc.finish(request)
        federated.sign_in(request, arrival)
    except (NotSignedIn, Unavailable) as error:
        federated.refuse(request, error)
        return turned_away(request, error, "/")
    return redirect(arrival.target)


@csrf_exempt
@never_cache
@require_POST
def backchannel_logout(request: HttpRequest) -> HttpResponse:
    """Keycloak says that a session has ended: end it here. One that is not known here is no error."""
    check_is_on()
    try:
        token = jwts.read_logout_token(request.POST.get("logout_token", ""))
        federated.end_by_provider(token, actor=Actor.system(request.correlation_id))
    except BadToken:
        return JsonResponse(
            {"error": "invalid_request", "error_description": "This logout token does not count."}, status=400
        )
    return HttpResponse()


def check_is_on() -> None:
    """There is nothing here where people sign in with local accounts alone."""
    if not oidc.is_on():
        raise Http404


def turned_away(request: HttpRequest, error: PortalError, target: str) -> HttpResponse:
    """Why she is not in, and her two ways from here."""
    query = urlencode({"next": target})
    context: dict[str, Any] = {
        "title": error.title,
        "detail": error.detail,
        "status": error.status,
        "again": f"{reverse('auth-login')}?{query}",
        "local": f"{reverse('signin')}?{query}&local=1",
    }
    return render(request, "registration/turned_away.html", context, status=error.status)
