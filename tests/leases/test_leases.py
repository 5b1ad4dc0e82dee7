"""Leases from ask to end: minted for who is here, shown once, ended in the cloud whatever ended them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.access.guard import require_fresh
from portal.access.models import Assignment, Group, Role
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy, vote, withdraw
from portal.clouds.models import Connection, ConnectionState
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from portal.core.models import Parcel
from portal.events.models import Event
from portal.identity import people
from portal.identity import services as identity
from portal.leases import endings, lending, minting, offers, queries, services, tasks
from portal.leases.models import Lease, LeaseEnd, LeaseState, Lender
from portal.tenancy.groups import remove_member
from portal.tenancy.services import end_assignment
from portal.users.actor import Actor, Auth
from tests.cast import give
from tests.leases.cloud import Killed, Lending, does_and_says, refused, says, unreachable
from tests.leases.desk import HOUR, offer

HELD, ENDING, ENDED, FAILED, REFUSED = (LeaseState(name) for name in ("held", "ending", "ended", "failed", "refused"))


def secret(desk, lease, who="alice"):
    return services.take_secret(lease, actor=desk.world.actor(who))


def approval_of(lease):
    return Approval.objects.get(subject_kind="lease", subject_id=str(lease.pk))


@pytest.fixture
def governed(desk):
    """Bob decides on every lease."""
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    erin = desk.world.actor("erin")
    publish_policy(desk.world.retail, "Leases", subject_kind="lease", conditions=[], stages=stages, actor=erin)
    return desk


def test_she_asks_holds_reads_once_and_it_ends_with_its_hour(desk):
    lease = desk.held()
    assert (lease.state, len(Lending.held), lease.ends - lease.begins <= HOUR) == (HELD, 1, True)
    shown = secret(desk, lease)
    assert (shown.env, shown.profile_path) == ({"CLOUD_KEY": "s3cret-1"}, "~/.cloud/config")
    assert secret(desk, lease) is None
    desk.sweep(minutes=59)
    assert Lending.held
    desk.sweep(minutes=61)
    assert (desk.seen(lease).state, desk.seen(lease).ended_why, Lending.held) == (ENDED, "time", {})


def test_the_secret_is_in_no_row_and_no_event(desk):
    lease = desk.held()
    rows = [str(Lease.objects.filter(pk=lease.pk).values().get()), *map(str, lease.steps.values())]
    rows += [str(event) for event in Event.objects.values()]
    assert not [row for row in rows if "s3cret" in row]
    actions = list(Event.objects.filter(target_id=str(lease.pk)).order_by("at").values_list("action", flat=True))
    assert actions == ["leases.ask", "leases.mint", "leases.hold"]


def test_a_second_click_is_the_first(desk):
    assert desk.ask().pk == desk.ask().pk
    assert desk.work(desk.ask()).state == HELD
    minting.settle(desk.ask().pk)
    assert Lending.calls == ["lease reader"]


def test_what_waits_unread_for_ten_minutes_is_gone(desk):
    lease = desk.held()
    with clock.travel(clock.now() + timedelta(minutes=11)):
        assert secret(desk, lease) is None


def test_nobody_reads_ends_or_sees_the_lease_of_another(desk):
    give(desk.world.bob, "member", desk.world.web)
    lease = desk.held()
    for act in (secret, lambda *_: queries.lease_visible_to(desk.world.actor("bob"), lease.pk)):
        with pytest.raises(NotFound):
            act(desk, lease, "bob")
    with pytest.raises(NotFound):
        services.end_lease(lease, actor=desk.world.actor("mallory"))
    assert secret(desk, lease) is not None


def test_who_may_take_none_there_is_told_nothing(desk):
    for name in ("bob", "carol", "erin", "mallory"):
        with pytest.raises(NotFound):
            desk.ask(name)
        assert not queries.offers_for(desk.world.actor(name))
    assert list(queries.offers_for(desk.world.actor("alice"))) == [desk.offer]


def test_nobody_leases_for_who_is_absent(desk):
    alice = desk.world.alice
    robot = type(alice).objects.create(kind_of_user="service", username="robot", owner=alice)
    give(robot, "member", desk.world.web)
    for who in (Actor(alice, Auth("token", session="abc")), Actor(robot, Auth("password"))):
        with pytest.raises(Forbidden):
            desk.ask(who)
    with pytest.raises(Unavailable):
        desk.ask(replace(desk.world.actor("alice"), checked_at=clock.now() - timedelta(seconds=11)))
    with pytest.raises(Forbidden):
        desk.ask(replace(desk.world.actor("alice"), viewed_as_by=desk.world.erin))
    assert not Lease.objects.exists()


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("duration", {"duration": timedelta(minutes=14)}),
        ("duration", {"duration": 4 * HOUR + timedelta(seconds=1)}),
        ("duration", {"duration": timedelta(days=9000)}),
        ("purpose", {"purpose": "  "}),
        ("purpose", {"purpose": "x" * 401}),
        ("purpose", {"purpose": "a\x00b"}),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(desk, field, given):
    with pytest.raises(Invalid) as error:
        desk.ask(**given)
    assert list(error.value.extra["fields"]) == [field]


def test_she_holds_at_most_twenty(desk):
    for number in range(services.MOST_HELD):
        desk.ask(key=str(number))
    with pytest.raises(Refused):
        desk.ask(key="one more")


def test_a_role_that_ended_ends_the_lease_at_once(desk, django_capture_on_commit_callbacks):
    lease = desk.held()
    assignment = Assignment.objects.get(user=desk.world.alice)
    assignment.delete()
    assert secret_refused(desk, lease)
    endings.end_without_role([desk.world.alice.pk])
    assert desk.seen(lease).state == ENDING
    desk.work(lease)
    assert (desk.seen(lease).state, desk.seen(lease).ended_why, Lending.held) == (ENDED, "role", {})


def test_the_sweep_ends_what_a_role_of_a_group_or_a_leave_took(desk):
    lease = desk.held()
    Assignment.objects.filter(user=desk.world.alice).update(expires=clock.now() - timedelta(seconds=1))
    desk.sweep()
    assert (desk.seen(lease).state, desk.seen(lease).ended_why, Lending.held) == (ENDED, "role", {})


def test_leaving_a_group_enqueues_the_end(desk, monkeypatch, django_capture_on_commit_callbacks):
    sent, world = [], desk.world
    Assignment.objects.filter(user=world.alice).delete()
    team = Group.objects.create(scope=world.web, name="Team")
    team.members.set([world.alice, world.bob])
    Assignment.objects.create(group=team, role=Role.objects.get(key="member", scope=None), scope=world.web)
    lease = desk.held()
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(team, world.alice, actor=world.actor("erin"))
    assert ("leases.revoke_person", [str(world.alice.pk)]) in sent
    tasks.revoke_person(str(world.alice.pk))
    assert (desk.work(lease).state, Lending.held) == (ENDED, {})


def test_taking_her_role_enqueues_the_end(desk, monkeypatch, django_capture_on_commit_callbacks):
    sent, lease = [], desk.held()
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    with django_capture_on_commit_callbacks(execute=True):
        end_assignment(Assignment.objects.get(user=desk.world.alice), actor=desk.world.actor("erin"))
    assert ("leases.revoke_person", [str(desk.world.alice.pk)]) in sent
    tasks.revoke_person(str(desk.world.alice.pk))
    assert desk.work(lease).state == ENDED
    assert Lending.held == {}


def secret_refused(desk, lease):
    try:
        return secret(desk, lease) is None
    except (Forbidden, NotFound):
        return True


def test_ending_a_role_or_disabling_her_enqueues_the_end(desk, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    desk.held()
    with django_capture_on_commit_callbacks(execute=True):
        identity.sign_out_everywhere(actor=desk.world.actor("alice"))
        people.disable_person(desk.world.alice, actor=desk.world.actor("erin"), reason="Gone")
    assert sent.count(("leases.revoke_person", [str(desk.world.alice.pk)])) == 2


def test_an_epoch_that_moved_kills_the_parcel_and_the_lease(desk):
    lease = desk.held()
    identity.sign_out_everywhere(actor=desk.world.actor("alice"))
    assert secret(desk, lease) is None
    desk.sweep()
    assert (desk.seen(lease).state, Lending.held) == (ENDED, {})
    assert not Parcel.objects.filter(about=lease.parcel).exists()


def test_who_was_disabled_while_it_was_minted_gets_nothing(desk):
    def leaves(do):
        people.disable_person(desk.world.alice, actor=desk.world.actor("erin"), reason="Gone")
        return do()

    Lending.script = [leaves]
    lease = desk.held()
    assert (lease.state, Lending.held, Lending.calls) == (ENDED, {}, ["lease reader", "end reader"])


def test_an_offer_that_is_withdrawn_ends_what_is_held_of_it(desk):
    lease = desk.held()
    offers.withdraw_offer(desk.offer, actor=desk.world.actor("dave"))
    offers.withdraw_offer(desk.offer, actor=desk.world.actor("dave"))
    assert desk.work(lease).state == ENDED
    with pytest.raises(Conflict):
        desk.ask(key="late")
    assert not queries.offers_for(desk.world.actor("alice"))


def test_a_connection_that_is_disabled_lends_nothing_and_says_until_when_it_still_opens(desk):
    lease = desk.held()
    Connection.objects.filter(pk=desk.cloud.pk).update(state=ConnectionState.DISABLED)
    desk.sweep()
    found = desk.seen(lease)
    assert (found.state, found.ended_why, found.opens_until) == (ENDING, "connection", found.expires)
    with pytest.raises(Conflict):
        desk.ask(key="late")


def test_she_and_the_operator_end_it_before_its_time_and_twice_is_once(desk):
    mine, other = desk.held(), desk.held(key="2")
    assert services.end_lease(mine, actor=desk.world.actor("alice")).ended_why == LeaseEnd.HERSELF
    assert services.end_lease(mine, actor=desk.world.actor("alice")).ended_why == LeaseEnd.HERSELF
    assert services.end_lease(other, actor=desk.world.actor("dave")).ended_why == LeaseEnd.OPERATOR
    assert (desk.work(mine).state, desk.work(other).state, Lending.held) == (ENDED, ENDED, {})


def test_an_end_is_asked_for_until_the_cloud_confirms(desk):
    lease = desk.held()
    Lending.script = [says(unreachable())] * 20
    services.end_lease(lease, actor=desk.world.actor("alice"))
    for hours in range(20):
        assert desk.work(lease, hours=hours).state == ENDING
    assert desk.seen(lease).error == "No answer within 90 seconds."
    assert (desk.work(lease, hours=21).state, desk.seen(lease).error, Lending.held) == (ENDED, "", {})


def test_what_cannot_be_revoked_says_until_when_it_opens(desk):
    Lender.objects.update(is_revocable=False)
    lease = desk.held()
    services.end_lease(lease, actor=desk.world.actor("alice"))
    lease = desk.work(lease)
    assert (lease.state, lease.opens_until) == (ENDED, lease.expires)
    with clock.travel(lease.expires + timedelta(seconds=1)):
        assert lease.opens_until is None


def test_a_cloud_that_refuses_her_leaves_nothing_behind(desk):
    Lending.script = [says(refused())]
    lease = desk.held()
    assert (lease.state, lease.error_kind, lease.is_in_cloud, Lending.held) == (FAILED, "permission", False, {})
    assert secret(desk, lease) is None


def test_a_cloud_that_is_away_is_asked_again_and_then_given_up_clean(desk):
    Lending.script = [does_and_says(unreachable())]
    lease = desk.held()
    assert (lease.state, len(Lending.held)) == (LeaseState.MINTING, 1)
    assert (desk.work(lease, minutes=1).state, len(Lending.held)) == (HELD, 1)
    Lending.script = [does_and_says(unreachable())] * 8
    other = desk.ask(key="2", duration=4 * HOUR)
    for minutes in range(0, 120, 12):
        desk.work(other, minutes=minutes)
    assert (desk.seen(other).state, desk.seen(other).is_in_cloud, len(Lending.held)) == (FAILED, False, 1)


@pytest.mark.parametrize("dies", [says, does_and_says])
def test_a_killed_worker_leaves_one_lease_or_none(desk, dies):
    Lending.script = [dies(Killed())]
    lease = desk.ask()
    with pytest.raises(Killed):
        minting.settle(lease.pk)
    assert desk.work(lease).state == LeaseState.MINTING
    desk.sweep(minutes=3)
    assert (desk.seen(lease).state, len(Lending.held), desk.seen(lease).steps.count()) == (HELD, 1, 1)


def test_what_a_killed_worker_made_is_ended_by_its_key_when_nobody_wants_it_any_more(desk):
    Lending.script = [does_and_says(Killed())]
    lease = desk.ask()
    with pytest.raises(Killed):
        minting.settle(lease.pk)
    services.end_lease(lease, actor=desk.world.actor("alice"))
    assert desk.work(lease).state == ENDING
    assert (desk.work(lease, minutes=3).state, desk.seen(lease).external_id, Lending.held) == (ENDED, "", {})


def test_ended_before_a_worker_came_no_cloud_is_asked(desk):
    lease = desk.ask()
    services.end_lease(lease, actor=desk.world.actor("alice"))
    assert (desk.work(lease).state, Lending.calls) == (ENDED, [])


def test_a_policy_asks_bob_and_she_takes_it_when_she_is_here(governed):
    lease = governed.ask()
    assert (lease.state, Lending.calls) == (LeaseState.WAITING, [])
    approval = approval_of(lease)
    assert approval.facts["minutes"] == 60
    vote(approval, "approve", approval.card_hash, actor=governed.world.actor("bob"))
    lease = governed.work(lease)
    assert (lease.state, Lending.calls) == (LeaseState.READY, [])
    with pytest.raises(NotFound):
        services.take_lease(lease, actor=governed.world.actor("dave"))
    services.take_lease(lease, actor=governed.world.actor("alice"))
    services.take_lease(lease, actor=governed.world.actor("alice"))
    lease = governed.work(lease)
    assert (lease.state, lease.ends - lease.begins > timedelta(minutes=59)) == (HELD, True)


def test_what_was_denied_withdrawn_or_not_taken_is_over(governed):
    denied, withdrawn, late = (governed.ask(key=key) for key in ("a", "b", "c"))
    approval = approval_of(denied)
    vote(approval, "deny", approval.card_hash, actor=governed.world.actor("bob"), note="No")
    withdraw(approval_of(withdrawn), actor=governed.world.actor("alice"))
    approval = approval_of(late)
    vote(approval, "approve", approval.card_hash, actor=governed.world.actor("bob"))
    with clock.travel(clock.now() + timedelta(hours=9)), pytest.raises(Conflict):
        services.take_lease(late, actor=governed.world.actor("alice"))
    governed.sweep(hours=9)
    assert [governed.seen(lease).state for lease in (denied, withdrawn, late)] == [REFUSED, REFUSED, ENDED]
    assert Lending.calls == []


def test_the_end_of_one_that_waits_withdraws_the_decision(governed):
    mine, other = governed.ask(key="a"), governed.ask(key="b")
    services.end_lease(mine, actor=governed.world.actor("alice"))
    offers.withdraw_offer(governed.offer, actor=governed.world.actor("dave"))
    assert [governed.seen(lease).state for lease in (mine, other)] == [REFUSED, REFUSED]
    assert {approval_of(lease).state for lease in (mine, other)} == {"withdrawn"}


def test_an_account_that_cannot_be_read_keeps_its_last_good_picture(desk):
    Lending.errors = {"eu-west-1": unreachable()}
    lending.read(desk.cloud.pk)
    lender = Lender.objects.get()
    assert (lender.lends, len(lender.targets), lender.error_kind) == (True, 2, "unreachable")


def test_an_offer_says_what_does_not_fit(desk):
    for field, given in {
        "name": {"name": " "},
        "scope": {"scope": desk.world.other},
        "longest": {"longest": timedelta(days=3)},
        "target": {"target": "nothing"},
        "options-access": {"options": {"access": "all"}},
    }.items():
        with pytest.raises((Invalid, NotFound)) as error:
            offer(desk.world, desk.cloud, **{"name": "Another", **given})
        assert field == "scope" or field in error.value.extra["fields"]
    with pytest.raises(Refused, match="lets in everybody"):
        offer(desk.world, desk.cloud, "Open", target="open")
    with pytest.raises(Invalid):
        offer(desk.world, desk.cloud)
    with pytest.raises(NotFound):
        offers.offer_lease(
            desk.cloud,
            desk.world.web,
            "x",
            target="reader",
            longest=HOUR,
            needs_purpose=False,
            actor=desk.world.actor("alice"),
        )


def test_what_decides_takes_a_fresh_look(desk):
    old = replace(desk.world.actor("dave"), checked_at=clock.now() - timedelta(seconds=11))
    with pytest.raises(Unavailable):
        require_fresh(old)
    with pytest.raises(Unavailable):
        offers.withdraw_offer(desk.offer, actor=old)
