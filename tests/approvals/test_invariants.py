"""What holds for every approval, whoever does what in whichever order."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections

from portal.access.models import Assignment, Group, GroupMember, Role
from portal.approvals import services
from portal.approvals.cards import card, waits_for
from portal.approvals.models import Approval, Vote
from portal.approvals.queries import inbox_of
from portal.approvals.returning import resubmit
from portal.approvals.tasks import expire
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused, Stale
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy.services import assign_role
from portal.users.actor import Actor, Auth
from portal.users.models import Identity, User, UserKind
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person
from tests.sizes import size

RACERS = 16
RACES = size(1, 1000)


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def wish(world):
    made = Wish("w1", world.web)
    WishKind.wishes["w1"] = made
    return made


@pytest.fixture
def approval(world, wish):
    return asked(world, wish)


def asked(world, wish, **kwargs):
    return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish", **kwargs)


def approve(approval, actor, **kwargs):
    return services.vote(approval, "approve", approval.card_hash, actor=actor, **kwargs)


def effects():
    return Event.objects.filter(action="wish.apply").count()


def test_the_last_vote_does_what_was_asked_for_once(world, approval):
    done = approve(approval, world.actor("bob"))
    assert (done.state, effects()) == ("approved", 1)


def test_the_same_vote_again_changes_nothing(world, approval):
    approve(approval, world.actor("bob"))
    approve(approval, world.actor("bob"))
    assert (effects(), Vote.objects.count()) == (1, 1)


def test_another_vote_after_hers_is_refused(world, approval):
    approve(approval, world.actor("bob"))
    with pytest.raises(Conflict):
        services.vote(approval, "deny", approval.card_hash, actor=world.actor("bob"), note="no")


def test_who_asked_never_decides(world, approval):
    give(world.alice, "approver", world.retail)
    with pytest.raises(Forbidden):
        approve(approval, world.actor("alice"))
    assert effects() == 0


def test_a_service_account_of_who_asked_never_decides(world, approval):
    robot = User.objects.create(kind_of_user=UserKind.SERVICE, owner=world.alice, username="alices-robot")
    give(robot, "approver", world.retail)
    world.people["robot"] = robot
    with pytest.raises(Forbidden):
        approve(approval, world.actor("robot"))


def test_for_whom_it_is_never_decides(world, wish):
    approval = asked(world, wish, beneficiary=world.bob)
    give(person("dora"), "approver", world.retail)
    with pytest.raises(Forbidden):
        approve(approval, world.actor("bob"))


def test_a_person_and_her_service_account_count_as_one(world, wish):
    two_of_two(world)
    approval = asked(world, wish)
    robot = User.objects.create(kind_of_user=UserKind.SERVICE, owner=world.bob, username="bobs-robot")
    give(robot, "approver", world.retail)
    world.people["robot"] = robot
    approve(approval, world.actor("bob"))
    approve(approval, world.actor("robot"))
    assert effects() == 0


def two_of_two(world):
    world.people["dora"] = person("dora")
    give(world.dora, "approver", world.retail)
    stage = {"who": {"pick": "role", "role": "approver"}, "mode": "quorum", "needed": 2}
    services.publish_policy(
        world.nordwind, "Two", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )


def test_eligibility_is_asked_again_when_the_votes_are_counted(world, wish):
    two_of_two(world)
    approval = asked(world, wish)
    approve(approval, world.actor("bob"))
    Assignment.objects.filter(user=world.bob).update(expires=clock.now() - timedelta(seconds=1))
    approve(approval, world.actor("dora"))
    assert (effects(), Approval.objects.get().state) == (0, "waiting")


def test_an_expired_role_does_not_vote(world, approval):
    Assignment.objects.filter(user=world.bob).update(expires=clock.now() - timedelta(seconds=1))
    with pytest.raises(PortalError):
        approve(approval, world.actor("bob"))
    assert effects() == 0


def test_another_organization_does_not_even_find_it(world, approval):
    with pytest.raises(NotFound):
        approve(approval, world.actor("mallory"))


def test_a_denial_says_why_and_is_the_end(world, approval):
    with pytest.raises(Invalid):
        services.vote(approval, "deny", approval.card_hash, actor=world.actor("bob"))
    services.vote(approval, "deny", approval.card_hash, actor=world.actor("bob"), note="Use the one you have")
    world.people["dora"] = person("dora")
    give(world.dora, "approver", world.retail)
    with pytest.raises(Conflict):
        approve(approval, world.actor("dora"))
    assert Event.objects.get(action="wish.drop").outcome == "denied"


def test_what_is_withdrawn_cannot_be_approved(world, approval):
    services.withdraw(approval, actor=world.actor("alice"))
    services.withdraw(approval, actor=world.actor("alice"))
    with pytest.raises(Conflict):
        approve(approval, world.actor("bob"))
    assert Event.objects.filter(action="wish.drop").count() == 1


def test_only_who_asked_withdraws(world, approval):
    with pytest.raises(Forbidden):
        services.withdraw(approval, actor=world.actor("bob"))


def test_what_nobody_decided_in_time_expires(world, approval):
    with clock.travel(clock.now() + timedelta(days=30)):
        with pytest.raises(Conflict):
            approve(approval, world.actor("bob"))
        expire()
        expire()
    assert Approval.objects.get().state == "expired"
    assert Event.objects.filter(action="wish.drop").count() == 1


def test_a_vote_on_an_old_card_is_refused_with_the_difference(world, wish, approval):
    shown = approval.card_hash
    wish.facts = {**wish.facts, "cost_per_month": "480.00"}
    with pytest.raises(Stale) as stale:
        services.vote(approval, "approve", shown, actor=world.actor("bob"))
    assert stale.value.extra["changes"] == [{"name": "cost_per_month", "before": "120.00", "after": "480.00"}]
    approve_now = card(Approval.objects.get(), actor=world.actor("bob"))
    services.vote(approval, "approve", approve_now.hash, actor=world.actor("bob"))
    assert effects() == 1


def test_a_change_sets_all_votes_aside(world, wish):
    two_of_two(world)
    approval = asked(world, wish)
    approve(approval, world.actor("bob"))
    wish.facts = {**wish.facts, "cost_per_month": "121.00"}
    services.facts_changed("wish", "w1", actor=world.actor("alice"))
    assert Vote.objects.get().void
    approval.refresh_from_db()
    approve(approval, world.actor("dora"))
    assert effects() == 0
    approve(approval, world.actor("bob"))
    assert effects() == 1


def test_where_nobody_can_decide_the_admins_above_are_asked(world, wish):
    Assignment.objects.filter(user=world.bob).delete()
    approval = asked(world, wish)
    assert waits_for(approval) == [world.erin]
    assert list(inbox_of(world.actor("erin"))) == [approval]


def test_where_nobody_ever_could_decide_it_is_said_at_once(world, wish):
    Assignment.objects.filter(user__in=[world.bob, world.erin]).delete()
    with pytest.raises(Refused):
        asked(world, wish)


def test_what_can_no_longer_be_done_is_not_approved(world, wish, approval):
    wish.refuses = True
    with pytest.raises(Refused):
        approve(approval, world.actor("bob"))
    assert Approval.objects.get().state == "waiting"


def test_a_rule_that_allows_is_on_record(world, wish):
    cheap = {"field": "cost_per_month", "operator": "le", "value": "150"}
    services.publish_policy(
        world.nordwind, "Small", subject_kind="wish", conditions=[cheap], stages=[], actor=world.actor("erin")
    )
    approval = asked(world, wish)
    assert (approval.state, approval.rule) == ("allowed", "Small, version 1")


def test_the_policy_of_the_day_it_was_asked_holds(world, wish, approval):
    services.publish_policy(world.nordwind, "Free", subject_kind="wish", conditions=[], stages=[], actor=world.actor("erin"))
    approval.refresh_from_db()
    assert approval.is_waiting


def test_a_member_makes_no_policy(world):
    with pytest.raises(Forbidden):
        services.publish_policy(world.web, "Free", subject_kind="wish", conditions=[], stages=[], actor=world.actor("alice"))


def test_every_move_has_its_event_and_those_who_wait_are_told(world, approval):
    assert Notice.objects.filter(user=world.bob, topic="vote_needed").count() == 1
    approve(approval, world.actor("bob"))
    actions = set(Event.objects.filter(target_kind="approval").values_list("action", flat=True))
    assert {"approvals.ask", "approvals.vote", "approvals.approve"} <= actions
    assert Notice.objects.filter(user=world.alice, topic="approval_approved").count() == 1


def test_the_inbox_shows_exactly_what_the_vote_would_take(world, approval):
    for name in ("alice", "bob", "carol", "dave", "erin", "mallory"):
        can = card(approval, actor=world.actor(name)).can_vote
        assert (approval in inbox_of(world.actor(name))) == can, name


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_sixteen_approvers_at_once_make_one_effect(fresh_db, world, wish, figures):
    for number in range(RACERS):
        world.people[f"racer{number}"] = person(f"racer{number}")
        give(world.people[f"racer{number}"], "approver", world.retail)
    with ThreadPoolExecutor(RACERS) as pool:
        for race in range(RACES):
            answers = votes_of_a_race(pool, world, asked(world, wish, key=f"race-{race}"))
            assert answers == {"voted": 1, "Conflict": RACERS - 1}
            assert effects() == race + 1
        close_connections(pool)
    figures(races=RACES, racers=RACERS, effects=effects())


def votes_of_a_race(pool, world, approval):
    """All vote at once; how often which answer came."""
    start = Barrier(RACERS)

    def vote(number):
        start.wait()
        try:
            approve(approval, world.actor(f"racer{number}"))
        except PortalError as refusal:
            return type(refusal).__name__
        return "voted"

    return Counter(pool.map(vote, range(RACERS)))


def close_connections(pool):
    """Each of the pool's threads its own; they meet, so that none does it for another."""
    met = Barrier(RACERS)
    list(pool.map(lambda _: (met.wait(), connections.close_all()), range(RACERS)))


