"""What a change of roles would do, against doing it and looking."""

import random
from datetime import timedelta

import pytest
from django.db import transaction

from portal.access import resolver
from portal.access.models import Assignment, Group, Role, Scope, Source
from portal.access.permissions import PERMISSIONS
from portal.access.what_if import End, Give, Redefine, Remove, what_if
from portal.core import clock
from portal.users.actor import Actor, Auth
from portal.users.models import User
from tests.access import worlds
from tests.cast import give, person
from tests.sizes import size

WORLDS = size(60, 200)


def held_by(people):
    """Everything that these people may do anywhere, by asking the resolver."""
    held = set()
    for user in people:
        actor = Actor(user, Auth("test"))
        for permission in PERMISSIONS:
            held |= {(user.pk, permission, pk) for pk in resolver.scope_ids(actor, permission)}
    return held


def spread(by_person, scopes):
    """The same of what a shift says: person, permission and scope, each by itself."""
    found = set()
    for pk, shifts in by_person.items():
        for shift in shifts:
            places = {scope.pk for scope in scopes if resolver.covers(shift.path, scope.scope_path)}
            places -= {scope.pk for scope in scopes if any(resolver.covers(but, scope.scope_path) for but in shift.but)}
            assert places, shift
            found |= {(pk, permission, place) for permission in shift.permissions for place in places}
    return found


def carry_out(change):
    if isinstance(change, Give):
        who = {"user": change.principal, "group": None}
        if isinstance(change.principal, Group):
            who = {"user": None, "group": change.principal}
        times = {"starts": change.starts, "expires": change.expires}
        Assignment.objects.update_or_create(**who, role=change.role, scope=change.scope, source="manual", defaults=times)
    elif isinstance(change, End):
        Assignment.objects.filter(pk=change.assignment.pk).delete()
    elif isinstance(change, Redefine):
        Role.objects.filter(pk=change.role.pk).update(permissions=sorted(change.permissions))
    else:
        Assignment.objects.filter(role=change.role).delete()
        Role.objects.filter(pk=change.role.pk).delete()


def a_change(dice, drawn, people):
    given = list(Assignment.objects.select_related("user", "group", "role", "scope").order_by("pk"))
    kind = dice.choice(["give", "give", "again", "end", "redefine", "remove"])
    starts, expires = worlds.period(dice)
    if kind in ("again", "end") and given:
        chosen = dice.choice(given)
        if kind == "end":
            return End(chosen)
        return Give(chosen.user or chosen.group, chosen.role, chosen.scope, starts, expires)
    if kind == "redefine":
        return Redefine(dice.choice(drawn.roles[:3]), frozenset(worlds.some(dice)))
    if kind == "remove":
        return Remove(dice.choice(drawn.roles[:3]))
    return Give(dice.choice([*people, *drawn.groups]), dice.choice(drawn.roles), dice.choice(drawn.scopes), starts, expires)


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.django_db
def test_in_random_worlds_it_says_what_then_happens(figures):
    people = [person(f"p{number}") for number in range(4)]
    people[3].is_active = False
    people[3].save()
    robot = User.objects.create(username="robot", kind_of_user="service", owner=people[0])
    people.append(robot)
    kinds = {}
    for seed in range(WORLDS):
        dice = random.Random(seed)
        with transaction.atomic():
            drawn = worlds.draw(dice, people, [])
            change = a_change(dice, drawn, people)
            effect = what_if(change)
            alive = [user for user in people if user != people[3]]
            with clock.travel(effect.at):
                before = held_by(alive)
                carry_out(change)
                after = held_by(alive)
            assert spread(effect.gains, drawn.scopes) == after - before, (seed, change)
            assert spread(effect.losses, drawn.scopes) == before - after, (seed, change)
            assert {turn.person.pk for turn in effect.turns} == effect.gains.keys() | effect.losses.keys()
            kinds[type(change), not effect.is_nothing] = True
            transaction.set_rollback(True)
    assert {kind for kind, moves in kinds if moves} == {Give, End, Redefine, Remove}
    figures(worlds=WORLDS)


def test_who_holds_it_otherwise_neither_gains_nor_loses(world):
    member = Role.objects.get(key="member")
    assert what_if(Give(world.alice, member, world.web)).is_nothing
    again = give(world.alice, "member", world.retail)
    effect = what_if(End(Assignment.objects.get(user=world.alice, scope=world.web)))
    assert effect.is_nothing
    lost = what_if(End(again)).losses[world.alice.pk]
    assert {(shift.path, shift.but) for shift in lost} == {(world.retail.scope_path, frozenset({world.web.scope_path}))}


def test_what_begins_later_is_told_of_that_day(world):
    begins = clock.now() + timedelta(days=5)
    change = Give(world.bob, Role.objects.get(key="member"), world.web, starts=begins)
    effect = what_if(change)
    assert effect.at == begins
    assert "place_order" in {name for shift in effect.gains[world.bob.pk] for name in shift.permissions}
    assert what_if(change, at=clock.now()).is_nothing


def test_a_later_beginning_takes_what_is_held_until_then(world):
    change = Give(world.alice, Role.objects.get(key="member"), world.web, starts=clock.now() + timedelta(days=5))
    effect = what_if(change, at=clock.now())
    assert effect.replaces == Assignment.objects.get(user=world.alice)
    assert effect.losses.keys() == {world.alice.pk}


def test_a_thousand_people_are_counted_in_as_many_statements_as_one_and_fifty_are_named(world, django_assert_max_num_queries):
    crowd = [User(username=f"c{number:04}", name=f"C {number:04}") for number in range(1000)]
    User.objects.bulk_create(crowd)
    group = Group.objects.create(scope=world.nordwind, name="All")
    Group.members.through.objects.bulk_create([Group.members.through(group=group, user=user) for user in crowd])
    role = Role.objects.create(scope=world.nordwind, key="own", name="Own", permissions=["view_scope"])
    Assignment.objects.create(group=group, role=role, scope=world.retail)
    for change in (
        Give(group, Role.objects.get(key="viewer"), world.web),
        Redefine(role, frozenset({"view_scope", "vote"})),
        Remove(role),
    ):
        with django_assert_max_num_queries(7):
            effect = what_if(change)
        assert len(effect.gains.keys() | effect.losses.keys()) == 1000
        assert (len(effect.turns), effect.unnamed) == (50, 950)
        assert effect.turns[0].person.name == "C 0000"


def test_looking_changes_nothing(world):
    rows = list(Assignment.objects.order_by("pk").values())
    what_if(Remove(Role.objects.get(key="member")))
    what_if(Give(world.bob, Role.objects.get(key="member"), Scope.objects.get(pk=world.web.pk)))
    assert list(Assignment.objects.order_by("pk").values()) == rows
    assert Source.MANUAL in {row["source"] for row in rows}
