"""The API described: OpenAPI 3.1, the page that shows it, and what each problem means."""

from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import View
from portal.api.problems import MEDIA_TYPE, catalogue
from portal.api.takes import permissions_for
from portal.core.errors import NotFound

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why it was not done (RFC 9457). Some problems carry more: what is missing, what changed.",
    "required": ["type", "title", "status", "code", "instance", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Where the problem is described."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "The name of the problem, for programs."},
        "detail": {"type": "string", "description": "What to do, for people."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "correlation_id": {"type": "string", "description": "Finds the request in the log and its events."},
        "errors": {
            "type": "object",
            "description": "Messages by field; within lists as items.0.plan, and empty for the body as a whole.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "additionalProperties": True,
}
ANSWER = {
    "description": "It was not done.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


HOW = "A token from your profile, or from POST /api/tokens/; or your access token of the identity provider's device flow."


SIGNED = "As Standard Webhooks has it: HMAC-SHA256 over id, time and body, by the secret of the hook."


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a program signs in."""

    target_class = "portal.api.auth.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": HOW}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the page of the docs signs in."""

    target_class = "portal.api.auth.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "With the CSRF token of a page."}


class HookScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the answer of a decision hook is signed."""

    target_class = "portal.api.decision_hooks.HookSignature"
    name = "hook"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Webhook-Signature", "description": SIGNED}


class SchemaDocument(View):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """This API as OpenAPI 3.1."""
        return Response(document(get_language() or "en"))


class Problem(View):
    """What a problem means; open to everybody, since who is not signed in gets problems too."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, code: str) -> Response:
        found = catalogue().get(code)
        if found is None:
            raise NotFound
        status, title, meaning = found
        return Response({"code": code, "status": status, "title": title, "meaning": meaning})


class Nothing(View):
    """Whatever has no address of its own, by any method."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """The page that shows the schema and tries it with the reader's own session."""
    return render(request, "api/docs.html")


@cache
def document(language: str) -> Any:
    """The schema, made once for each language: it says nothing of who reads it."""
    generator: Any = SchemaGenerator
    return generator().get_schema(request=None, public=True)


def add_problems(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Every operation may answer with a problem."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components.setdefault("responses", {})["Problem"] = ANSWER
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    return result


def add_permissions(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Every operation says which permissions it takes: one of them is enough, and where there are none it takes none."""
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            operation["x-permissions"] = needed = permissions_for(operation["operationId"])
            if needed:
                words = " or ".join(f"`{name}`" for name in needed)
                operation["description"] = f"{operation.get('description', '')}\n\nTakes the permission {words}.".strip()
    return result