def test_a_decider_made_by_who_asked_does_not_count(world, wish):
    world.people["dora"] = person("dora")
    give(world.alice, "organization_admin", world.nordwind)
    approval = asked(world, wish)
    assign_role(world.dora, Role.objects.get(key="approver", scope=None), world.retail, actor=world.actor("alice"))
    assert approval not in inbox_of(world.actor("dora"))
    with pytest.raises(Forbidden):
        approve(approval, world.actor("dora"))
    assert effects() == 0


def test_who_asked_adds_nobody_to_the_group_that_decides(world, wish):
    world.people["dora"] = person("dora")
    group = Group.objects.create(scope=world.nordwind, name="Deciders")
    Assignment.objects.create(group=group, role=Role.objects.get(key="approver", scope=None), scope=world.nordwind)
    GroupMember.objects.create(group=group, user=world.bob)
    stage = {"who": {"pick": "group", "group": str(group.pk)}}
    services.publish_policy(
        world.nordwind, "Group", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )
    approval = asked(world, wish)
    GroupMember.objects.create(group=group, user=world.dora, added_by=world.alice)
    assert [approval in inbox_of(world.actor(name)) for name in ("dora", "bob")] == [False, True]
    with pytest.raises(Forbidden):
        approve(approval, world.actor("dora"))
    GroupMember.objects.filter(user=world.dora).update(added_by=world.erin)
    assert approval in inbox_of(world.actor("dora"))
    approve(approval, world.actor("dora"))
    assert effects() == 1


