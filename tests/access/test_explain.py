"""Why somebody can or cannot: the verdict is `require`'s, and what is named as the reason is the reason."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from portal.access import resolver
from portal.access.explain import Barrier, Cure, Lack, Verdict, Way, explain
from portal.access.models import Assignment, Group, Role
from portal.access.permissions import PERMISSIONS
from portal.catalogue.models import Offering
from portal.core import clock
from portal.core.errors import Forbidden, NotFound
from portal.provisioning.models import Resource
from portal.users.actor import Actor, Auth, Narrowing
from tests.access import fabric, worlds
from tests.cast import give, person
from tests.sizes import IS_FULL, size

WORLDS = size(120, 500)
QUESTIONS = 2


def asked(actor, permission, thing):
    """What `require` does, for an actor who remembers nothing."""
    try:
        resolver.require(replace(actor, memory={}), permission, thing)
    except Forbidden:
        return Verdict.REFUSED
    except NotFound:
        return Verdict.UNSEEN
    return Verdict.ALLOWED


def lifted(actor, barriers):
    """The actor without what bars her."""
    limit, watched = actor.narrowed_to, actor.viewed_as_by
    if limit and Barrier.NARROWED in barriers:
        limit = replace(limit, permissions=None)
    if limit and Barrier.BOUND in barriers:
        limit = replace(limit, scope_path=None)
    return replace(actor, narrowed_to=limit, viewed_as_by=None if Barrier.VIEWED_AS in barriers else watched, memory={})


def apply(cure, grant, said):
    """Do what the explanation says would cure it."""
    row, later = grant.row, clock.now() + timedelta(days=1)
    if cure == Cure.RENEW:
        type(row).objects.filter(pk=row.pk).update(expires=later)
    elif cure == Cure.BEGIN:
        Assignment.objects.filter(pk=row.pk).update(starts=None)
    elif cure == Cure.EXTEND_ROLE:
        Role.objects.filter(pk=grant.role.pk).update(permissions=[*grant.role.permissions, said.permission])
    elif cure == Cure.ASSIGN:
        Assignment.objects.create(user=said.actor.user, role=grant.role, scope=said.scope, source="approval")


def remove(grants):
    for grant in grants:
        type(grant.row).objects.filter(pk=grant.row.pk).delete()


def flips(said, change, barriers, wanted):
    """Whether the verdict is otherwise with the change, which is then undone."""
    with transaction.atomic():
        change()
        found = asked(lifted(said.actor, barriers), said.permission, said.thing)
        transaction.set_rollback(True)
    return (found == Verdict.ALLOWED) == wanted


def check(said, tally):
    """One explanation against the world it is of."""
    assert said.verdict == asked(said.actor, said.permission, said.thing)
    if said.verdict == Verdict.ALLOWED:
        assert said.reasons
        assert flips(said, lambda: remove(said.reasons), (), wanted=False)
        if len(said.reasons) > 1:  # each of them alone is enough
            rest = said.reasons[1:]
            assert flips(said, lambda: remove(rest), (), wanted=True)
        tally["yes"] = tally.get("yes", 0) + 1
        return
    assert not said.reasons
    for miss in said.misses:
        if miss.cure:
            assert flips(said, lambda miss=miss: apply(miss.cure, miss.grant, said), miss.barriers, wanted=True), miss
            tally[miss.cure] = tally.get(miss.cure, 0) + 1
        for barrier in miss.barriers if miss.cure else ():  # and each barrier stands in the way by itself
            others = set(miss.barriers) - {barrier}
            if any(each.lack == Lack.BARRED and set(each.barriers) <= others for each in said.misses):
                continue  # another grant of hers comes through once the others are gone
            assert flips(said, lambda miss=miss: apply(miss.cure, miss.grant, said), others, wanted=False), (miss, barrier)
            tally[barrier] = tally.get(barrier, 0) + 1
    for role in said.roles[:1]:
        given = {"user": said.actor.user, "role": role, "scope": said.scope, "source": "approval"}
        assert flips(said, lambda given=given: Assignment.objects.create(**given), said.barriers, wanted=True)
        tally["role"] = tally.get("role", 0) + 1


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.django_db
def test_in_random_worlds_the_verdict_is_the_checks_and_the_reason_flips_it(figures):
    people = [person(f"p{number}") for number in range(4)]
    home = worlds.tree(random.Random(0))[0]
    resources = [fabric.make(Resource, home, people[0]) for _ in range(2)]
    tally = {}
    for seed in range(WORLDS):
        dice = random.Random(seed)
        with transaction.atomic():
            drawn = worlds.draw(dice, people, resources)
            group = drawn.groups[0]
            offering = Offering.objects.create(scope=dice.choice(drawn.scopes), name="Server", slug="server")
            things = [*drawn.scopes[:3], *resources, offering, offering, group]
            for _ in range(QUESTIONS):
                actor = worlds.actor(dice, dice.choice(people), drawn.scopes, people[0])
                check(explain(actor, dice.choice(worlds.COMMON), dice.choice(things)), tally)
            transaction.set_rollback(True)
    every = {"yes", "role", *Cure, *Barrier} if IS_FULL else {"yes", "role", Cure.ASSIGN}
    assert set(tally) >= every, tally
    assert tally["yes"] > WORLDS // 20, tally
    figures(worlds=WORLDS, questions=WORLDS * QUESTIONS, flipped=sum(tally.values()))


def test_a_yes_names_role_group_place_and_end(world):
    group = Group.objects.create(scope=world.nordwind, name="Night shift")
    group.members.add(world.alice)
    ends = clock.now() + timedelta(days=3)
    Assignment.objects.create(group=group, role=Role.objects.get(key="member"), scope=world.retail, expires=ends)
    said = explain(world.actor("alice"), "place_order", world.web)
    assert {(grant.way, grant.place, grant.expires) for grant in said.reasons} == {
        (Way.ROLE, world.web, None),
        (Way.GROUP, world.retail, ends),
    }
    assert said.can
    assert said.until is None


def test_a_yes_that_ends_says_when(world):
    ends = clock.now() + timedelta(days=3)
    give(world.bob, "member", world.web, expires=ends)
    assert explain(world.actor("bob"), "place_order", world.web).until == ends


def test_a_no_names_what_ended_who_could_renew_it_and_the_roles_that_would_do(world):
    give(world.bob, "member", world.web, expires=clock.now() - timedelta(days=3))
    said = explain(world.actor("bob"), "place_order", world.web)
    assert said.verdict == Verdict.REFUSED
    assert [miss.lack for miss in said.misses] == [Lack.ENDED, Lack.WITHOUT]
    assert [role.key for role in said.roles] == ["member", "tenant_admin"]
    assert list(said.managers) == [world.erin]


def test_a_role_elsewhere_is_named_and_one_that_is_not_known_here_has_no_cure(world):
    own = Role.objects.create(scope=world.logistics, key="own", name="Own", permissions=["place_order"])
    Assignment.objects.create(user=world.alice, role=own, scope=world.fleet)
    said = explain(world.actor("alice"), "place_order", world.retail)
    cures = {miss.grant.place: miss.cure for miss in said.misses}
    assert cures == {world.web: Cure.ASSIGN, world.fleet: None}
    assert {miss.lack for miss in said.misses} == {Lack.ELSEWHERE}


def test_who_has_nothing_at_all_is_told_of_roles_alone(world):
    said = explain(world.actor("mallory"), "vote", world.fleet)
    assert said.verdict == Verdict.UNSEEN
    assert [(miss.lack, miss.grant.place) for miss in said.misses] == [(Lack.ELSEWHERE, world.other)]
    assert explain(Actor(person("new"), Auth("test")), "vote", world.fleet).misses == ()


def test_who_is_disabled_can_do_nothing_whatever_she_holds(world):
    world.alice.is_active = False
    world.alice.save()
    said = explain(world.actor("alice"), "place_order", world.web)
    assert said.verdict == Verdict.ALLOWED
    assert said.is_shut_out
    assert not said.can


def test_a_token_that_is_narrowed_is_what_bars(world):
    alice = replace(world.actor("alice"), narrowed_to=Narrowing(frozenset({"view_scope"})))
    said = explain(alice, "place_order", world.web)
    assert [(miss.lack, miss.cure, miss.barriers) for miss in said.misses] == [
        (Lack.BARRED, Cure.LIFT, (Barrier.NARROWED,)),
    ]


def test_the_system_may_whatever_it_asks(world):
    assert explain(Actor.system(), "vote", world.web).can


def test_an_explanation_takes_as_many_statements_whatever_she_holds(world, django_assert_max_num_queries):
    scopes = [world.nordwind, world.retail, world.logistics, world.web, world.fleet]
    for role in Role.objects.filter(scope=None):
        for scope in scopes:
            Assignment.objects.get_or_create(user=world.alice, role=role, scope=scope, source="rule")
    with django_assert_max_num_queries(8):
        explain(world.actor("alice"), "vote", world.web)
    with django_assert_max_num_queries(8):
        explain(world.actor("alice"), "manage_members", world.other)


def test_every_permission_has_a_role_that_carries_it(world):
    for permission in PERMISSIONS:
        assert explain(world.actor("mallory"), permission, world.web).roles, permission
