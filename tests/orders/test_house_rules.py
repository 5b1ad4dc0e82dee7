"""Data class and environment force regions and encryption: refused with the rule named, by form, dry run, API and late."""

from decimal import Decimal

import pytest

from portal.access.models import Scope
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.orders.drafts import ItemDraft
from portal.orders.dry_runs import dry_run
from portal.orders.models import Order
from portal.pricing.models import PriceBook
from portal.pricing.services import set_price
from portal.provisioning.models import Resource
from portal.tenancy.house_rules import is_in, rules_at, rules_for, words_of
from portal.tenancy.models import HouseRule
from portal.tenancy.rules import classify_scope, remove_rule, set_rule
from tests.market import PRICES, client_of, sealed_plan

ONLY_CENTRAL = "Nordwind keeps restricted data in eu-central-1 only."
ENCRYPTED = "Nordwind keeps restricted data encrypted."


@pytest.fixture
def erin(world):
    return world.actor("erin")


def restrict(world, **said):
    """The project's data is restricted, and the organization has a rule for that."""
    classify_scope(world.web, environment="", data_class="restricted", actor=world.actor("erin"))
    given = {"regions": ["eu-central-1"], "encrypted": False, **said}
    return set_rule(world.nordwind, data_class="restricted", actor=world.actor("erin"), **given)


def test_an_order_outside_the_regions_is_refused_with_the_rule_named(market, world):
    restrict(world)
    with pytest.raises(Invalid) as refused:
        market.place()
    assert refused.value.extra["fields"] == {"region": [ONLY_CENTRAL]}
    assert not Order.objects.exists()


def test_a_pattern_names_many_regions(market, world):
    restrict(world, regions=["eu-*"])
    assert market.place().state == "waiting"
    assert is_in("eu-west-1", ["eu-*"])
    assert not is_in("us-east-1", ["eu-*", "ap-south-1"])


def test_a_rule_binds_the_projects_of_its_class_only(market, world, erin):
    set_rule(world.nordwind, data_class="restricted", environment="produce", regions=["home"], encrypted=False, actor=erin)
    classify_scope(world.web, environment="develop", data_class="restricted", actor=erin)
    assert rules_for(world.web) == []
    classify_scope(world.retail, environment="produce", data_class="", actor=erin)
    assert rules_for(world.web) == [], "its own word goes before that of the tenant"
    classify_scope(world.web, environment="", data_class="restricted", actor=erin)
    assert [words_of(rule) for rule in rules_for(world.web)] == [
        "Nordwind keeps restricted data of what is in production in home only."
    ]
    assert rules_for(world.fleet) == []


def test_every_rule_that_binds_has_to_be_kept(market, world, erin):
    restrict(world, regions=["eu-*"])
    set_rule(world.retail, data_class="restricted", regions=["eu-central-1"], encrypted=False, actor=erin)
    with pytest.raises(Invalid) as refused:
        market.place()
    assert refused.value.extra["fields"]["region"] == ["Retail keeps restricted data in eu-central-1 only."]


def test_a_dry_run_says_the_same(market, world):
    restrict(world)
    found = dry_run(world.web, [market.draft()], actor=world.actor("alice"))
    assert not found.is_orderable
    assert found.items[0].refusal.extra["fields"] == {"region": [ONLY_CENTRAL]}


def test_encryption_is_asked_for_where_the_service_has_it(market, world):
    restrict(world, regions=[], encrypted=True)
    plan = sealed_plan(market)
    with pytest.raises(Invalid) as refused:
        market.place(ItemDraft(plan_id=plan.pk, connection_id=market.aws.pk, answers=market.draft().answers))
    assert refused.value.extra["fields"] == {"encrypted": [ENCRYPTED]}
    with pytest.raises(Invalid) as refused:
        market.place(market.draft())
    assert list(refused.value.extra["fields"]) == [""]
    assert "no setting" in str(refused.value.extra["fields"][""])


def test_an_encrypted_server_has_an_encrypted_disk(market, world):
    restrict(world, regions=[], encrypted=True)
    plan = sealed_plan(market)
    book = PriceBook.objects.get()
    for component in plan.version.components.all():
        set_price(
            book, component, Decimal(PRICES[component.key]), starts=clock.hour_of(clock.now()), actor=world.actor("erin")
        )
    answers = {**market.draft().answers, "encrypted": True}
    order = market.place(ItemDraft(plan_id=plan.pk, connection_id=market.aws.pk, answers=answers))
    market.approve(order)
    market.work()
    resource = Resource.objects.get()
    volumes = client_of(market.aws).describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [resource.external_id]}]
    )
    assert [volume["Encrypted"] for volume in volumes["Volumes"]] == [True]


def test_a_rule_that_comes_while_it_waits_is_kept_too(market, world):
    order = market.place()
    restrict(world)
    with pytest.raises(Refused) as refused:
        market.approve(order)
    assert ONLY_CENTRAL in str(refused.value)
    assert Resource.objects.count() == 0


def test_who_may_say_it(world, erin):
    for name in ("alice", "bob", "dave"):
        with pytest.raises(Forbidden):
            classify_scope(world.web, environment="try", data_class="", actor=world.actor(name))
        with pytest.raises(Forbidden):
            set_rule(world.web, data_class="public", regions=["home"], encrypted=False, actor=world.actor(name))
    with pytest.raises(NotFound):
        set_rule(world.web, data_class="public", regions=["home"], encrypted=False, actor=world.actor("mallory"))
    rule = set_rule(world.web, data_class="public", regions=["home"], encrypted=False, actor=erin)
    with pytest.raises(Forbidden):
        remove_rule(rule, actor=world.actor("alice"))
    remove_rule(rule, actor=erin)
    assert rules_at(world.web) == []


def test_said_again_it_is_said_otherwise_and_every_change_has_its_event(world, erin):
    first = set_rule(world.web, data_class="public", regions=["b", "a", "a "], encrypted=False, actor=erin)
    assert first.regions == ["a", "b"]
    set_rule(world.web, data_class="public", regions=["a", "b"], encrypted=False, actor=erin)
    second = set_rule(world.web, data_class="public", regions=[], encrypted=True, actor=erin)
    assert (second.pk, HouseRule.objects.count(), Event.objects.filter(action="tenancy.set_rule").count()) == (first.pk, 1, 2)
    classify_scope(world.web, environment="try", data_class="", actor=erin)
    classify_scope(world.web, environment="try", data_class="", actor=erin)
    assert Event.objects.filter(action="tenancy.classify_scope").count() == 1


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"data_class": "", "regions": ["a"]}, "data_class"),
        ({"data_class": "secret", "regions": ["a"]}, "data_class"),
        ({"regions": []}, "regions"),
        ({"regions": ["a b"]}, "regions"),
        ({"regions": ["*"]}, "regions"),
        ({"regions": ["a\x00"]}, "regions"),
        ({"regions": ["x" * 65]}, "regions"),
        ({"regions": [f"r{number}" for number in range(51)]}, "regions"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(world, erin, said, field):
    with pytest.raises(Invalid) as refused:
        set_rule(world.web, **{"data_class": "public", "encrypted": False, **said}, actor=erin)
    assert list(refused.value.extra["fields"]) == [field]


def test_nothing_is_said_of_a_closed_place(world, erin):
    Scope.objects.filter(pk=world.web.pk).update(state="closed")
    with pytest.raises(Conflict):
        set_rule(world.web, data_class="public", regions=["a"], encrypted=False, actor=erin)
