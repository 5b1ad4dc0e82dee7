"""The cast, in two organizations: alice (member), bob (approver), carol (finance), dave (operator), erin (admin), mallory."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password

from portal.access.models import Assignment, Role, Scope, ScopeKind
from portal.users.actor import Actor, Auth
from portal.users.models import User

PASSWORD = "correct horse battery"


@dataclass
class World:
    """Two organizations and their people. `actor("alice")` builds a fresh Actor."""

    people: dict[str, User]
    scopes: dict[str, Scope]
    extra: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        for found in (self.__dict__.get("people", {}), self.__dict__.get("scopes", {}), self.__dict__.get("extra", {})):
            if name in found:
                return found[name]
        raise AttributeError(name)

    def actor(self, name: str) -> Actor:
        return Actor(self.people[name], Auth("password", session="test", address="127.0.0.1"))


def scope(name: str, parent: Scope | None = None) -> Scope:
    """A scope under a parent: organization, then tenants, then projects where the name says so."""
    kind = ScopeKind.ORGANIZATION if parent is None else ScopeKind.TENANT
    return Scope.objects.create(scope_kind=kind, parent=parent, name=name, slug=name.lower())


def project(name: str, tenant: Scope) -> Scope:
    return Scope.objects.create(scope_kind=ScopeKind.PROJECT, parent=tenant, name=name, slug=name.lower())


def person(username: str) -> User:
    user = User(username=username, name=f"{username.title()} Test", email=f"{username}@example.org", password=hashed())
    user.save()
    return user


@cache
def hashed() -> str:
    """The password as it is kept; made once a process, for making it takes half a second."""
    return make_password(PASSWORD)


def give(user: User, role: str, at: Scope, *, expires: datetime | None = None) -> Assignment:
    """An assignment without a service: the state a test starts from."""
    return Assignment.objects.create(user=user, role=Role.objects.get(key=role, scope=None), scope=at, expires=expires)


def build() -> World:
    """The whole cast, from nothing."""
    people = {name: person(name) for name in ("alice", "bob", "carol", "dave", "erin", "mallory")}
    nordwind, other = scope("Nordwind"), scope("Other")
    retail, logistics = scope("Retail", nordwind), scope("Logistics", nordwind)
    other_tenant = scope("Elsewhere", other)
    scopes = {
        "nordwind": nordwind,
        "retail": retail,
        "logistics": logistics,
        "web": project("web", retail),
        "fleet": project("fleet", logistics),
        "other": other,
        "other_tenant": other_tenant,
        "other_project": project("secret", other_tenant),
    }
    roles = [
        ("alice", "member", "web"),
        ("bob", "approver", "retail"),
        ("carol", "finance", "nordwind"),
        ("dave", "operator", "nordwind"),
        ("erin", "organization_admin", "nordwind"),
        ("mallory", "organization_admin", "other"),
        ("mallory", "member", "other_project"),
    ]
    for name, role, where in roles:
        give(people[name], role, scopes[where])
    return World(people, scopes)
