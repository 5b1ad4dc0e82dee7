"""Reminders: of tokens that end, once a mark; of accounts whose owner is gone, once."""

from datetime import timedelta

import pytest

from portal.access.models import Assignment
from portal.core import clock
from portal.identity import reminders, service_accounts, tokens
from portal.identity.tasks import tell_ends
from portal.notices.models import Notice
from portal.users.actor import Actor
from tests.cast import give
from tests.identity.test_accounts import DAY, give_over, key, made


def told(topic="token_ends"):
    return [(notice.user.username, notice.params.get("days")) for notice in Notice.objects.filter(topic=topic).order_by("id")]


def at(days):
    return clock.travel(clock.now() + days * DAY)


@pytest.mark.parametrize("whose", ["alice", "robot"])
def test_its_owner_is_told_fourteen_and_three_days_before_a_token_ends_once_each(world, whose):
    if whose == "robot":
        key(world, made(world), expires=clock.now() + 30 * DAY)
    else:
        tokens.create_token(name="own", expires=clock.now() + 30 * DAY, actor=world.actor("alice"))
    for days, then in ((10, []), (16, ["14"]), (20, ["14"]), (27, ["14", "3"]), (28, ["14", "3"]), (31, ["14", "3"])):
        with at(days):
            tell_ends()
            tell_ends()
            assert told() == [("alice", left) for left in then], days


@pytest.mark.parametrize(("lives", "then"), [(2, []), (7, ["3"]), (20, ["14", "3"])])
def test_a_token_made_for_less_than_a_mark_is_not_told_of_at_that_mark(world, lives, then):
    tokens.create_token(name="own", expires=clock.now() + lives * DAY, actor=world.actor("alice"))
    for quarter in range(4 * lives):
        with at(quarter / 4):
            reminders.tell_ends(actor=Actor.system())
    assert [days for _who, days in told()] == then


def test_what_was_rotated_or_revoked_is_not_told_of(world):
    account = made(world)
    tokens.rotate_token(key(world, account)[0], overlap=168, actor=world.actor("alice"))
    tokens.revoke_token(key(world, account)[0], actor=world.actor("alice"))
    with at(6):
        assert reminders.tell_ends(actor=Actor.system()) == 0


def test_admins_are_told_once_of_an_account_whose_owner_is_gone_and_again_after_she_was_back(world):
    account = made(world)
    give(world.dave, "tenant_admin", world.retail)
    tell_ends()
    assert told("account_orphaned") == []
    here = Assignment.objects.filter(user=world.alice, scope=world.retail)
    here.update(expires=clock.now() - DAY)
    tell_ends()
    tell_ends()
    assert sorted(who for who, _days in told("account_orphaned")) == ["dave", "erin"]
    here.update(expires=None)
    tell_ends()
    here.update(expires=clock.now() - DAY)
    tell_ends()
    assert len(told("account_orphaned")) == 4
    give_over(world, account)
    tell_ends()
    assert len(told("account_orphaned")) == 4


def test_of_an_ended_account_nobody_is_told(world):
    account = made(world)
    service_accounts.end_service_account(account, actor=world.actor("erin"))
    Assignment.objects.filter(user=world.alice).update(expires=clock.now() - timedelta(days=1))
    tell_ends()
    assert told("account_orphaned") == []
