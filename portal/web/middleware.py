"""Around every answer: a correlation id, headers that keep the browser honest, refusals as pages."""

import re
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from portal.core.errors import PortalError
from portal.web import errors

Answer = Callable[[HttpRequest], HttpResponse]
ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

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
