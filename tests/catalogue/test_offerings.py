"""Offerings as immutable versions: published, narrowed, withdrawn, and seen by whom they are for."""

from dataclasses import replace

import pytest

from portal.catalogue.drafts import ComponentDraft, PlanDraft
from portal.catalogue.models import Offering
from portal.catalogue.queries import current_version, offering_visible_to, offerings_visible_to, quotas_of
from portal.catalogue.schemas import full_spec
from portal.catalogue.services import publish_offering, withdraw_offering
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from tests.metering.shop import SERVER

ANSWERS = {"name": "web-1", "region": "eu-west-1", "disk_gib": 33}


@pytest.fixture
def version(world):
    return publish_offering(world.nordwind, SERVER, actor=world.actor("dave"))


def test_a_second_publication_is_a_new_version_and_the_first_stays(world, version):
    wider = replace(SERVER, narrowing={"properties": {"disk_gib": {"default": 40}}})
    second = publish_offering(world.nordwind, wider, actor=world.actor("dave"))
    assert (version.number, second.number) == (1, 2)
    assert current_version(version.offering) == second
    assert version.schema["properties"]["disk_gib"]["default"] == 20
    assert Event.objects.filter(action="catalogue.publish").count() == 2


def test_what_is_published_never_changes(version):
    plan = version.plans.first()
    plan.name = "Otherwise"
    with pytest.raises(Conflict):
        plan.save()
    with pytest.raises(Conflict):
        version.delete()


def test_members_see_what_their_organization_offers_and_nobody_elses(world, version):
    assert list(offerings_visible_to(world.actor("alice"))) == [version.offering]
    assert list(offerings_visible_to(world.actor("mallory"))) == []
    with pytest.raises(NotFound):
        offering_visible_to(world.actor("mallory"), version.offering_id)


def test_a_withdrawn_offering_is_no_longer_offered_and_comes_back_when_published(world, version):
    withdraw_offering(version.offering, actor=world.actor("dave"), reason="end of sale")
    assert list(offerings_visible_to(world.actor("alice"))) == []
    with pytest.raises(Conflict):
        withdraw_offering(version.offering, actor=world.actor("dave"))
    publish_offering(world.nordwind, SERVER, actor=world.actor("dave"))
    assert list(offerings_visible_to(world.actor("alice"))) == [version.offering]


@pytest.mark.parametrize(("who", "refusal"), [("alice", Forbidden), ("bob", Forbidden), ("mallory", NotFound)])
def test_who_may_not_publish_publishes_nothing(world, who, refusal):
    with pytest.raises((refusal, NotFound)):
        publish_offering(world.nordwind, SERVER, actor=world.actor(who))
    assert not Offering.objects.exists()


def test_the_spec_takes_constants_of_the_plan_answers_and_defaults(version):
    spec = full_spec(version, version.plans.get(key="small"), ANSWERS)
    assert (spec["size"], spec["image"], spec["disk_gib"]) == ("t3.small", "debian-12", 33)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"size": "t3.metal"}, "size"),
        ({"image": "other"}, "image"),
        ({"disk_gib": 501}, "disk_gib"),
        ({"disk_gib": "33"}, "disk_gib"),
        ({"disk_gib": 10**400}, "disk_gib"),
        ({"name": "Web 1"}, "name"),
        ({"name": "web-1\n"}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": None}, "name"),
        ({"root": True}, "root"),
    ],
)
def test_an_answer_that_does_not_fit_is_named_by_its_field(version, wrong, field):
    with pytest.raises(Invalid) as refusal:
        full_spec(version, version.plans.get(key="small"), {**ANSWERS, **wrong})
    assert field in refusal.value.extra["fields"]


def test_a_plan_of_another_version_does_not_fit(world, version):
    second = publish_offering(world.nordwind, SERVER, actor=world.actor("dave"))
    with pytest.raises(Invalid):
        full_spec(second, version.plans.first(), ANSWERS)


def test_quota_is_what_the_plan_says_and_what_components_count(version):
    plan = version.plans.get(key="small")
    assert quotas_of(plan, full_spec(version, plan, ANSWERS)) == {"servers": 1, "storage_gib": 33}


@pytest.mark.parametrize(
    "change",
    [
        {"capability": "teleport"},
        {"plans": []},
        {"components": []},
        {"narrowing": {"properties": {"colour": {"const": "red"}}}},
        {"plans": [PlanDraft("p", "P", spec={"colour": "red"})]},
        {"components": [ComponentDraft("c", "C", "server-hours", "Hours", {"field": "colour"})]},
        {"components": [ComponentDraft("c", "C", "server-hours", "Hours", {"const": -1})]},
        {"components": [ComponentDraft("c", "C", "server-hours", "Hours", {"const": "NaN"})]},
    ],
)
def test_what_could_not_be_ordered_or_measured_is_not_published(world, change):
    with pytest.raises(Invalid):
        publish_offering(world.nordwind, replace(SERVER, **change), actor=world.actor("dave"))
    assert not Offering.objects.exists()


def test_a_name_stands_for_one_capability(world, version):
    with pytest.raises(Conflict):
        publish_offering(world.nordwind, replace(SERVER, capability="database"), actor=world.actor("dave"))
