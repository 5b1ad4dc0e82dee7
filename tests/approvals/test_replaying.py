"""A decision replayed from the record: the same to the byte, or the difference by name."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.approvals import services
from portal.approvals.models import Approval, FrozenCard, Policy
from portal.approvals.replaying import replay
from portal.approvals.returning import resubmit
from portal.core import clock
from tests.approvals.wish import PATH, Wish, WishKind

pytestmark = pytest.mark.django_db
STAGE = {"who": {"pick": "role", "role": "approver"}}


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def decided(world):
    """Asked, changed, returned, sent again, approved; and the policies are others by now."""
    publish(world, [{"field": "cost_per_month", "operator": "ge", "value": "100"}])
    wish = WishKind.wishes["w1"] = Wish("w1", world.web)
    approval = services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")
    wish.facts = {**wish.facts, "cost_per_month": "480.00"}
    approval = services.facts_changed("wish", "w1", actor=world.actor("alice"))
    vote(world, approval, "return", note="Less")
    approval = resubmit(approval, actor=world.actor("alice"))
    vote(world, approval, "approve")
    with clock.travel(clock.now() + timedelta(days=1)):
        publish(world, [])
    return Approval.objects.get()


def publish(world, conditions):
    services.publish_policy(
        world.nordwind, "Weight", subject_kind="wish", conditions=conditions, stages=[STAGE], actor=world.actor("erin")
    )


def vote(world, approval, choice, note=""):
    services.vote(approval, choice, approval.card_hash, actor=world.actor("bob"), note=note)


def run(approval):
    out = StringIO()
    call_command("replay_decision", str(approval), stdout=out)
    return out.getvalue()


def test_every_revision_comes_out_as_it_was_decided_on(decided):
    replays = replay(decided)
    assert [each.revision for each in replays] == [1, 2, 3]
    assert all(each.kept == each.rebuilt and each.kept for each in replays)
    assert run(decided.pk).count(": the same") == 3


def test_what_was_decided_on_is_found_by_its_own_id_and_a_stranger_is_not(decided):
    with pytest.raises(CommandError, match="No approval"):
        run("00000000-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: FrozenCard.objects.filter(revision=2).update(facts={"cost_per_month": "1.00"}), "not those that were voted"),
        (lambda: FrozenCard.objects.filter(revision=3).delete(), "revision 3 has no card"),
        (lambda: Policy.objects.filter(version=1).update(name="Other"), '"name": "Other"'),
        (lambda: Policy.objects.filter(version=1).update(stages=[{**STAGE, "mode": "all"}]), '"mode": "all"'),
    ],
    ids=["facts", "card", "policy", "stages"],
)
def test_what_was_changed_behind_it_is_named(decided, change, said):
    change()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("replay_decision", str(decided.pk), stdout=out)
    assert said in out.getvalue()
