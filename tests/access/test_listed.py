"""A thing is listed exactly when the check passes: for every model that `visible_to` lists, in random worlds."""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.access import resolver
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS
from portal.core import clock
from portal.provisioning.models import Resource, ResourceShare
from portal.users.actor import Actor, Auth
from tests.access import fabric, worlds
from tests.cast import person
from tests.sizes import size


@pytest.fixture
def things(db):
    """Three rows of every model, each in another scope, and the tree."""
    people = [person(f"p{number}") for number in range(3)]
    scopes = worlds.tree(random.Random(3))
    found = {Scope: scopes}
    for model in fabric.governed():
        found[model] = [fabric.make(model, scope, people[0]) for scope in (scopes[0], scopes[-1], scopes[-2])]
    return people, scopes, found


def test_every_model_that_is_listed_has_things_here(things):
    _people, _scopes, found = things
    assert {"Scope", "Offering", "Order", "Resource", "Connection", "Approval"} <= {model.__name__ for model in found}
    for model, rows in found.items():
        assert model.view_permission in PERMISSIONS, model
        assert all(resolver.scope_id_of(row) for row in rows), model


@settings(max_examples=size(40, 400), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), extra=st.sampled_from(sorted(PERMISSIONS)))
def test_a_thing_is_listed_exactly_when_the_check_passes(things, seed, extra):
    people, scopes, found = things
    dice = random.Random(seed)
    with transaction.atomic():
        worlds.people_in(dice, people, scopes, found[Resource])
        actor = worlds.actor(dice, dice.choice(people), scopes, people[0])
        for model, rows in found.items():
            for permission in {model.view_permission, extra}:
                listed = set(model.objects.visible_to(actor, permission).values_list("pk", flat=True))
                allowed = {row.pk for row in rows if resolver.holds(actor, permission, row)}
                assert listed & {row.pk for row in rows} == allowed, (model, permission)
        transaction.set_rollback(True)


def test_a_thing_shared_by_itself_is_listed_until_the_share_ends(things):
    """Random worlds meet this by chance; here it is for sure."""
    people, _scopes, found = things
    shared, other, _third = found[Resource]
    permission = Permission.objects.get(content_type__model="resource", codename="operate_resource")
    ends = clock.now() + timedelta(hours=1)
    ResourceShare.objects.create(user=people[1], permission=permission, content_object=shared, expires=ends)
    assert list(Resource.objects.visible_to(Actor(people[1], Auth("test")), "operate_resource")) == [shared]
    assert resolver.holds(Actor(people[1], Auth("test")), "operate_resource", shared)
    assert not resolver.holds(Actor(people[1], Auth("test")), "operate_resource", other)
    with clock.travel(ends):
        assert not Resource.objects.visible_to(Actor(people[1], Auth("test")), "operate_resource").exists()
        assert not resolver.holds(Actor(people[1], Auth("test")), "operate_resource", shared)