def test_who_was_made_a_decider_long_before_counts(world, wish):
    give(world.alice, "organization_admin", world.nordwind)
    Assignment.objects.filter(user=world.bob).update(granted_by=world.alice, granted_at=clock.now() - timedelta(days=8))
    approval = asked(world, wish)
    assert approval in inbox_of(world.actor("bob"))
    approve(approval, world.actor("bob"))
    assert effects() == 1


def test_one_person_under_two_identities_is_one_voter(world, wish):
    two_of_two(world)
    for subject in ("first", "second"):
        Identity.objects.create(user=world.bob, issuer="https://id.example", subject=subject)
    approval = asked(world, wish)
    for method in ("oidc", "password"):
        approve(approval, Actor(User.objects.get(pk=world.bob.pk), Auth(method, session=method)))
    assert (effects(), Vote.objects.count()) == (0, 1)


@pytest.mark.parametrize("end", ["denied", "expired", "withdrawn", "approved"])
def test_an_end_is_an_end(world, wish, approval, end):
    Approval.objects.update(state=end, settled_at=clock.now())
    for act in (
        lambda: approve(approval, world.actor("bob")),
        lambda: services.vote(approval, "return", approval.card_hash, actor=world.actor("bob"), note="x"),
        lambda: resubmit(approval, actor=world.actor("alice")),
    ):
        with pytest.raises(Conflict):
            act()
    with clock.travel(clock.now() + timedelta(days=30)):
        expire()
    assert (Approval.objects.get().state, effects()) == (end, 0)


