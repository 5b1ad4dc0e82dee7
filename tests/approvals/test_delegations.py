"""Deciding in another's place: on her seat, within the window, by nobody who asked, and never passed on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.access.models import Assignment
from portal.approvals import services
from portal.approvals.cards import card
from portal.approvals.delegations import delegate, end_delegation
from portal.approvals.handing_over import change_beneficiary
from portal.approvals.models import Delegation, Vote
from portal.approvals.queries import delegated_inbox_of, inbox_of, own_inbox_of
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User, UserKind
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def mei(world):
    """Sees the orders of retail and decides nothing herself."""
    world.people["mei"] = person("mei")
    give(world.mei, "viewer", world.retail)
    return world.mei


def window(world, to="mei", who="bob", **given):
    given = {"ends": clock.now() + WEEK, "reason": "On leave", **given}
    return delegate(world.nordwind, world.people[to], actor=world.actor(who), **given)


def asked(world, key="w1", facts=None, who="alice", **given):
    made = WishKind.wishes[key] = Wish(key, world.web)
    made.facts = {**made.facts, **(facts or {})}
    return services.ask("wish", made, actor=world.actor(who), scope=world.web, title="A wish", **given)


def vote(world, approval, name, choice="approve", **given):
    approval.refresh_from_db()
    return services.vote(approval, choice, approval.card_hash, actor=world.actor(name), **given)


def quorum(world, *names, needed=2, again=False):
    for name in names:
        world.people[name] = world.people.get(name) or person(name)
        give(world.people[name], "approver", world.retail)
    stage = {"who": {"pick": "role", "role": "approver"}, "mode": "quorum", "needed": needed, "again": again}
    services.publish_policy(
        world.nordwind, "Two", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )


def agree(world, approval):
    """Whoever it is: the inbox, the card and the vote say the same. The vote is tried and undone."""
    approval.refresh_from_db()
    for name in [name for name, user in world.people.items() if user.is_active]:
        actor = world.actor(name)
        listed = approval in inbox_of(actor)
        try:
            with transaction.atomic():
                before = Vote.objects.filter(void=False).count()
                services.vote(approval, "approve", approval.card_hash, actor=actor)
                taken = Vote.objects.filter(void=False).count() > before
                transaction.set_rollback(True)
        except PortalError:
            taken = False
        assert (listed, card(approval, actor=world.actor(name)).can_vote) == (taken, taken), name


class TestWithinTheWindow:
    def test_she_decides_on_the_seat_of_who_is_away(self, world, mei):
        window(world)
        approval = asked(world)
        assert list(delegated_inbox_of(world.actor("mei"))) == [approval]
        assert not own_inbox_of(world.actor("mei")).exists()
        assert vote(world, approval, "mei").state == "approved"
        cast = Vote.objects.get()
        assert (cast.person, cast.seat, cast.cast_by) == (mei, world.bob, mei)
        assert Event.objects.get(action="approvals.vote").detail["seat"] == str(world.bob.pk)

    def test_the_same_vote_again_changes_nothing(self, world, mei):
        window(world)
        approval = asked(world)
        vote(world, approval, "mei")
        vote(world, approval, "mei")
        assert Vote.objects.count() == 1

    def test_she_is_told_what_waits_and_that_she_stands_in(self, world, mei):
        window(world)
        asked(world)
        told = set(Notice.objects.filter(user=mei).values_list("topic", flat=True))
        assert told == {"delegated", "vote_needed"}
        assert Notice.objects.get(user=mei, topic="delegated").url

    @pytest.mark.parametrize("days", [-1, 8])
    def test_before_and_after_it_she_decides_nothing(self, world, mei, days):
        made = window(world, starts=clock.now() + timedelta(days=1)) if days < 0 else window(world)
        with clock.travel(clock.now() + timedelta(days=max(days, 0))):
            approval = asked(world)
            agree(world, approval)
            with pytest.raises(Forbidden):
                vote(world, approval, "mei")
        assert made.ended_at is None

    def test_ended_early_it_is_over_at_once_and_both_may_end_it(self, world, mei):
        for name in ("bob", "mei"):
            made = window(world)
            approval = asked(world, key=f"w-{name}")
            end_delegation(made, actor=world.actor(name))
            end_delegation(made, actor=world.actor(name))
            with pytest.raises(Forbidden):
                vote(world, approval, "mei")
        assert Event.objects.filter(action="approvals.end_delegation").count() == 2
        assert Notice.objects.filter(topic="delegation_ended").count() == 2

    @pytest.mark.parametrize("name", ["bob", "mei"])
    def test_it_is_over_when_either_is_disabled(self, world, mei, name):
        window(world)
        approval = asked(world)
        if name == "bob":
            world.people["dora"] = person("dora")
            give(world.dora, "approver", world.retail)
        User.objects.filter(pk=world.people[name].pk).update(is_active=False)
        world.people[name].refresh_from_db()
        agree(world, approval)
        assert not inbox_of(world.actor("mei")).exists()

    def test_it_passes_on_no_more_than_the_delegator_has_now(self, world, mei):
        window(world)
        world.people["dora"] = person("dora")
        give(world.dora, "approver", world.retail)
        approval = asked(world)
        Assignment.objects.filter(user=world.bob).update(expires=clock.now() - timedelta(seconds=1))
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "mei")

    def test_it_passes_on_no_right_to_see(self, world, mei):
        window(world)
        approval = asked(world)
        Assignment.objects.filter(user=mei).update(scope=world.fleet)
        agree(world, approval)
        with pytest.raises(NotFound):
            vote(world, approval, "mei")

    def test_a_token_without_vote_does_not_decide(self, world, mei):
        window(world)
        approval = asked(world)
        narrow = Narrowing(frozenset({"view_order", "view_scope"}))
        actor = Actor(mei, Auth("token"), narrowed_to=narrow)
        assert approval not in inbox_of(actor)
        with pytest.raises(Forbidden):
            services.vote(approval, "approve", approval.card_hash, actor=actor)

    def test_who_looks_as_her_decides_nothing(self, world, mei):
        window(world)
        approval = asked(world)
        with pytest.raises(Forbidden):
            services.vote(approval, "approve", approval.card_hash, actor=Actor(mei, Auth("view"), viewed_as_by=world.erin))

    def test_her_service_account_does_not_stand_in(self, world, mei):
        window(world)
        approval = asked(world)
        world.people["robot"] = User.objects.create(kind_of_user=UserKind.SERVICE, owner=mei, username="robot")
        give(world.robot, "viewer", world.retail)
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "robot")


class TestWhoIsApart:
    def test_who_asked_does_not_decide_as_a_delegate(self, world):
        give(world.alice, "viewer", world.retail)
        window(world, to="alice")
        approval = asked(world)
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "alice")

    def test_the_seat_of_who_asked_is_not_used_by_her_delegate(self, world, mei):
        give(world.alice, "approver", world.retail)
        window(world, who="alice")
        approval = asked(world)
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "mei")

    def test_for_whom_it_is_neither(self, world, mei):
        world.people["dora"] = person("dora")
        give(world.dora, "approver", world.retail)
        window(world)
        approval = asked(world, beneficiary=mei)
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "mei")

    def test_a_vote_of_hers_falls_away_when_it_becomes_hers(self, world, mei):
        quorum(world, "dora", "ines")
        window(world)
        approval = asked(world)
        vote(world, approval, "mei")
        change_beneficiary("wish", "w1", mei, actor=world.actor("erin"))
        vote(world, approval, "dora")
        approval.refresh_from_db()
        assert approval.state == "waiting"
        vote(world, approval, "ines")
        approval.refresh_from_db()
        assert approval.state == "approved"


class TestOncePersonOnceSeat:
    def test_her_own_seat_goes_first_and_she_counts_once(self, world):
        quorum(world, "mei")
        window(world)
        approval = asked(world)
        assert list(own_inbox_of(world.actor("mei"))) == [approval]
        vote(world, approval, "mei")
        assert Vote.objects.get().seat == world.mei
        agree(world, approval)
        vote(world, approval, "mei")
        assert Vote.objects.count() == 1
        assert vote(world, approval, "bob").state == "approved"

    def test_a_seat_used_by_a_delegate_is_used(self, world, mei):
        quorum(world, "dora")
        window(world)
        approval = asked(world)
        vote(world, approval, "mei")
        agree(world, approval)
        with pytest.raises(PortalError):
            vote(world, approval, "bob")
        approval.refresh_from_db()
        assert approval.state == "waiting"
        assert vote(world, approval, "dora").state == "approved"

    def test_where_who_is_away_decided_herself_nobody_does_for_her(self, world, mei):
        quorum(world, "dora")
        window(world)
        approval = asked(world)
        vote(world, approval, "bob")
        agree(world, approval)
        with pytest.raises(Forbidden):
            vote(world, approval, "mei")

    def test_standing_in_for_two_she_counts_once(self, world, mei):
        quorum(world, "dora")
        window(world)
        window(world, who="dora")
        approval = asked(world)
        vote(world, approval, "mei")
        agree(world, approval)
        assert vote(world, approval, "mei").state == "waiting"
        assert Vote.objects.count() == 1

    def test_the_delegator_must_be_eligible_when_it_is_counted(self, world, mei):
        quorum(world, "dora", "ines")
        window(world)
        approval = asked(world)
        vote(world, approval, "mei")
        Assignment.objects.filter(user=world.bob).update(expires=clock.now() - timedelta(seconds=1))
        assert vote(world, approval, "dora").state == "waiting"
        assert vote(world, approval, "ines").state == "approved"

    def test_a_delegate_who_is_disabled_counts_no_more(self, world, mei):
        quorum(world, "dora")
        window(world)
        approval = asked(world)
        vote(world, approval, "mei")
        User.objects.filter(pk=mei.pk).update(is_active=False)
        assert vote(world, approval, "dora").state == "waiting"

    def test_nothing_is_passed_on_twice(self, world, mei):
        """Mei stands in for Bob, and Zoe for Mei: what Bob decides does not come to Zoe."""
        world.people["zoe"] = person("zoe")
        give(world.zoe, "viewer", world.retail)
        give(mei, "approver", world.fleet)
        window(world)
        delegate(world.nordwind, world.dave, ends=clock.now() + WEEK, reason="x", actor=world.actor("mei"))
        approval = asked(world)
        agree(world, approval)
        assert not inbox_of(world.actor("dave")).exists()


class TestWhatItIsAbout:
    def test_of_other_kinds_she_decides_nothing(self, world, mei):
        made = window(world, kinds=["wish"])
        approval = asked(world)
        agree(world, approval)
        assert approval in inbox_of(world.actor("mei"))
        Delegation.objects.filter(pk=made.pk).update(kinds=["order"])
        agree(world, approval)
        assert approval not in inbox_of(world.actor("mei"))

    @pytest.mark.parametrize(
        ("facts", "is_hers"),
        [
            ({"cost_per_month": "100"}, True),
            ({"cost_per_month": "99.999999", "currency": "EUR"}, True),
            ({"cost_per_month": "-20"}, True),
            ({"cost_per_month": 0}, True),
            ({"cost_per_month": "100.0001"}, False),
            ({"cost_per_month": "20", "currency": "USD"}, False),
            ({"cost_per_month": "unknown"}, False),
            ({"cost_per_month": "1e1"}, False),
            ({"cost_per_month": None}, False),
            ({"cost_per_month": True}, False),
            ({"cost_per_month": "9" * 40}, False),
        ],
    )
    def test_of_what_costs_more_or_cannot_be_told_she_decides_nothing(self, world, mei, facts, is_hers):
        window(world, most_per_month=Decimal(100))
        approval = asked(world, facts=facts)
        agree(world, approval)
        assert (approval in inbox_of(world.actor("mei"))) == is_hers

    def test_of_another_organization_she_decides_nothing(self, world, mei):
        window(world)
        give(world.bob, "approver", world.other)
        give(mei, "viewer", world.other)
        made = WishKind.wishes["x"] = Wish("x", world.other_project)
        approval = services.ask("wish", made, actor=world.actor("mallory"), scope=world.other_project, title="Theirs")
        agree(world, approval)
        assert approval not in inbox_of(world.actor("mei"))


class TestGivingIt:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"ends": timedelta(days=-1)}, "ends"),
            ({"ends": timedelta(days=91)}, "ends"),
            ({"starts": timedelta(days=400), "ends": timedelta(days=401)}, "starts"),
            ({"reason": "  "}, "reason"),
            ({"reason": "x" * 501}, "reason"),
            ({"kinds": ["nonsense"]}, "kinds"),
            ({"most_per_month": Decimal(-1)}, "most_per_month"),
            ({"most_per_month": Decimal("NaN")}, "most_per_month"),
            ({"most_per_month": Decimal(10) ** 30}, "most_per_month"),
            ({"to": "bob"}, "delegate"),
            ({"to": "mallory"}, "delegate"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_its_field(self, world, mei, given, field):
        moments = {name: clock.now() + part for name, part in given.items() if isinstance(part, timedelta)}
        with pytest.raises(Invalid) as refusal:
            window(world, **{**given, **moments})
        assert list(refusal.value.extra["fields"]) == [field]
        assert not Delegation.objects.exists()

    def test_who_decides_nothing_delegates_nothing(self, world, mei):
        with pytest.raises(Forbidden):
            window(world, who="alice")

    def test_only_a_person_delegates_and_is_delegated_to(self, world, mei):
        world.people["robot"] = User.objects.create(kind_of_user=UserKind.SERVICE, owner=world.bob, username="robot")
        give(world.robot, "approver", world.retail)
        with pytest.raises(Forbidden):
            window(world, who="robot")
        with pytest.raises(Invalid):
            window(world, to="robot")

    def test_who_sees_nothing_of_it_cannot_stand_in(self, world):
        world.people["far"] = person("far")
        give(world.far, "viewer", world.logistics)
        with pytest.raises(Refused):
            window(world, to="far")

    def test_two_windows_about_the_same_are_refused(self, world, mei):
        give(world.dave, "viewer", world.retail)
        window(world, kinds=["wish"])
        for kinds in ([], ["wish"]):
            with pytest.raises(Conflict):
                window(world, to="dave", kinds=kinds)
        window(world, to="dave", starts=clock.now() + WEEK, ends=clock.now() + 2 * WEEK)

    def test_nobody_stands_in_for_a_whole_house(self, world, mei):
        for number in range(10):
            world.people[f"boss{number}"] = person(f"boss{number}")
            give(world.people[f"boss{number}"], "approver", world.retail)
            window(world, who=f"boss{number}")
        with pytest.raises(Refused):
            window(world)

    def test_another_cannot_end_it(self, world, mei):
        made = window(world)
        for name in ("alice", "erin", "mallory"):
            with pytest.raises(NotFound):
                end_delegation(made, actor=world.actor(name))

    def test_the_database_keeps_what_the_service_says(self, world, mei):
        row = {"organization": world.nordwind, "delegator": mei, "reason": "x", "starts": clock.now()}
        with pytest.raises(IntegrityError), transaction.atomic():
            Delegation.objects.create(**row, delegate=mei, ends=clock.now() + WEEK)
        with pytest.raises(IntegrityError), transaction.atomic():
            Delegation.objects.create(**row, delegate=world.bob, ends=clock.now() - WEEK)

    def test_its_event_names_nobody_and_its_scope_is_the_organization(self, world, mei):
        window(world)
        event = Event.objects.get(action="approvals.delegate")
        assert event.scope_path == str(world.nordwind.path)
        assert (event.detail["to"], event.reason) == (str(mei.pk), "On leave")
        assert "Mei" not in event.target_label


def test_the_inbox_asks_as_often_with_ten_windows_as_with_one(world, mei):
    asked(world)
    counts = []
    for number in range(10):
        world.people[f"boss{number}"] = person(f"boss{number}")
        give(world.people[f"boss{number}"], "approver", world.retail)
        window(world, who=f"boss{number}")
        with CaptureQueriesContext(connection) as queries:
            assert list(inbox_of(world.actor("mei")))
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 5
