"""SCIM 2.0 (RFC 7643, 7644): an organization's directory pushes its people and groups here."""

from abc import ABC, abstractmethod
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    EnterpriseUser,
    ETag,
    Filter,
    ForbiddenException,
    Group,
    InvalidValueException,
    ListResponse,
    Meta,
    NotFoundException,
    NotImplementedException,
    Patch,
    PatchOp,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    User,
)

from portal.api.scim_http import LARGEST, ScimView, answer, body_of
from portal.identity import scim, scim_filters, scim_groups
from portal.identity.scim_resources import (
    POLICY,
    Person,
    etag,
    group_shown,
    location,
    person_shown,
    with_groups,
    with_members,
)

PAGE, MOST = 100, 200
MOST_GROUPS = 20
"""Groups on a page that shows their members."""
MOST_OPERATIONS = 1000
ASKED = {"attributes": "attributes", "excludedAttributes": "excluded_attributes"}
LISTED = {**ASKED, "filter": "filter", "sortBy": "sort_by", "sortOrder": "sort_order", "startIndex": "start_index"}
LISTED |= {"count": "count"}

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=LARGEST),
    filter=Filter(supported=True, max_results=MOST),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A token of the organization, made on its page Sign-in > Push by SCIM.",
            primary=True,
        )
    ],
)
PROVIDER = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)


class Config(ScimView):
    """What this service can do."""

    def get(self, request: HttpRequest) -> HttpResponse:
        shown = CONFIG.model_copy()
        shown.meta = Meta(resource_type="ServiceProviderConfig", location=_at(request))
        return answer(shown)


class Described(ScimView):
    """Schemas, or resource types: all, or one by its id."""

    kind = ""
    described: Any = ()

    def get(self, request: HttpRequest, pk: str | None = None) -> HttpResponse:
        if "filter" in request.GET:
            raise ForbiddenException(detail="This list is not filtered.")
        base = _at(request) if pk is None else _at(request).rpartition("/")[0]
        shown = [self._placed(each, base) for each in self.described if pk in (None, each.id)]
        if pk is None:
            return answer(_page(type(shown[0]), shown, len(shown), 1))
        if not shown:
            raise NotFoundException
        return answer(shown[0])

    def _placed(self, each: Any, base: str) -> Any:
        placed = each.model_copy()
        placed.meta = Meta(resource_type=self.kind, location=f"{base}/{each.id}")
        return placed