def test_the_time_to_do_it_ends_before_the_time_to_decide_it(world, wish):
    approval = asked(world, wish, execution_due=clock.now() + timedelta(hours=1))
    assert approval.decision_due > approval.execution_due
    with clock.travel(clock.now() + timedelta(hours=2)):
        with pytest.raises(Conflict):
            approve(approval, world.actor("bob"))
        expire()
    assert Approval.objects.get().state == "expired"


def staged(world, **stage):
    stage = {"who": {"pick": "role", "role": "approver"}, **stage}
    services.publish_policy(
        world.nordwind, "Rule", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )


def test_a_stage_that_asks_for_a_reason_takes_no_vote_without_one(world, wish):
    staged(world, justification=True)
    approval = asked(world, wish)
    with pytest.raises(Invalid):
        approve(approval, world.actor("bob"))
    approve(approval, world.actor("bob"), note="Needed for the fair")
    assert effects() == 1


def test_a_stage_that_asks_for_evidence_approves_nothing_without_a_file_and_denies_all_the_same(world, wish):
    staged(world, evidence=True)
    approval = asked(world, wish)
    with pytest.raises(Refused):
        approve(approval, world.actor("bob"))
    services.vote(approval, "deny", approval.card_hash, actor=world.actor("bob"), note="No offer attached")
    assert Event.objects.get(action="wish.drop").outcome == "denied"


def test_one_from_each_group_and_nobody_for_two(world, wish):
    groups = [Group.objects.create(scope=world.nordwind, name=name) for name in ("Security", "Finance")]
    world.people["dora"] = person("dora")
    give(world.dora, "approver", world.retail)
    for group, members in zip(groups, ([world.bob, world.dora], [world.bob]), strict=True):
        for member in members:
            GroupMember.objects.create(group=group, user=member)
    staged(world, who={"pick": "groups", "groups": [str(group.pk) for group in groups]}, mode="each")
    approval = asked(world, wish)
    assert approval in inbox_of(world.actor("dora"))
    approve(approval, world.actor("dora"))
    assert effects() == 0
    approve(approval, world.actor("bob"))
    assert effects() == 1


def test_one_person_in_both_groups_is_not_enough_and_the_admins_above_are_asked(world, wish):
    groups = [Group.objects.create(scope=world.nordwind, name=name) for name in ("Security", "Finance")]
    for group in groups:
        GroupMember.objects.create(group=group, user=world.bob)
    staged(world, who={"pick": "groups", "groups": [str(group.pk) for group in groups]}, mode="each")
    assert waits_for(asked(world, wish)) == [world.erin]
