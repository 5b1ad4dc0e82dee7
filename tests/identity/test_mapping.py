"""Rules from claims to roles: made, previewed, applied, removed; and what they never touch."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.guard import holds
from portal.access.models import Assignment, Role, Source
from portal.core.errors import Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.identity import mapping
from portal.identity.claims import Said
from portal.users.actor import Actor, Auth
from portal.users.models import Identity, User
from tests.cast import give, person

ADMINS = {"groups": ["/cloud/admins"]}


def role(key):
    return Role.objects.get(key=key, scope=None)


def known(user, claims=ADMINS, provider=""):
    return Identity.objects.create(
        user=user,
        issuer="https://id.example/realms/concord",
        subject=f"sub-{user}-{provider}",
        claims=claims,
        provider=provider,
    )


def mapped(user):
    return {(str(row.role.key), row.scope.name) for row in Assignment.objects.filter(user=user, source=Source.RULE)}


@pytest.fixture
def zoe(world):
    zoe = person("zoe")
    known(zoe)
    return zoe


def add(world, key="viewer", at="retail", actor="erin", **given):
    return mapping.add_rule(world.scopes[at], role(key), actor=world.actor(actor), **{"value": "/cloud/admins", **given})


def test_a_rule_gives_at_once_and_takes_back_at_once(world, zoe):
    rule = add(world)
    assert mapped(zoe) == {("viewer", "Retail")}
    assert holds(Actor(zoe, Auth("oidc")), "view_scope", world.web)
    event = Event.objects.get(action="tenancy.assign_role")
    assert (event.cause, event.detail["to"]) == (f"mappingrule:{rule.pk}", str(zoe.pk))
    mapping.remove_rule(rule, actor=world.actor("erin"))
    assert mapped(zoe) == set()
    assert not holds(Actor(zoe, Auth("oidc")), "view_scope", world.web)
    assert Event.objects.filter(action="tenancy.end_assignment").exists()


def test_a_group_gained_or_lost_is_a_role_gained_or_lost(world, zoe):
    add(world)
    add(world, "member", "web", value="/builders")
    identity = zoe.identities.get()
    identity.claims = {"groups": ["/builders"]}
    identity.save()
    assert mapping.apply([identity], actor=Actor.system()) == (1, 1)
    assert mapped(zoe) == {("member", "web")}
    assert mapping.apply([identity], actor=Actor.system()) == (0, 0)


def test_what_was_given_by_hand_stays(world, zoe):
    give(zoe, "viewer", world.retail)
    rule = add(world)
    assert Assignment.objects.filter(user=zoe).count() == 2
    mapping.remove_rule(rule, actor=world.actor("erin"))
    assert Assignment.objects.get(user=zoe).source == Source.MANUAL


def test_a_role_that_two_rules_give_stays_while_one_stands(world, zoe):
    first, second = add(world), add(world, value="/cloud", compare="starts")
    mapping.remove_rule(first, actor=world.actor("erin"))
    assert mapped(zoe) == {("viewer", "Retail")}
    mapping.remove_rule(second, actor=world.actor("erin"))
    assert mapped(zoe) == set()


def test_two_providers_of_one_person_are_each_believed_for_themselves(world, zoe):
    add(world, provider="corp")
    assert mapped(zoe) == set()
    identity = known(zoe, provider="corp")
    mapping.apply(zoe.identities.all(), actor=Actor.system())
    assert mapped(zoe) == set(), "groups of the identity service itself are not the provider's word"
    identity.claims = {"upstream_provider": "corp", "upstream_groups": ["/cloud/admins"]}
    identity.save()
    mapping.apply(zoe.identities.all(), actor=Actor.system())
    assert mapped(zoe) == {("viewer", "Retail")}


def test_who_may_not_sign_in_gains_nothing_and_loses_what_rules_gave(world, zoe):
    add(world)
    User.objects.filter(pk=zoe.pk).update(is_active=False)
    assert mapping.apply(zoe.identities.all(), actor=Actor.system()) == (0, 1)


def test_nobody_gains_by_her_own_rule(world):
    known(world.erin)
    add(world, "member", "web")
    assert mapped(world.erin) == set()


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_only_who_gives_roles_makes_rules(world, name):
    with pytest.raises(Forbidden):
        add(world, at="web" if name == "alice" else "retail", actor=name)


def test_a_tenant_admin_makes_no_rule_that_governs_more_than_she_does(world):
    give(world.alice, "tenant_admin", world.retail)
    with pytest.raises(Forbidden):
        add(world, "organization_admin", actor="alice")


def test_another_organizations_rules_are_not_there(world):
    rule = add(world)
    with pytest.raises(NotFound):
        mapping.rule_for(world.actor("mallory"), rule.pk)
    with pytest.raises(NotFound):
        add(world, actor="mallory")
    assert not mapping.rules_visible_to(world.actor("mallory"))


@pytest.mark.parametrize(
    "given",
    [{"value": " "}, {"value": "x" * 301}, {"value": "a\x00"}, {"claim": ""}, {"claim": "c" * 101}, {"compare": "like"}],
)
def test_a_rule_that_says_nothing_is_refused(world, given):
    with pytest.raises(Invalid):
        add(world, **given)


def test_the_same_rule_twice_is_refused_and_nothing_is_given_twice(world, zoe):
    add(world)
    with pytest.raises(Invalid):
        add(world)
    assert len(mapped(zoe)) == 1


def test_a_preview_says_what_would_come_and_go_and_writes_nothing(world, zoe):
    add(world)
    add(world, "member", "web", value="/builders")
    said = [Said(zoe.pk, "", {"groups": ["/builders"]})]
    effects = mapping.preview(said, actor=world.actor("erin"), user=zoe)
    assert sorted((effect.outcome, len(effect.rules)) for effect in effects) == [("gains", 1), ("loses", 0)]
    assert mapped(zoe) == {("viewer", "Retail")}
    kept = mapping.preview(mapping.said_of(zoe), actor=world.actor("erin"), user=zoe)
    assert [effect.outcome for effect in kept] == ["keeps"]


def test_a_preview_of_pasted_claims_is_of_nobody(world):
    add(world)
    effects = mapping.preview([Said(None, "", ADMINS)], actor=world.actor("erin"))
    assert [effect.outcome for effect in effects] == ["gains"]
    assert mapping.preview([Said(None, "", ADMINS)], actor=world.actor("mallory")) == []


def test_statements_grow_with_thousands_of_people_not_with_people(world):
    people = User.objects.bulk_create(User(username=f"p{n}", name=f"P {n}") for n in range(300))
    Identity.objects.bulk_create(Identity(user=each, issuer="i", subject=each.username, claims=ADMINS) for each in people)

    def statements(names):
        with CaptureQueriesContext(connection) as queries:
            mapping.apply(Identity.objects.filter(user__username__in=names), actor=system)
        return len(queries)

    system = Actor.system()
    add(world)
    Assignment.objects.filter(source=Source.RULE).delete()
    few = statements(["p1"])
    assert statements([f"p{n}" for n in range(2, 300)]) == few
    assert Assignment.objects.filter(source=Source.RULE).count() == 299
