"""What the views share: the base class, lists by cursor, and a line of the schema for each."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from django.core.exceptions import ValidationError
from django.db import DataError
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api import idempotency
from portal.core.errors import Invalid, NotFound

NEWEST = ("-created_at", "-id")
Method = TypeVar("Method", bound=Callable[..., Any])
Show = type[serializers.Serializer[Any]]


class View(APIView):
    """A view that nobody keeps a copy of, and whose actor is good for this request only."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)


class Pages(CursorPagination):
    """Pages of 50, or as many as `limit` says up to 200."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def __init__(self, ordering: tuple[str, ...]) -> None:
        self.ordering = ordering

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return self.ordering  # type: ignore[return-value]


def listed(request: Request, rows: Any, show: Show, *, ordering: tuple[str, ...] = NEWEST, narrow: Any = None) -> Response:
    """One page of rows, narrowed by the business app's own filter. Invalid names a filter that is not known or not read."""
    if narrow is not None:
        chosen = narrow(request.query_params, rows)
        check_known(request, chosen.filters)
        if not chosen.is_valid():
            raise Invalid(fields={name: list(texts) for name, texts in chosen.errors.items()})
        rows = chosen.qs
    else:
        check_known(request, ())
    pages = Pages(ordering)
    try:
        found: Any = pages.paginate_queryset(rows, request)
    except (ValueError, ValidationError, DataError) as error:
        raise NotFound(_("There is no such page.")) from error
    return pages.get_paginated_response(show(found or [], many=True, context={"request": request}).data)


def check_known(request: Request, filters: Any) -> None:
    """A parameter that nobody reads is an error: what was meant to narrow the list did not."""
    unknown = set(request.query_params) - {*filters, "cursor", "limit"}
    if unknown:
        raise Invalid(fields={name[:80]: [_("This parameter is not known here.")] for name in unknown})


def read(show: Show, request: Request) -> dict[str, Any]:
    """What was sent, checked; unknown fields are refused, so that a slip of the pen changes nothing silently."""
    sent = show(data=request.data)
    known = set(sent.fields)
    unknown = set(request.data) - known if isinstance(request.data, Mapping) else set()
    if unknown:
        raise Invalid(fields={str(name)[:80]: [_("This field is not known here.")] for name in unknown})
    sent.is_valid(raise_exception=True)
    given: dict[str, Any] = sent.validated_data
    return given


def asked_of(show: Show, request: Request) -> dict[str, Any]:
    """What stands in the query, checked like a body."""
    check_known(request, show().fields)
    asked = show(data=request.query_params)
    asked.is_valid(raise_exception=True)
    given: dict[str, Any] = asked.validated_data
    return given


def shown(show: Show, thing: Any, request: Request, *, status: int = 200, at: str = "") -> Response:
    """One thing; `at` is where it can be read from now on."""
    headers = {"Location": at} if at else {}
    return Response(show(thing, context={"request": request}).data, status=status, headers=headers)


def says(
    name: str,
    *,
    gives: Any = None,
    takes: Any = None,
    status: int = 200,
    keyed: bool | str = False,
    asks: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
) -> Callable[[Method], Method]:
    """The line of the schema for one method: its operation id, what it takes and gives, query parameters and headers."""
    parameters = [_parameter(key, kind, "query") for key, kind in (asks or {}).items()]
    parameters += [_parameter(key, kind, "header") for key, kind in (headers or {}).items()]
    if keyed:
        words = "The same key with the same request is answered as the first time, for 24 hours, and does nothing."
        parameters.append(
            OpenApiParameter(idempotency.HEADER, str, "header", required=keyed == "required", description=words)
        )
    answers = gives if isinstance(gives, dict) else {status: gives or OpenApiResponse(description="Done")}
    wrap: Callable[[Method], Method] = extend_schema(
        operation_id=name, request=takes, responses=answers, parameters=parameters
    )
    return wrap


def says_list(name: str, show: Show, *, narrow: Any = None) -> Callable[[Method], Method]:
    """The same for a list: its filters, its cursor, its page."""
    asks = {key: _kind_of(part) for key, part in narrow.base_filters.items()} if narrow else {}
    return says(name, gives=_page_of(show), asks={**asks, "cursor": str, "limit": int})


@cache
def _page_of(show: Show) -> Any:
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": show(many=True),
    }
    return inline_serializer(f"{show.__name__.removesuffix('Serializer')}Page", fields)


def _parameter(name: str, kind: Any, where: Literal["query", "header"]) -> OpenApiParameter:
    many = isinstance(kind, list)
    return OpenApiParameter(name, kind[0] if many else kind, where, many=many)


def _kind_of(part: Any) -> Any:
    name = type(part).__name__
    if name == "DateFilter":
        return OpenApiTypes.DATE
    return [str] if name == "MultipleChoiceFilter" else str
