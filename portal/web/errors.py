"""Errors as pages: one place that maps them to HTTP. To an htmx request each is one line, put where the page says things."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal.core.errors import PortalError
from portal.web.room import way_to_ask

PAGES = {403: "errors/403.html", 404: "errors/404.html", 409: "errors/409.html", 500: "errors/500.html"}
SAID = {"HX-Retarget": "#says", "HX-Reswap": "innerHTML", "HX-Push-Url": "false"}


def refusal(request: HttpRequest, error: PortalError) -> HttpResponse:
    """The page of a PortalError; its detail is written for people, so it is shown."""
    context = {"title": error.title, "detail": error.detail, "changes": error.extra.get("changes"), "status": error.status}
    context["more"] = way_to_ask(error)
    if {"permission", "kind", "id"} <= error.extra.keys():  # what the page `why` asks for
        context["about"] = error.extra
    return answer(request, error.status, context)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404. Never says whether something exists."""
    return answer(request, 404, {"title": _("There is nothing here for you")})


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403."""
    return answer(request, 403, {"title": _("You may not do this")})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400."""
    return answer(request, 400, {"title": _("This cannot be read"), "status": 400})


def failed(request: HttpRequest) -> HttpResponse:
    """handler500. Says nothing of the cause; the correlation id finds it in the log."""
    return answer(request, 500, {"title": _("Concord could not do this")})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: the form is too old, or came from elsewhere."""
    return answer(request, 403, {"title": _("This form is too old")}, template="errors/csrf.html")


def answer(request: HttpRequest, status: int, context: dict[str, Any], template: str = "") -> HttpResponse:
    """A whole page, or the one line for htmx."""
    if getattr(request, "htmx", False):
        response = render(request, "parts/said.html", {"kind": "fail", **context}, status=status)
        for name, value in SAID.items():
            response[name] = value
        return response
    return render(request, template or PAGES.get(status, "errors/refused.html"), {"status": status, **context}, status=status)
