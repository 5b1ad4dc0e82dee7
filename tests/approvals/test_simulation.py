"""The simulator says what the engine would do, and why each rule has its say or not."""

from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.approvals import services
from portal.approvals.models import Approval, Policy
from portal.approvals.policies.publishing import content_of
from portal.approvals.policies.simulating import MOST, Draft, replay, simulate_facts, simulate_past
from portal.approvals.policies.simulation import DRAFT, is_otherwise, simulate, with_draft
from portal.approvals.previews import preview
from portal.approvals.queries import approval_of
from portal.approvals.routes import Allowed, Condition, Route, Rule, StagePlan, Who, route_for
from portal.events.models import Event
from tests.approvals.wish import PATH, Wish, WishKind

APPROVER = {"who": {"pick": "role", "role": "approver"}}
ADMINS = {"who": {"pick": "admins", "at": "organization"}, "due_hours": 24, "on_timeout": "escalate"}
BIG = [{"field": "cost_per_month", "operator": "ge", "value": "100"}]


def test_it_answers_as_the_engine_does():
    """Over small worlds of rules and facts: the same route, and a rule matches exactly when nothing is against it."""
    stages = (StagePlan(Who("role", "approver")),)
    tests = [(), (Condition("cost", "ge", "100"),), (Condition("place", "eq", "here"), Condition("cost", "lt", "5"))]
    rules = [Rule(str(n), f"R{n}", 1, n % 3, test, who) for n, (test, who) in enumerate(product(tests, [(), stages]))]
    for facts in ({}, {"cost": 100}, {"cost": "1", "place": "here"}, {"cost": "x", "place": "there"}):
        for chosen in product([False, True], repeat=len(rules)):
            some = [rule for rule, taken in zip(rules, chosen, strict=True) if taken]
            shown = simulate(facts, some)
            assert shown.answer == route_for(facts, some)
            assert {each.rule.id for each in shown.tried} == {rule.id for rule in some}
            assert all(each.matches == (not each.against) for each in shown.tried)


def test_a_draft_stands_in_for_the_version_it_replaces():
    old, other, draft = (Rule(name, name, 1, 0) for name in ("old", "other", DRAFT))
    assert with_draft([old, other], draft, instead_of="old") == [other, draft]
    assert with_draft([old, other], None) == [old, other]


def test_the_numbers_of_stages_make_no_difference():
    one, two = StagePlan(Who("admins")), StagePlan(Who("owner"), position=1)
    later = Route((StagePlan(Who("admins"), position=3), StagePlan(Who("owner"), position=7)))
    assert not is_otherwise(Route((one, two)), later)
    assert is_otherwise(Route((one, two)), Route((one, StagePlan(Who("owner")))))
    assert is_otherwise(Route((one,)), Allowed(()))


@pytest.fixture
def wishes(world, settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    for number, cost in enumerate(("20", "120.00", "500")):
        wish = Wish(f"w{number}", world.web, {"cost_per_month": cost})
        WishKind.wishes[wish.pk] = wish
        services.ask("wish", wish, actor=world.actor("alice"), scope=world.web, title=f"Wish {number}")
    return world


def draft(world, *, conditions=BIG, stages=(ADMINS,), scope=None, replaces=None):
    return Draft(scope or world.nordwind, content_of("Big", "wish", conditions, list(stages)), replaces)


def test_a_past_act_is_tried_with_the_draft_and_nothing_is_written(wishes):
    world = wishes
    before = Event.objects.count(), Approval.objects.count(), Policy.objects.count()
    shown = simulate_past(approval_of("wish", "w1"), draft(world))
    assert shown.is_otherwise
    [tried] = shown.then.tried
    assert (tried.is_draft, tried.matches, [check.answer for check in tried.checks]) == (True, True, [True])
    assert [seat.people for seat in shown.seats] == [[world.erin]]
    assert [seat.people for seat in shown.seats_today] == [[world.bob]]
    assert shown.today.by_house_rule
    small = simulate_past(approval_of("wish", "w0"), draft(world))
    assert (small.is_otherwise, small.then.tried[0].against[0].fact) == (False, "20")
    assert (Event.objects.count(), Approval.objects.count(), Policy.objects.count()) == before


def test_it_agrees_with_what_would_be_asked(wishes):
    world = wishes
    shown = simulate_facts("wish", world.web, {"cost_per_month": "120"}, draft(world), actor=world.actor("alice"))
    rule = {"subject_kind": "wish", "conditions": BIG, "stages": [ADMINS]}
    services.publish_policy(world.nordwind, "Big", actor=world.actor("erin"), **rule)
    asked = preview("wish", {"cost_per_month": "120"}, world.web, actor=world.actor("alice"))
    assert [stage.people for stage in asked.stages] == [seat.people for seat in shown.seats]


def test_where_nobody_there_could_the_admins_above_are_shown(wishes):
    world = wishes
    world.bob.assignments.all().delete()
    shown = simulate_facts("wish", world.web, {}, None, actor=world.actor("alice"))
    assert [(seat.people, seat.is_raised) for seat in shown.seats] == [([world.erin], True)]
    world.erin.assignments.all().delete()
    shown = simulate_facts("wish", world.web, {}, None, actor=world.actor("alice"))
    assert [(seat.people, seat.is_raised) for seat in shown.seats] == [([], False)]


def test_a_draft_for_elsewhere_has_no_say(wishes):
    world = wishes
    shown = simulate_past(approval_of("wish", "w2"), draft(world, scope=world.logistics))
    assert (shown.is_otherwise, shown.then.tried) == (False, ())


def test_the_last_thirty_days_say_what_would_be_decided_otherwise(wishes):
    world = wishes
    found = replay(draft(world), actor=world.actor("erin"))
    assert (found.looked, found.is_all) == (3, True)
    assert sorted(each.approval.subject_id for each in found.moved) == ["w1", "w2"]
    assert replay(draft(world), actor=world.actor("mallory")).looked == 0
    assert replay(draft(world, scope=world.logistics), actor=world.actor("erin")).looked == 0


def test_a_replay_is_bounded_and_takes_few_queries(wishes, world):
    [model] = Approval.objects.filter(subject_id="w2")
    copies = [
        Approval(**{**each, "id": None, "key": f"k{n}", "subject_id": f"c{n}"})
        for n, each in enumerate([fields_of(model)] * (MOST + 5))
    ]
    for copy in copies:
        copy.pk = Approval().pk
    Approval.objects.bulk_create(copies)
    actor = world.actor("erin")
    with CaptureQueriesContext(connection) as queries:
        found = replay(draft(world), actor=actor)
    assert (found.looked, found.is_all) == (MOST, False)
    assert len(found.moved) >= MOST - 3
    assert len(queries) <= 6


def fields_of(model):
    return {field.attname: getattr(model, field.attname) for field in Approval._meta.concrete_fields}
