"""What a person chooses about the frame: the scope that pages show, the theme, and the language."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.identity import reading
from portal.web.shell import THEMES, Shell

YEAR = 365 * 24 * 3600


@require_POST
def choose_scope(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the scope in the session; one she may not see, or none, shows everything."""
    request.session["scope"] = request.POST.get("scope", "")
    if Shell(request).scope is None:
        del request.session["scope"]
    return back(request)


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the theme in a cookie; anything but light and dark lets the system decide."""
    wanted, now = request.POST.get("theme", ""), request.COOKIES.get("theme")
    if wanted == "toggle":
        wanted = "light" if now == "dark" else "dark"
    response = back(request)
    if wanted in THEMES:
        response.set_cookie("theme", wanted, max_age=YEAR, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_POST
def choose_language(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the language in a cookie of this browser, and in the profile of who is signed in."""
    wanted, response = request.POST.get("language", ""), back(request)
    if wanted in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, wanted, max_age=YEAR, samesite="Lax", secure=request.is_secure())
        if request.actor:
            reading.choose(actor=request.actor, language=wanted)
    return response


def back(request: HttpRequest) -> HttpResponseRedirect:
    """To the page she came from, never to another site."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if safe else "/")
