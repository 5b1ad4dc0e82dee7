"""SCIM over HTTP: who calls, what was sent, and every error as SCIM has it."""

import json
import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import DataError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError, Throttled
from scim2_models import Context, Error, InvalidSyntaxException, PayloadTooLargeException, SCIMException

from portal.access.models import Scope
from portal.api.auth import refuse
from portal.api.parsing import check_kept, number
from portal.core.errors import PortalError
from portal.identity.scim_resources import POLICY
from portal.identity.scim_tokens import client_by_token
from portal.identity.sessions import address_of
from portal.users.actor import Actor

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/scim+json"
TAKEN = (MEDIA_TYPE, "application/json")
LARGEST = 2 * 1024 * 1024
"""Bytes of a body: a group of ten thousand members."""


@method_decorator(csrf_exempt, name="dispatch")
class ScimView(View):
    """A view for an organization's directory. `organization` and `actor` are set by its token; a session opens nothing."""

    organization: Scope
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with POLICY:
                self.organization, self.actor = caller(request)
                return super().dispatch(request, *args, **kwargs)
        except Exception as error:
            return answer_to(error, request)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        allowed = ", ".join(name.upper() for name in self.http_method_names if hasattr(self, name))
        said = Error(status=405, detail=f"This cannot be done here. Allowed: {allowed}.")
        return answer(said, status=405, headers={"Allow": allowed})


def caller(request: HttpRequest) -> tuple[Scope, Actor]:
    """The organization and its directory; AuthenticationFailed where the token opens nothing, Throttled after many such."""
    scheme, _space, plain = request.headers.get("Authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer":
        correlation_id = getattr(request, "correlation_id", "")
        found = client_by_token(plain.strip(), address=address_of(request), correlation_id=correlation_id)
    return found or refuse(request)


def body_of(request: HttpRequest) -> dict[str, Any]:
    """What was sent: one object of JSON, of a size that can be read."""
    if (request.content_type or "").lower() not in TAKEN:
        raise SentOtherwise(detail=f"Send {MEDIA_TYPE}.")
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        raise PayloadTooLargeException(detail=f"A body has at most {LARGEST} bytes.")
    try:
        read = json.loads(request.body.decode(), parse_float=number, parse_constant=number)
    except (ValueError, RecursionError) as error:
        raise InvalidSyntaxException(detail="The body is no JSON that can be read.") from error
    check_kept(read)
    if not isinstance(read, dict):
        raise InvalidSyntaxException(detail="The body is an object.")
    return read


class SentOtherwise(SCIMException):
    """The body is no JSON of SCIM."""

    status = 415


def answer(
    shown: Any, *, status: int = 200, headers: dict[str, str] | None = None, asked: Any = None, context: Any = None
) -> HttpResponse:
    """A resource, a list or an error; `asked` names the attributes that are wanted of it."""
    context = context or Context.RESOURCE_QUERY_RESPONSE
    told = shown if isinstance(shown, dict) else shown.model_dump(scim_ctx=context, response_parameters=asked)
    made = HttpResponse(json.dumps(told), status=status, content_type=MEDIA_TYPE, headers=headers)
    made.headers.setdefault("Cache-Control", "no-store")
    return made


def answer_to(error: Exception, request: HttpRequest) -> HttpResponse:
    """The answer to whatever went wrong. A fault of ours is logged under the correlation id and says no more."""
    for kind, tell in TOLD:
        if isinstance(error, kind):
            said, headers = tell(error)
            return answer(said, status=said.status or 500, headers=headers)
    correlation_id = getattr(request, "correlation_id", "")
    logger.error("%s %s failed, correlation id %s", request.method, request.path, correlation_id, exc_info=error)
    got_request_exception.send(sender=ScimView, request=request)
    return answer(Error(status=500, detail=f"Concord could not do this. Correlation id {correlation_id}."), status=500)


Told = tuple[Error, dict[str, str]]


def _scim(error: Any) -> Told:
    return error.to_error(), {}


def _invalid(error: Any) -> Told:
    """The first thing that is wrong; what was sent is not repeated."""
    found = error.errors(include_url=False, include_input=False)[0]
    said = Error.from_validation_error(found)
    said.detail = (said.detail or "")[:500]
    return said, {}


def _refused(error: Any) -> Told:
    return Error(status=error.status, detail=str(error)), {}


def _unreadable(_error: Any) -> Told:
    return Error(status=400, scim_type="invalidSyntax", detail="This cannot be read."), {}


def _too_large(_error: Any) -> Told:
    return Error(status=413, detail=f"A body has at most {LARGEST} bytes."), {}


def _by_rest(error: Any) -> Told:
    headers = {"WWW-Authenticate": 'Bearer realm="concord-scim"'} if isinstance(error, AuthenticationFailed) else {}
    headers |= {"Retry-After": str(int(getattr(error, "wait", None) or 1))} if isinstance(error, Throttled) else {}
    kind = "invalidSyntax" if isinstance(error, ParseError) else None
    return Error(status=error.status_code, scim_type=kind, detail=str(error.detail)), headers


TOLD: list[tuple[Any, Callable[[Any], Told]]] = [
    (SCIMException, _scim),
    (ValidationError, _invalid),
    (PortalError, _refused),
    (APIException, _by_rest),
    (RequestDataTooBig, _too_large),
    ((UnreadablePostError, DataError), _unreadable),
]
