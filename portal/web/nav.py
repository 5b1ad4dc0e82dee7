"""The places of the portal: one list that side bar, thumb bar and home are drawn from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _

Work = Literal["order", "administer", "operate", "account", "decide", "read"]


class Place(NamedTuple):
    """One page of the navigation. `permission` is what she must hold somewhere to see it; `covers` are pages below it.

    `short` stands under the thumb instead of a label that would wrap there.
    """

    group: str
    label: Any
    url_name: str
    icon: str
    permission: str | None = None
    covers: tuple[str, ...] = ()
    short: Any = ""


GROUPS = {
    "work": _("Work"),
    "money": _("Money"),
    "clouds": _("Clouds"),
    "organization": _("Organization"),
}

NAV = [
    Place("", _("Home"), "home", "home"),
    Place("work", _("Inbox"), "inbox", "inbox", "vote", ("approval",)),
    Place("work", _("Delegations"), "delegations", "arrow-right", "vote", ("delegation",)),
    Place("work", _("Catalogue"), "catalogue", "layout-grid", "view_offering", ("offering",)),
    Place("work", _("Orders"), "orders", "clipboard-list", "view_order", ("order",)),
    Place("work", _("Resources"), "resources", "server-2", "view_resource", ("resource",)),
    Place("work", _("Cloud access"), "leases", "lock", "take_lease", ("lease", "leaseoffer"), _("Access")),
    Place("money", _("Cost"), "cost", "chart-pie", "view_cost", ("budget",)),
    Place("money", _("Exports"), "exports", "download", "export_cost", ("export",)),
    Place("clouds", _("Connections"), "connections", "cloud", "view_connection", ("connection",)),
    Place("clouds", _("Queue"), "queue", "activity", "view_platform"),
    Place(
        "organization",
        _("Projects and people"),
        "scopes",
        "sitemap",
        "view_scope",
        (
            *("scope", "group", "quota", "service-accounts", "serviceaccount", "invitations"),
            *("import", "imports", "person", "leaving", "leavings", "project", "asks", "break-glass"),
        ),
        _("Projects"),
    ),
    Place("organization", _("Roles"), "roles", "adjustments", "manage_roles", ("role",)),
    Place(
        "organization",
        _("Policies"),
        "policies",
        "scale",
        "manage_policies",
        ("policy", "policychange", "calendar", "calendars"),
    ),
    Place("organization", _("Access review"), "reviews", "shield-check", "manage_members", ("review",), _("Review")),
    Place("organization", _("Roles by group"), "mapping", "route", "manage_members"),
    Place("organization", _("Sign-in"), "identity-providers", "key", "manage_identity_providers", ("identityprovider",)),
    Place("organization", _("Directory"), "directory", "users", "operate_platform"),
    Place(
        "organization",
        _("Events"),
        "events",
        "history",
        "view_event",
        ("event", "seals", "subscriptions", "subscription", "evidence", "evidencepack"),
    ),
]

# A person's main work is that of the first permission here that she holds.
WORK: list[tuple[str, Work]] = [
    ("place_order", "order"),
    ("manage_policies", "administer"),
    ("operate_platform", "operate"),
    ("manage_budgets", "account"),
    ("vote", "decide"),
]

FIRST_GROUP = {"administer": "organization", "operate": "clouds", "account": "money"}

# The four places under the thumb, by her work; "More" has the rest.
THUMB: dict[Work, tuple[str, ...]] = {
    "order": ("home", "catalogue", "orders", "resources"),
    "administer": ("home", "scopes", "inbox", "events"),
    "operate": ("connections", "queue", "resources", "catalogue"),
    "account": ("cost", "exports", "inbox", "orders"),
    "decide": ("inbox", "home", "orders", "resources"),
    "read": ("home", "orders", "resources", "cost"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Places under one title."""

    title: Any
    places: list[Place]


def work_of(permissions: frozenset[str]) -> Work:
    """What she mainly comes for; it picks her home, her first group and her thumb bar."""
    return next((work for permission, work in WORK if permission in permissions), "read")


def places_for(permissions: frozenset[str]) -> list[Place]:
    """The places she may open."""
    return [place for place in NAV if place.permission is None or place.permission in permissions]


def groups_for(permissions: frozenset[str]) -> list[Group]:
    """Her places by group: home and the group of her own work on top without a title, then the others."""
    places = places_for(permissions)
    first = FIRST_GROUP.get(work_of(permissions), "work")
    top = Group("", [place for place in places if place.group in ("", first)])
    rest = [Group(GROUPS[name], [place for place in places if place.group == name]) for name in GROUPS if name != first]
    return [top, *(group for group in rest if group.places)]


def thumb_for(permissions: frozenset[str]) -> list[Place]:
    """The four places used most; who may vote always has the inbox."""
    places = {place.url_name: place for place in places_for(permissions)}
    wanted: Iterable[str] = THUMB[work_of(permissions)]
    if "vote" in permissions and "inbox" not in wanted:
        wanted = ("inbox", *wanted)
    names = [name for name in (*wanted, *places) if name in places]
    return [places[name] for name in dict.fromkeys(names)][:4]


def is_at(place: Place, url_name: str) -> bool:
    """Whether a page belongs to a place: its own page, one it covers, or an act on those (`order-new`)."""
    return any(url_name == name or url_name.startswith(f"{name}-") for name in (place.url_name, *place.covers))
