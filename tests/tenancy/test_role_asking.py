"""Giving a role where a policy asks: it waits, who asked and who gets it do not decide, and no other way gives it."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment, Group, Role
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, PortalError, Refused
from portal.events.models import Event
from portal.tenancy import services
from portal.tenancy.models import RoleAsk
from portal.tenancy.role_asking import give_role
from tests.cast import give

WEEK = timedelta(days=7)


def role(key):
    return Role.objects.get(key=key, scope=None)


def grant(world, who="dave", key="tenant_admin", at="retail", **more):
    return give_role(world.people[who], role(key), world.scopes[at], actor=world.actor("erin"), **more)


@pytest.fixture
def governed(world):
    """Bob decides on powerful roles."""
    rule = [{"field": "is_powerful", "operator": "eq", "value": True}]
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    given = {"subject_kind": "role", "conditions": rule, "stages": stages}
    approvals.publish_policy(world.nordwind, "Powerful roles", actor=world.actor("erin"), **given)
    return world


def decide(world, choice="approve", *, by="bob"):
    approval = Approval.objects.get(state="waiting")
    shown = card(approval, actor=world.actor(by))
    return approvals.vote(approval, choice, shown.hash, actor=world.actor(by), note="no")


def test_without_a_policy_it_is_given_at_once_and_nothing_is_asked(world):
    assert isinstance(grant(world), Assignment)
    assert not Approval.objects.exists()


def test_a_powerful_role_waits_and_is_given_in_the_name_of_who_asked(governed):
    ask = grant(governed, expires=clock.now() + WEEK)
    assert isinstance(ask, RoleAsk)
    assert not governed.dave.assignments.filter(scope=governed.retail).exists()
    approval = decide(governed)
    given = governed.dave.assignments.get(scope=governed.retail)
    assert (given.granted_by, given.source, given.approval) == (governed.erin, "manual", str(approval.pk))
    assert (given.expires, approval.risk) == (ask.expires, "high")
    assert Event.objects.get(action="tenancy.assign_role").cause == f"approval:{approval.pk}"


def test_what_no_policy_speaks_of_is_given_at_once(governed):
    assert isinstance(grant(governed, key="viewer"), Assignment)


def test_who_gives_and_who_gets_it_do_not_decide(governed):
    give(governed.carol, "approver", governed.retail)
    grant(governed, who="bob", key="finance")
    with pytest.raises(PortalError):
        decide(governed, by="bob")
    with pytest.raises(Forbidden):
        decide(governed, by="erin")


def test_denied_or_withdrawn_nothing_is_given(governed):
    grant(governed)
    decide(governed, "deny")
    grant(governed)
    approvals.withdraw(Approval.objects.get(state="waiting"), actor=governed.actor("erin"))
    assert list(RoleAsk.objects.order_by("created_at").values_list("state", flat=True)) == ["denied", "withdrawn"]
    assert not governed.dave.assignments.filter(scope=governed.retail).exists()


def test_given_twice_it_waits_once_and_for_another_time_it_is_a_conflict(governed):
    assert grant(governed).pk == grant(governed).pk
    with pytest.raises(Conflict):
        grant(governed, expires=clock.now() + WEEK)


def test_no_other_way_gives_it_meanwhile(governed):
    wanted = {"actor": governed.actor("erin")}
    with pytest.raises(Refused):
        services.assign_role(governed.dave, role("tenant_admin"), governed.retail, **wanted)
    with pytest.raises(Refused):
        services.assign_roles([services.Grant(governed.dave, role("tenant_admin"), governed.retail)], **wanted)


def test_it_still_had_to_be_hers_to_give(governed):
    grant(governed)
    Assignment.objects.filter(user=governed.erin).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(PortalError):
        decide(governed)
    assert not governed.dave.assignments.filter(scope=governed.retail).exists()


def test_a_group_waits_as_well(governed):
    group = Group.objects.create(scope=governed.retail, name="Leads")
    give_role(group, role("tenant_admin"), governed.retail, actor=governed.actor("erin"))
    decide(governed)
    assert Assignment.objects.get(group=group).role.key == "tenant_admin"


def test_a_role_that_had_ended_begins_anew_by_the_decision(governed):
    before = clock.now() - WEEK
    old = give(governed.dave, "tenant_admin", governed.retail, expires=before)
    Assignment.objects.filter(pk=old.pk).update(granted_at=before - WEEK)
    grant(governed)
    decide(governed)
    given = governed.dave.assignments.get(scope=governed.retail, role__key="tenant_admin")
    assert given.pk == old.pk
    assert given.granted_at > before


def test_where_no_policy_asks_any_more_by_then_it_is_given(governed, monkeypatch):
    monkeypatch.setattr("portal.tenancy.role_asking.waits_for_decision", lambda *_about: True)
    approvals.retire_policy(governed.nordwind.policies.get(name="Powerful roles"), actor=governed.actor("erin"))
    assert isinstance(grant(governed), Assignment)
    assert Approval.objects.get().state == "allowed"
    assert RoleAsk.objects.get().state == "done"
