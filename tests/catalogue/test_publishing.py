"""Publishing where a policy asks: it waits, is published once, and what was published before is offered meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.access.models import Assignment
from portal.approvals import services as approvals
from portal.approvals.cards import card
from portal.approvals.models import Approval
from portal.catalogue.drafts import PlanDraft, draft_from, kept
from portal.catalogue.models import Offering, OfferingAsk, OfferingVersion
from portal.catalogue.publishing import publish_or_ask
from portal.catalogue.queries import current_version, offerings_visible_to
from portal.catalogue.services import publish_offering
from portal.core import clock
from portal.core.errors import Conflict, Invalid, PortalError, Refused
from portal.events.models import Event
from tests.cast import give
from tests.metering.shop import SERVER

WIDER = replace(SERVER, narrowing={"properties": {"disk_gib": {"default": 40}}})


@pytest.fixture
def governed(world):
    """Bob, who approves for the whole organization here, decides on each publication."""
    give(world.bob, "approver", world.nordwind)
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    rule = {"subject_kind": "offering", "conditions": [], "stages": stages}
    approvals.publish_policy(world.nordwind, "Catalogue", actor=world.actor("erin"), **rule)
    return world


@pytest.fixture
def first(world):
    return publish_offering(world.nordwind, SERVER, actor=world.actor("dave"))


def publish(world, draft=WIDER, who="dave"):
    return publish_or_ask(world.nordwind, draft, actor=world.actor(who))


def decide(world, choice="approve", *, by="bob"):
    approval = Approval.objects.get(subject_kind="offering", state="waiting")
    return approvals.vote(approval, choice, card(approval, actor=world.actor(by)).hash, actor=world.actor(by), note="no")


def test_without_a_policy_it_is_published_at_once(world):
    assert isinstance(publish(world), OfferingVersion)
    assert not Approval.objects.exists()


def test_a_draft_that_was_kept_is_the_same_draft():
    assert kept(draft_from(kept(SERVER))) == kept(SERVER)


def test_the_next_version_waits_and_the_one_before_is_offered_meanwhile(world, first, governed):
    ask = publish(governed)
    assert isinstance(ask, OfferingAsk)
    assert current_version(first.offering) == first
    approval = decide(governed)
    second = current_version(first.offering)
    assert (second.number, second.schema["properties"]["disk_gib"]["default"]) == (2, 40)
    assert Event.objects.filter(action="catalogue.publish").latest("at").cause == f"approval:{approval.pk}"
    assert (approval.facts["is_new"], approval.facts["narrowed"]) == (False, ["disk_gib (default 40)"])
    ask.refresh_from_db()
    assert ask.state == "done"


def test_the_card_stays_as_it_was_shown_though_a_kept_draft_loses_its_order(governed):
    narrowing = {"properties": {"disk_gib": {"minimum": 8, "default": 20}, "encrypted": {"x-hidden": False}}}
    plans = [PlanDraft("small", "Small", spec={"size": "t3.small"}, quotas={"servers": 1, "cores": 2})]
    publish(governed, replace(SERVER, narrowing=narrowing, plans=plans))
    approval = Approval.objects.get()
    assert card(approval, actor=governed.actor("bob")).hash == approval.card_hash
    assert approval.facts["plans"] == ["Small (cores 2, servers 1, size t3.small)"]


def test_a_first_version_waits_and_is_seen_by_nobody(governed):
    publish(governed, SERVER)
    assert not Offering.objects.exists()
    decide(governed)
    assert [each.name for each in offerings_visible_to(governed.actor("alice"))] == [SERVER.name]


def test_denied_or_withdrawn_what_was_published_stays(world, first, governed):
    publish(governed)
    decide(governed, "deny")
    publish(governed)
    approvals.withdraw(Approval.objects.get(state="waiting"), actor=governed.actor("dave"))
    assert list(OfferingAsk.objects.order_by("created_at").values_list("state", flat=True)) == ["denied", "withdrawn"]
    assert current_version(first.offering) == first
    assert first.offering.is_orderable


def test_the_same_once_more_waits_once_and_another_is_a_conflict(governed):
    assert publish(governed).pk == publish(governed).pk
    with pytest.raises(Conflict):
        publish(governed, SERVER)
    assert Approval.objects.count() == 1


def test_no_other_way_publishes_it_meanwhile(governed):
    with pytest.raises(Refused):
        publish_offering(governed.nordwind, SERVER, actor=governed.actor("dave"))
    assert not Offering.objects.exists()


def test_what_could_not_be_published_is_not_asked_for(governed):
    with pytest.raises(Invalid):
        publish(governed, replace(SERVER, plans=[PlanDraft("p", "P", spec={"colour": "red"})]))
    for who in ("alice", "bob", "mallory"):
        with pytest.raises(PortalError):
            publish(governed, SERVER, who)
    assert not OfferingAsk.objects.exists()


def test_it_still_had_to_be_hers_to_publish(governed):
    publish(governed)
    Assignment.objects.filter(user=governed.dave).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        decide(governed)
    assert not Offering.objects.exists()
