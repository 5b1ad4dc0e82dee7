"""What every page shows around its content: navigation, scope, counts, the person. Nothing is asked until drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from portal.access.guard import permissions_of
from portal.access.queries import scopes_visible_to
from portal.approvals.queries import inbox_count
from portal.identity.models import Look
from portal.notices.queries import unread_count
from portal.users.actor import Actor
from portal.web import nav

MOST_SCOPES = 200
SCOPE_ICONS = {"organization": "building", "tenant": "stack-2", "project": "folder"}
THEMES = ("light", "dark")

FOOT = [(_("API"), "api-docs")]

# How many things of a place wait for her, by the place's URL name.
COUNTS: dict[str, Callable[[Actor], int]] = {"inbox": inbox_count}


@dataclass(slots=True)
class ScopeNode:
    """One scope of the switcher with the visible ones below it."""

    pk: Any
    name: str
    kind: str
    path: str
    zone: str = "UTC"
    below: list["ScopeNode"] = field(default_factory=list)

    @property
    def icon(self) -> str:
        return SCOPE_ICONS[self.kind]


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the navigation, ready to draw."""

    label: Any
    url: str
    icon: str
    is_here: bool
    count: int


class Shell:
    """The frame of one page for one request. Each property asks the database at most once, when a template reads it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.actor: Actor | None = getattr(request, "actor", None)

    @property
    def look(self) -> Look | None:
        """As whom she looks at the portal, and until when; None while she is herself."""
        return getattr(self.request, "look", None)

    @property
    def theme(self) -> str:
        """`light`, `dark`, or empty where the system decides."""
        chosen = self.request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def correlation_id(self) -> str:
        return getattr(self.request, "correlation_id", "")

    @cached_property
    def permissions(self) -> frozenset[str]:
        return permissions_of(self.actor) if self.actor else frozenset()

    @property
    def work(self) -> str:
        return nav.work_of(self.permissions)

    @cached_property
    def groups(self) -> list[tuple[Any, list[Entry]]]:
        """The side bar: titles with their links."""
        drawn = [(group.title, self._entries(group.places)) for group in nav.groups_for(self.permissions)]
        return [(title, entries) for title, entries in drawn if entries]

    @cached_property
    def thumb(self) -> list[Entry]:
        """The bar under the thumb: four links."""
        places = nav.thumb_for(self.permissions)
        return self._entries([place._replace(label=place.short or place.label) for place in places])

    @cached_property
    def unread(self) -> int:
        """Unread notices."""
        return unread_count(self.actor) if self.actor else 0

    @cached_property
    def scopes(self) -> list[ScopeNode]:
        """The scopes she may see, as trees; at most MOST_SCOPES."""
        return tree_of(self._nodes.values())

    @property
    def places(self) -> list[ScopeNode]:
        """The same in one list, each after what it lies in; of the scope chosen and below, where one is."""
        chosen = f"{self.scope.path}." if self.scope else ""
        return [node for node in self._nodes.values() if f"{node.path}.".startswith(chosen)]

    def waiting(self, url_name: str) -> int:
        """How many things of a place wait for her."""
        return self._counts.get(url_name, 0)

    @property
    def scopes_are_cut(self) -> bool:
        return len(self._nodes) >= MOST_SCOPES

    @cached_property
    def scope(self) -> ScopeNode | None:
        """The scope the page shows: the one chosen, while she may see it; None is everything."""
        return self._nodes.get(str(self.request.session.get("scope", ""))) if self.actor else None

    @cached_property
    def scope_trail(self) -> list[ScopeNode]:
        """The chosen scope with the visible ones above it, root first."""
        if self.scope is None:
            return []
        by_hex = {node.path.rsplit(".", 1)[-1]: node for node in self._nodes.values()}
        return [by_hex[label] for label in self.scope.path.split(".") if label in by_hex]

    @property
    def foot(self) -> list[tuple[Any, str]]:
        """What stands at the end of the side bar: label and address."""
        return [(label, url) for label, name in FOOT if (url := url_of(name))]

    @property
    def signin_path(self) -> str:
        """Where a request lands that is no longer signed in."""
        return url_of(settings.LOGIN_URL)

    @cached_property
    def languages(self) -> list[tuple[str, str]]:
        return list(settings.LANGUAGES)

    @cached_property
    def _nodes(self) -> Mapping[str, ScopeNode]:
        if self.actor is None:
            return {}
        rows = scopes_visible_to(self.actor).order_by("path").values_list("pk", "name", "scope_kind", "path", "zone")
        return {str(row[0]): ScopeNode(*row) for row in rows[:MOST_SCOPES]}

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {name: count(self.actor) for name, count in COUNTS.items() if self.actor}

    def _entries(self, places: list[nav.Place]) -> list[Entry]:
        match = self.request.resolver_match
        here = (match.url_name or "") if match else ""
        return [
            Entry(place.label, url, place.icon, nav.is_at(place, here), self._counts.get(place.url_name, 0))
            for place in places
            if (url := url_of(place.url_name))
        ]


def shell(request: HttpRequest) -> dict[str, Shell]:
    """Context processor: `shell` in every template."""
    return {"shell": shell_of(request)}


def shell_of(request: HttpRequest) -> Shell:
    """The frame of this request: one for its view and its templates."""
    found: Shell | None = getattr(request, "shell", None)
    if found is None:
        found = request.shell = Shell(request)  # type: ignore[attr-defined]
    return found


def url_of(name: str, *args: Any) -> str:
    """The address of a place, empty where this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def tree_of(nodes: Iterable[ScopeNode]) -> list[ScopeNode]:
    """Hang each node below the nearest visible one above it; what has none is a root. By name at each level."""
    found = {node.path: node for node in nodes}
    roots: list[ScopeNode] = []
    for node in sorted(found.values(), key=lambda each: each.name.casefold()):
        above = nearest_above(node.path, found)
        (above.below if above else roots).append(node)
    return roots


def nearest_above(path: str, found: Mapping[str, ScopeNode]) -> ScopeNode | None:
    while path := path.rpartition(".")[0]:
        if path in found:
            return found[path]
    return None
