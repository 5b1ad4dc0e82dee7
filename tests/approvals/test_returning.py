"""Given back to who asked, put right, and sent again."""

from datetime import timedelta

import pytest

from portal.approvals import services
from portal.approvals.cards import card
from portal.approvals.models import Approval, Stage, Vote
from portal.approvals.queries import inbox_of
from portal.approvals.returning import resubmit
from portal.approvals.tasks import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid
from portal.events.models import Event
from portal.notices.models import Notice
from tests.approvals.wish import PATH, Wish, WishKind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def wish(world):
    made = WishKind.wishes["w1"] = Wish("w1", world.web)
    return made


@pytest.fixture
def returned(world, wish):
    approval = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    return vote(world, approval, "return", note="Take the small one")


def vote(world, approval, choice="approve", by="bob", note=""):
    return services.vote(approval, choice, approval.card_hash, actor=world.actor(by), note=note)


def test_it_waits_for_who_asked_with_what_is_to_be_put_right(world, returned):
    assert (returned.state, list(inbox_of(world.actor("bob")))) == ("returned", [])
    assert Event.objects.get(action="approvals.return").reason == "Take the small one"
    assert Notice.objects.filter(user=world.alice, topic="approval_returned").count() == 1
    assert not Event.objects.filter(action__startswith="wish.").exists()


def test_returning_says_why(world, wish):
    approval = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    with pytest.raises(Invalid):
        vote(world, approval, "return")
    assert Approval.objects.get().is_waiting


def test_the_same_click_again_returns_it_once(world, returned):
    vote(world, returned, "return", note="Take the small one")
    assert Event.objects.filter(action="approvals.return").count() == 1


def test_nobody_decides_on_what_is_returned(world, returned):
    with pytest.raises(Conflict):
        vote(world, returned)
    assert "sends it again" in card(returned, actor=world.actor("bob")).why_not


def test_sent_again_it_is_decided_anew_on_what_it_is_now(world, wish, returned):
    wish.facts = {**wish.facts, "cost_per_month": "60.00"}
    again = resubmit(returned, actor=world.actor("alice"), note="As you said")
    assert (again.state, again.revision, again.facts["cost_per_month"]) == ("waiting", 2, "60.00")
    assert [stage.state for stage in Stage.objects.order_by("created_at")] == ["closed", "open"]
    assert Vote.objects.get().void
    assert vote(world, again).state == "approved"


def test_sent_twice_it_is_sent_once(world, returned):
    for _again in range(2):
        resubmit(returned, actor=world.actor("alice"))
    assert Event.objects.filter(action="approvals.resubmit").count() == 1


def test_only_who_asked_sends_it_again(world, returned):
    with pytest.raises(Forbidden):
        resubmit(returned, actor=world.actor("bob"))


def test_what_was_never_returned_cannot_be_sent_again(world, wish):
    approval = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    with pytest.raises(Conflict):
        resubmit(approval, actor=world.actor("alice"))


def test_no_policy_made_meanwhile_turns_it_into_a_permission(world, wish, returned):
    services.publish_policy(world.nordwind, "Free", subject_kind="wish", conditions=[], stages=[], actor=world.actor("erin"))
    assert resubmit(returned, actor=world.actor("alice")).is_waiting


def test_a_stricter_policy_made_meanwhile_holds(world, wish, returned):
    stage = {"who": {"pick": "role", "role": "organization_admin", "at": "organization"}}
    services.publish_policy(
        world.nordwind, "Strict", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )
    again = resubmit(returned, actor=world.actor("alice"))
    assert (list(inbox_of(world.actor("bob"))), list(inbox_of(world.actor("erin")))) == ([], [again])


def test_returned_it_can_be_withdrawn(world, returned):
    assert services.withdraw(returned, actor=world.actor("alice")).state == "withdrawn"
    assert Event.objects.filter(action="wish.drop").count() == 1


def test_returned_and_never_sent_again_it_expires(returned):
    with clock.travel(clock.now() + timedelta(days=15)):
        expire()
    assert Approval.objects.get().state == "expired"
    assert Event.objects.filter(action="wish.drop").count() == 1


def test_asked_again_while_it_is_returned_it_is_the_same(world, wish, returned):
    asked = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    assert asked.pk == returned.pk
