"""Duty checks: a person and her service accounts are one person, whoever is given what meanwhile."""

import random
from uuid import UUID

import pytest

from portal.approvals import services
from portal.approvals.eligibility import bench_of
from portal.approvals.models import Approval, Vote
from portal.approvals.queries import inbox_of
from portal.approvals.settling import stages_of
from portal.core.errors import Forbidden, PortalError
from portal.events.models import Event
from portal.identity import service_accounts
from portal.identity.models import ServiceAccount
from portal.users.actor import Actor, Auth
from portal.users.models import User
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person
from tests.sizes import size

WORLDS = size(40, 1000)
PEOPLE = ("p0", "p1", "p2", "p3")


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


def acting(user):
    return Actor(User.objects.select_related("owner").get(pk=user.pk), Auth("token"))


def ask(world, user, **more):
    WishKind.wishes["w1"] = Wish("w1", world.web)
    return services.ask("wish", WishKind.wishes["w1"], actor=acting(user), scope=world.web, title="A wish", **more)


def vote(approval, user):
    return services.vote(approval, "approve", approval.card_hash, actor=acting(user))


def quorum_of(world, needed):
    stage = {"who": {"pick": "role", "role": "approver"}, "mode": "quorum", "needed": needed}
    services.publish_policy(
        world.nordwind, "N", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )


def account_of(world, name, owner):
    account = service_accounts.create_service_account(world.web, name, owner=owner, actor=world.actor("erin"))
    give(account.user, "approver", world.retail)
    return account


def hand(world, account, to):
    account = ServiceAccount.objects.select_related("user__owner", "scope").get(pk=account.pk)
    return service_accounts.give_over(account, to, overlap=0, actor=world.actor("erin"))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_in_any_world_no_person_decides_twice_nor_what_she_or_her_account_asked(world, seed):
    draw = random.Random(seed)
    people = [person(name) for name in PEOPLE]
    for each in people:
        give(each, "approver", world.retail)
    robots = [account_of(world, f"r{number}", draw.choice(people)) for number in range(3)]
    users = [*people, *(robot.user for robot in robots)]
    needed = draw.choice((1, 2, 3))
    quorum_of(world, needed)
    beneficiary = draw.choice([None, *users])
    asker = draw.choice(users)
    apart = {acting(each).person_id for each in (asker, beneficiary) if each}
    approval = ask(world, asker, beneficiary=beneficiary)
    said = []
    for _ in range(12):
        if draw.random() < 0.25:
            hand(world, draw.choice(robots), draw.choice(people))
        voter = acting(draw.choice(users))
        behind = {acting(each).person_id for each in (asker, beneficiary) if each} | apart
        try:
            approval = vote(Approval.objects.get(pk=approval.pk), voter.user)
        except PortalError:
            assert approval.state != "waiting" or voter.person_id in behind | set(said)
            continue
        assert voter.person_id not in behind
        said.append(voter.person_id)
        for stage in stages_of(approval):
            assert not behind & set(map(UUID, bench_of(stage, approval).eligible))
    counted = list(Vote.objects.filter(approval=approval, void=False).values_list("person", flat=True))
    assert len(counted) == len(set(counted))
    assert not apart & set(counted)
    assert (Event.objects.filter(action="wish.apply").count() == 1) == (approval.state == "approved")
    assert approval.state != "approved" or len(counted) >= needed


def test_who_asked_by_an_account_cannot_decide_after_giving_it_away(world):
    asker = person("p0")
    give(asker, "approver", world.retail)
    account = account_of(world, "robot", asker)
    approval = ask(world, account.user)
    hand(world, account, world.carol)
    with pytest.raises(Forbidden):
        vote(approval, asker)
    assert approval not in inbox_of(acting(asker))


def test_who_was_given_the_account_that_asked_cannot_decide_either(world):
    account = account_of(world, "robot", person_at(world))
    approval = ask(world, account.user)
    assert approval in inbox_of(acting(world.bob))
    hand(world, account, world.bob)
    with pytest.raises(Forbidden):
        vote(approval, world.bob)
    assert approval not in inbox_of(acting(world.bob))


def person_at(world):
    made = person("p0")
    give(made, "member", world.web)
    return made
