"""Around every answer: a correlation id, headers that keep the browser honest, refusals as pages."""

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from portal.core.errors import Forbidden, PortalError
from portal.identity import consent
from portal.identity.looking import note_page, refuse_act
from portal.web import errors, takes

Answer = Callable[[HttpRequest], HttpResponse]
View = Callable[..., HttpResponse]
ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
NEEDS_NO_TERMS = ("terms", "terms-asked", "signout", "choose-language", "choose-theme", "auth-backchannel-logout")

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class CorrelationId:
    """Gives each request `correlation_id`: the caller's X-Correlation-Id if it is well formed, else a new one."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Correlation-Id", "")
        request.correlation_id = given if ID.fullmatch(given) else uuid.uuid4().hex[:12]  # type: ignore[attr-defined]
        response = self.answer(request)
        response["X-Correlation-Id"] = request.correlation_id  # type: ignore[attr-defined]
        return response


class SecurityHeaders:
    """Sets the headers above where the view has not set its own."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class AsSheReads:
    """Pages speak the language of who is signed in, where she chose one, and tell times in her zone. The API speaks UTC."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = request.actor
        if actor is None or request.path.startswith("/api/"):
            return self.answer(request)
        reader = actor.viewed_as_by or actor.user
        if reader.language:
            translation.activate(reader.language)  # LocaleMiddleware says it in the answer, and chooses anew for the next
            request.LANGUAGE_CODE = translation.get_language()
        with timezone.override(ZoneInfo(reader.zone)):
            return self.answer(request)


class OnlyLooks:
    """Who looks as another person opens the pages that the other may open, and writes nothing, whatever the page: only acts on
    the frame and the end of looking go through. Her own things stay hers, and nothing that leaves the portal is handed out.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        look, match = request.look, request.resolver_match
        name = (match.url_name or "") if match else ""
        if request.path.startswith(("/api/", "/scim/")) or name in takes.OF_THE_FRAME:
            return None
        if request.method not in ("GET", "HEAD"):
            return refused_act(request) if look or getattr(request, "was_looking", False) else None
        if look is None:
            return None
        if not takes.is_shown_to_who_looks(name):
            title = _("This is not shown to who looks as another person")
            return errors.answer(request, 403, {"title": title}, template="errors/looking.html")
        if not getattr(request, "htmx", False):
            note_page(look, request.path)
        return None


def refused_act(request: HttpRequest) -> HttpResponse:
    """What was sent while looking does nothing, even where the look ended meanwhile: it was meant under another's name."""
    if request.look:
        refuse_act(request.look, request.method or "", request.path[:200], actor=request.actor)
    title = _("You only looked as another person, so nothing was done")
    return errors.answer(request, 403, {"title": title}, template="errors/looking.html")


class AsksForTerms:
    """Who has terms of use to accept is shown them before any other page. What she sends meanwhile is refused, and kept by
    her browser.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        actor, match = request.actor, request.resolver_match
        if actor is None or request.path.startswith(("/api/", "/scim/")) or (match and match.url_name in NEEDS_NO_TERMS):
            return None
        if not consent.is_asked(request, actor):
            return None
        if request.method in ("GET", "HEAD") and not getattr(request, "htmx", False):
            return redirect(f"{reverse('terms-asked')}?{urlencode({'next': request.get_full_path()})}")
        return errors.refusal(request, Forbidden(_("New terms of use wait for you. Reload the page, read them, and go on.")))


class Refusals:
    """A PortalError raised by a page becomes the page (or, for htmx, the line) that says so. The API has its own."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, PortalError) and not request.path.startswith("/api/"):
            return errors.refusal(request, exception)
        return None