class Resources(ScimView, ABC):
    """What people and groups have in common: a list, and one to add."""

    model: Any
    most = MOST

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._found(asked_of(request, LISTED, SearchRequest[self.model]))  # type: ignore[name-defined]

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.path.endswith("/.search"):
            sent = body_of(request)
            scim_filters.check_filter(str(sent.get("filter") or ""))
            found = SearchRequest[self.model].model_validate(sent, scim_ctx=Context.SEARCH_REQUEST)  # type: ignore[name-defined]
            return self._found(found)
        asked = asked_of(request, ASKED, ResponseParameters[self.model])  # type: ignore[name-defined]
        sent = self.model.model_validate(body_of(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        shown = self.add(sent)
        headers = {"Location": shown.meta.location, "ETag": shown.meta.version}
        return answer(shown, status=201, headers=headers, asked=asked, context=Context.RESOURCE_CREATION_RESPONSE)

    def _found(self, asked: Any) -> HttpResponse:
        rows = scim_filters.narrowed(self.rows(), asked, self.model)
        total, first = rows.count(), asked.start_index or 1
        wanted = min(PAGE if asked.count is None else asked.count, self.most_shown(asked))
        page = self.page(rows[first - 1 : first - 1 + wanted], asked) if wanted and first <= total else []
        return answer(_page(self.model, page, total, first), asked=asked)

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Every one of them, in the order of the list."""

    @abstractmethod
    def page(self, rows: QuerySet[Any], asked: Any) -> list[Any]:
        """These rows as SCIM shows them."""

    @abstractmethod
    def add(self, sent: Any) -> Any:
        """Take in what was sent; gives it as SCIM shows it."""

    def most_shown(self, asked: Any) -> int:
        return MOST


class People(Resources):
    model = Person

    def rows(self) -> QuerySet[Any]:
        return scim.pushed_people(self.organization, actor=self.actor)

    def page(self, rows: QuerySet[Any], asked: Any) -> list[Any]:
        return [person_shown(row) for row in with_groups(rows)]

    def add(self, sent: Any) -> Any:
        return person_shown(scim.push_person(self.organization, sent, actor=self.actor))


class Groups(Resources):
    model = Group

    def rows(self) -> QuerySet[Any]:
        return scim_groups.pushed_groups(self.organization, actor=self.actor)

    def page(self, rows: QuerySet[Any], asked: Any) -> list[Any]:
        wanted = wants_members(asked)
        return [group_shown(row, members=wanted) for row in (with_members(rows) if wanted else rows)]

    def add(self, sent: Any) -> Any:
        return group_shown(scim_groups.push_group(self.organization, sent, actor=self.actor))

    def most_shown(self, asked: Any) -> int:
        return MOST_GROUPS if wants_members(asked) else MOST


class OneResource(ScimView, ABC):
    """One person or group: seen, described anew, changed, removed."""

    model: Any

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked = self._asked(request)
        row = self.row(pk, asked)
        if request.headers.get("If-None-Match") == etag(row):
            return HttpResponse(status=304, headers={"ETag": etag(row)})
        return answer(self.shown(row, asked), headers={"ETag": etag(row)}, asked=asked)

    def put(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked = self._asked(request)
        sent = self.model.model_validate(body_of(request), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        row = self.replace(pk, sent, actor=self.actor, match=_match(request))
        return self._answer(row, asked, Context.RESOURCE_REPLACEMENT_RESPONSE)

    def patch(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked, sent = self._asked(request), body_of(request)
        if isinstance(sent.get("Operations"), list) and len(sent["Operations"]) > MOST_OPERATIONS:
            raise InvalidValueException(detail=f"A patch has at most {MOST_OPERATIONS} operations.")
        patch = PatchOp[self.model].model_validate(sent, scim_ctx=Context.RESOURCE_PATCH_REQUEST)  # type: ignore[name-defined]
        row = self.change(pk, patch, actor=self.actor, match=_match(request))
        return self._answer(row, asked, Context.RESOURCE_PATCH_RESPONSE)

    def delete(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.drop(pk, actor=self.actor, match=_match(request))
        return HttpResponse(status=204)

    def _asked(self, request: HttpRequest) -> Any:
        return asked_of(request, ASKED, ResponseParameters[self.model])  # type: ignore[name-defined]

    def _answer(self, row: Any, asked: Any, context: Context) -> HttpResponse:
        return answer(self.shown(row, asked), headers={"ETag": etag(row)}, asked=asked, context=context)

    @abstractmethod
    def row(self, pk: str, asked: Any) -> Any:
        """The row of this id."""

    @abstractmethod
    def shown(self, row: Any, asked: Any) -> Any:
        """The row as SCIM shows it."""

    @abstractmethod
    def replace(self, pk: str, sent: Any, **by: Any) -> Any:
        """Put what was sent in the place of what is there."""

    @abstractmethod
    def change(self, pk: str, patch: Any, **by: Any) -> Any:
        """Change what the patch names."""

    @abstractmethod
    def drop(self, pk: str, **by: Any) -> None:
        """Remove it."""


class OnePerson(OneResource):
    model = Person

    def row(self, pk: str, asked: Any) -> Any:
        return scim.pushed_person(self.organization, pk, actor=self.actor)

    def shown(self, row: Any, asked: Any) -> Any:
        return person_shown(row)

    def replace(self, pk: str, sent: Any, **by: Any) -> Any:
        return scim.replace_person(self.organization, pk, sent, **by)

    def change(self, pk: str, patch: Any, **by: Any) -> Any:
        return scim.patch_person(self.organization, pk, patch, **by)

    def drop(self, pk: str, **by: Any) -> None:
        scim.drop_person(self.organization, pk, **by)


class OneGroup(OneResource):
    model = Group

    def row(self, pk: str, asked: Any) -> Any:
        return scim_groups.pushed_group(self.organization, pk, actor=self.actor, members=wants_members(asked))

    def shown(self, row: Any, asked: Any) -> Any:
        return group_shown(row, members=wants_members(asked))

    def replace(self, pk: str, sent: Any, **by: Any) -> Any:
        return scim_groups.replace_group(self.organization, pk, sent, **by)

    def change(self, pk: str, patch: Any, **by: Any) -> Any:
        return scim_groups.patch_group(self.organization, pk, patch, **by)

    def drop(self, pk: str, **by: Any) -> None:
        scim_groups.drop_group(self.organization, pk, **by)


class NotOffered(ScimView):
    """What the standard knows and this service does not do."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedException

    post = put = patch = delete = get


class Nothing(ScimView):
    """Every other address."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise NotFoundException

    post = put = patch = delete = get


def asked_of(request: HttpRequest, names: dict[str, str], shape: Any) -> Any:
    """What stands in the query, checked. What SCIM does not know is left alone: Entra adds words of its own."""
    given = {names[name]: value for name, value in request.GET.items() if name in names}
    scim_filters.check_filter(str(given.get("filter", "")))
    return shape.model_validate(given)


def wants_members(asked: Any) -> bool:
    """Whether members are wanted: they are, unless named among what is not, or not among what is."""
    left_out = {_first(each) for each in asked.excluded_attributes or ()}
    named = {_first(each) for each in asked.attributes or ()}
    return "members" not in left_out and (not named or "members" in named)


def _first(attribute: Any) -> str:
    return str(attribute).rpartition(":")[2].partition(".")[0].lower()


def _page(model: Any, page: list[Any], total: int, first: int) -> Any:
    return ListResponse[model](total_results=total, start_index=first, items_per_page=len(page), resources=page)


def _match(request: HttpRequest) -> str:
    return request.headers.get("If-Match", "")


def _at(request: HttpRequest) -> str:
    return str(location("", "")).rstrip("/").removesuffix("/scim/v2") + request.path


urlpatterns = [
    path("ServiceProviderConfig", Config.as_view()),
    path("Schemas", Described.as_view(kind="Schema", described=PROVIDER.schemas)),
    path("Schemas/<str:pk>", Described.as_view(kind="Schema", described=PROVIDER.schemas)),
    path("ResourceTypes", Described.as_view(kind="ResourceType", described=PROVIDER.resource_types)),
    path("ResourceTypes/<str:pk>", Described.as_view(kind="ResourceType", described=PROVIDER.resource_types)),
    path("Users", People.as_view()),
    path("Users/.search", People.as_view()),
    path("Users/<str:pk>", OnePerson.as_view()),
    path("Groups", Groups.as_view()),
    path("Groups/.search", Groups.as_view()),
    path("Groups/<str:pk>", OneGroup.as_view()),
    path(".search", NotOffered.as_view()),
    path("Bulk", NotOffered.as_view()),
    path("Me", NotOffered.as_view()),
    re_path(r"", Nothing.as_view()),
]
