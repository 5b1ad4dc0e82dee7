"""Random worlds of access: a tree, groups, roles of one's own, assignments and shares, over and still to come, in few writes."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission

from portal.access.models import Assignment, Group, Role, Scope, ScopeKind, ScopeShare
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.provisioning.models import ResourceShare
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User

# Few enough that what is held and what is asked meet often.
COMMON = ("view_scope", "view_resource", "operate_resource", "view_offering", "place_order", "manage_members", "vote")
BUILT_IN = ("member", "viewer", "operator", "tenant_admin")


@dataclass
class RandomWorld:
    """What was drawn."""

    scopes: list[Scope]
    groups: list[Group]
    roles: list[Role]
    assignments: list[Assignment]
    shares: list[Any]


def draw(dice: random.Random, people: list[User], resources: list[Any]) -> RandomWorld:
    """One world for these people; the resources move into its scopes."""
    scopes = tree(dice)
    for resource in resources:
        resource.project = dice.choice(scopes)
        resource.save(update_fields=["project"])
    return people_in(dice, people, scopes, resources)


def people_in(dice: random.Random, people: list[User], scopes: list[Scope], resources: list[Any]) -> RandomWorld:
    """Who holds what in a tree that is there."""
    groups = [Group(scope=dice.choice(scopes), name=f"group {number}") for number in range(2)]
    Group.objects.bulk_create(groups)
    links = [Group.members.through(group=group, user=user) for group in groups for user in people if dice.random() < 0.4]
    Group.members.through.objects.bulk_create(links)
    own = [Role(scope=dice.choice(scopes), key=f"own-{n}", name=f"own {n}", permissions=some(dice)) for n in range(3)]
    Role.objects.bulk_create(own)
    roles = [*own, *Role.objects.filter(scope=None, key__in=BUILT_IN).order_by("key")]
    assignments = [assignment(dice, people, groups, roles, scopes) for _ in range(dice.randint(2, 7))]
    Assignment.objects.bulk_create(assignments, ignore_conflicts=True)
    shares = [share(dice, people, "scope", dice.choice(scopes)) for _ in range(dice.randint(0, 2))]
    shares += [share(dice, people, "resource", dice.choice(resources)) for _ in range(dice.randint(0, 2)) if resources]
    for kind in (ScopeShare, ResourceShare):
        kind.objects.bulk_create([each for each in shares if isinstance(each, kind)], ignore_conflicts=True)
    return RandomWorld(scopes, groups, roles, assignments, shares)


def tree(dice: random.Random) -> list[Scope]:
    """Two organizations with tenants and projects, four to nine scopes."""
    made: list[Scope] = []
    for number in range(dice.randint(4, 9)):
        parent = dice.choice(made) if number > 1 else None
        while parent is not None and str(parent.path).count(".") > 4:
            parent = parent.parent
        kind = ScopeKind.TENANT if parent else ScopeKind.ORGANIZATION
        scope = Scope(scope_kind=kind, parent=parent, name=f"s{number}")
        scope.slug = scope.pk.hex
        scope.path = parent.path_below(scope) if parent else scope.pk.hex
        made.append(scope)
    Scope.objects.bulk_create(made)
    return made


def some(dice: random.Random) -> list[str]:
    return sorted({*dice.sample(COMMON, dice.randint(1, 3)), *dice.sample(sorted(PERMISSIONS), 2)})


def period(dice: random.Random) -> tuple[datetime | None, datetime | None]:
    """In force, over, still to come; with and without a beginning and an end."""
    now, day = clock.now(), timedelta(days=1)
    return dice.choice([(None, None), (None, now + day), (now - day, None), (None, now - day), (now + day, None)])


def assignment(
    dice: random.Random, people: list[User], groups: list[Group], roles: list[Role], scopes: list[Scope]
) -> Assignment:
    starts, expires = period(dice)
    who = {"group": dice.choice(groups)} if dice.random() < 0.4 else {"user": dice.choice(people)}
    return Assignment(**who, role=dice.choice(roles), scope=dice.choice(scopes), starts=starts, expires=expires)


def share(dice: random.Random, people: list[User], kind: str, thing: Any) -> Any:
    name = dice.choice(["view_scope", "place_order"] if kind == "scope" else ["view_resource", "operate_resource"])
    found = Permission.objects.get(content_type__model=kind, codename=name)
    ends = clock.now() + dice.choice([-1, 1]) * timedelta(hours=1)
    model = ScopeShare if kind == "scope" else ResourceShare
    return model(user=dice.choice(people), permission=found, content_object=thing, expires=ends)


def narrowing(dice: random.Random, scopes: list[Scope]) -> Narrowing | None:
    """Half the time none; else by permission, by scope, or both."""
    if dice.random() < 0.5:
        return None
    permissions = frozenset(dice.sample(COMMON, 3)) if dice.random() < 0.6 else None
    path = dice.choice(scopes).scope_path if permissions is None or dice.random() < 0.5 else None
    return Narrowing(permissions, path)


def actor(dice: random.Random, user: User, scopes: list[Scope], watcher: User) -> Actor:
    watched = watcher if dice.random() < 0.15 else None
    return Actor(user, Auth("test"), narrowed_to=narrowing(dice, scopes), viewed_as_by=watched)
