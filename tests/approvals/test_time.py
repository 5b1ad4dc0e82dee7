"""What time does to what waits: reminders, escalation, silence as consent, and the end."""

from datetime import timedelta

import pytest

from portal.access.models import Scope
from portal.approvals import services
from portal.approvals.models import Approval, Stage
from portal.approvals.tasks import expire
from portal.core import clock
from portal.events.models import Event
from portal.notices.models import Notice
from tests.approvals.wish import PATH, Wish, WishKind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def ask(world):
    def ask(**stage):
        stage = {"who": {"pick": "role", "role": "approver"}, "due_hours": 8, **stage}
        services.publish_policy(
            world.nordwind, "Rule", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
        )
        wish = WishKind.wishes["w1"] = Wish("w1", world.web)
        return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish")

    return ask


def later(days=7):
    with clock.travel(clock.now() + timedelta(days=days)):
        expire()
        expire()
    return Approval.objects.get()


def effects(what="apply"):
    return Event.objects.filter(action=f"wish.{what}").count()


def test_silence_is_consent_where_the_policy_says_so_and_risk_is_low(ask):
    ask(on_timeout="approve")
    approval = later()
    assert (approval.state, effects()) == ("approved", 1)
    assert Stage.objects.get().by_time
    assert Event.objects.filter(action="approvals.consent_by_time").count() == 1


def test_silence_is_no_consent_where_risk_is_not_low(world, ask):
    Scope.objects.filter(pk=world.web.pk).update(environment="produce")
    world.web.refresh_from_db()
    ask(on_timeout="approve")
    approval = later()
    assert (approval.risk, approval.state, effects(), effects("drop")) == ("medium", "expired", 0, 1)


def test_silence_about_what_can_no_longer_be_done_ends_it(ask):
    ask(on_timeout="approve")
    WishKind.wishes["w1"].refuses = True
    assert (later().state, effects(), effects("drop")) == ("expired", 0, 1)


def test_silence_denies_where_the_policy_says_so(ask):
    ask(on_timeout="deny")
    assert (later().state, effects("drop")) == ("denied", 1)


def test_an_overdue_stage_goes_to_the_admins_above_once_and_then_ends(world, ask):
    ask(on_timeout="escalate")
    with clock.travel(clock.now() + timedelta(days=3)):
        expire()
        expire()
    assert Event.objects.filter(action="approvals.escalate").count() == 1
    assert Notice.objects.filter(user=world.erin, topic="vote_needed").count() == 1
    assert later(30).state == "expired"


def test_who_can_decide_is_reminded_once_before_it_is_due(world, ask):
    ask()
    stage = Stage.objects.get()
    assert stage.opened_at < stage.remind_at < stage.due
    with clock.travel(stage.remind_at):
        expire()
        expire()
    assert Notice.objects.filter(user=world.bob, topic="vote_due").count() == 1
    assert Approval.objects.get().is_waiting


def test_a_clock_set_back_ends_nothing(ask):
    ask()
    assert later(-30).is_waiting


def test_what_it_was_about_is_gone_and_it_still_ends(ask):
    ask()
    WishKind.wishes.clear()
    assert later().state == "expired"
