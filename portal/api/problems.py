"""Every error as problem+json (RFC 9457), mapped here and nowhere else."""

import logging
from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from portal.core.errors import Forbidden, Invalid, NotFound, OverBudget, PortalError, QuotaExceeded

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PLAIN: dict[type[Exception], tuple[int, str, Any]] = {
    exceptions.NotAuthenticated: (401, "unauthenticated", _("Sign in with a token")),
    exceptions.AuthenticationFailed: (401, "unauthenticated", _("Sign in with a token")),
    exceptions.PermissionDenied: (403, "forbidden", _("You may not do this")),
    exceptions.ParseError: (400, "malformed", _("This cannot be read")),
    exceptions.MethodNotAllowed: (405, "method-not-allowed", _("This cannot be done here")),
    exceptions.UnsupportedMediaType: (415, "unsupported-media-type", _("Send JSON")),
    exceptions.Throttled: (429, "too-many-requests", _("Too many requests")),
    RequestDataTooBig: (413, "too-large", _("The body is too large")),
    UnreadablePostError: (400, "malformed", _("This cannot be read")),
    SuspiciousOperation: (400, "malformed", _("This cannot be read")),
}
FAILED = (500, "error", _("Concord could not do this"))
Fields = dict[str, list[str]]


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to any exception of a view. A fault of ours is logged under the correlation id and says no more."""
    request = context["request"]
    if isinstance(error, Http404 | exceptions.NotFound):
        error = NotFound(str(error) if isinstance(error, exceptions.NotFound) else "")
    elif isinstance(error, PermissionDenied):
        error = Forbidden()
    elif isinstance(error, exceptions.ValidationError):
        error = Invalid(fields=flat(error.detail))
    if isinstance(error, PortalError):
        return of_portal(error, request)
    for kind, (code, name, title) in PLAIN.items():
        if isinstance(error, kind):
            return answer(request, code, name, title, said_by(error), headers=headers_of(error))
    logger.error("%s %s failed, correlation id %s", request.method, request.path, said(request), exc_info=error)
    got_request_exception.send(sender=type(context.get("view")), request=getattr(request, "_request", request))
    return answer(request, *FAILED, "", headers={})


def of_portal(error: PortalError, request: Any) -> Response:
    """What a service refused, with all it says about it."""
    wait = error.extra.get("retry_after")
    headers = {"Retry-After": str(wait)} if wait is not None else {}
    return Response(body_of(error, request), status=error.status, headers=headers, content_type=MEDIA_TYPE)


def body_of(error: PortalError, request: Any) -> dict[str, Any]:
    """A refusal as the body of a problem."""
    extra = dict(error.extra)
    if (fields := extra.pop("fields", None)) is not None:
        extra["errors"] = flat(fields)
    if isinstance(error, QuotaExceeded | OverBudget):
        extra["ask"] = way_to_ask(error)
    return body(request, error.status, error.code, error.title, str(error.detail), extra)


def way_to_ask(error: QuotaExceeded | OverBudget) -> dict[str, Any]:
    """The call that asks for what is missing, to be sent with a reason and perhaps until when."""
    missing = {"scope": error.extra["scope"], "amount": error.extra["missing"]}
    if isinstance(error, OverBudget):
        amount = Decimal(error.extra["missing"]).quantize(Decimal("0.0001"), ROUND_UP)
        return {"method": "POST", "href": "/api/budget-asks/", "body": {**missing, "amount": f"{amount:f}"}}
    return {"method": "POST", "href": "/api/quota-asks/", "body": {**missing, "dimension": error.extra["dimension"]}}


def answer(request: Any, code: int, name: str, title: Any, detail: str, *, headers: Mapping[str, str]) -> Response:
    """A problem that no service raised."""
    return Response(body(request, code, name, title, detail, {}), status=code, headers=headers, content_type=MEDIA_TYPE)


def body(request: Any, code: int, name: str, title: Any, detail: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """One problem. Its own members win over those that an error brings along."""
    own = {
        "type": f"{settings.PUBLIC_URL}/api/problems/{name}/",
        "title": str(title),
        "status": code,
        "code": name,
        "instance": request.path,
        "correlation_id": said(request),
    }
    return {**extra, **own, **({"detail": detail} if detail else {})}


def flat(detail: Any, name: str = "") -> Fields:
    """Messages by field, "items.0.plan" for what lies within; "" is the body as a whole."""
    if isinstance(detail, Mapping):
        parts = [(_joined(name, str(key)), part) for key, part in detail.items()]
    elif isinstance(detail, list | tuple) and any(isinstance(part, Mapping | list) for part in detail):
        parts = [(_joined(name, str(index)), part) for index, part in enumerate(detail) if part]
    else:
        return {name: [str(part) for part in (detail if isinstance(detail, list | tuple) else [detail])]}
    found: Fields = {}
    for inner, part in parts:
        for field, messages in flat(part, inner).items():
            found.setdefault(field, []).extend(messages)
    return found


def catalogue() -> dict[str, tuple[int, str, str]]:
    """Code -> (status, title, what it means), of every problem there is."""
    found = {code: (number, str(title), "") for number, code, title in [*PLAIN.values(), FAILED]}
    waiting: list[type[PortalError]] = PortalError.__subclasses__()
    for kind in waiting:
        found[kind.code] = (kind.status, str(kind.title), (kind.__doc__ or "").strip())
        waiting += kind.__subclasses__()
    return found


def said_by(error: Exception) -> str:
    """The words of DRF's own errors; those of Django are not for people."""
    return str(error.detail) if isinstance(error, exceptions.APIException) else ""


def said(request: Any) -> str:
    """The correlation id, which finds the request in the log."""
    return str(getattr(request, "correlation_id", ""))


def headers_of(error: Exception) -> dict[str, str]:
    """What HTTP wants beside the status."""
    found = {}
    if challenge := getattr(error, "auth_header", None):
        found["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) and isinstance(error, exceptions.Throttled):
        found["Retry-After"] = str(int(wait))
    return found


def _joined(name: str, key: str) -> str:
    key = "" if key in ("non_field_errors", "__all__") else key
    return f"{name}.{key}" if name and key else name or key
