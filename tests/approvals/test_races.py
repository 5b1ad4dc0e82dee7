"""What happens at the same moment: real threads and processes on a database of their own."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import pytest

from portal.approvals import services
from portal.approvals.models import Approval, Vote
from portal.approvals.returning import resubmit
from portal.approvals.timeouts import expire
from portal.core import clock
from portal.events.models import Event
from portal.users.actor import Actor
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give, person
from tests.databases import url_of
from tests.races import at_once
from tests.sizes import size

ROOT = Path(__file__).resolve().parents[2]
ENDS = [f"approvals.{verb}" for verb in ("approve", "deny", "withdraw", "expire")]


class MeetingKind(WishKind):
    """A wish whose facts can be read only by two at the same moment."""

    door: ClassVar[Barrier | None] = None

    def facts(self, subject):
        if self.door:
            self.door.wait(timeout=20)
        return super().facts(subject)


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


def asked(world, name="w1"):
    wish = WishKind.wishes[name] = Wish(name, world.web)
    return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish", key=name)


def approve(approval, actor):
    return services.vote(approval, "approve", approval.card_hash, actor=actor)


def effects(what="apply"):
    return Event.objects.filter(action=f"wish.{what}").count()


def test_one_account_decides_two_things_at_the_same_time(fresh_db, world, settings):
    """Both are inside their transactions, past the lock, when they meet: neither waits for the other."""
    one, other = asked(world, "w1"), asked(world, "w2")
    settings.PORTAL_APPROVAL_KINDS = ["tests.approvals.test_races.MeetingKind"]
    MeetingKind.door = Barrier(2)
    try:
        answers = at_once(lambda: approve(one, world.actor("bob")), lambda: approve(other, world.actor("bob")))
    finally:
        MeetingKind.door = None
    assert [getattr(answer, "state", answer) for answer in answers] == ["approved", "approved"]
    assert effects() == 2


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_approved_denied_returned_withdrawn_and_expired_at_once_it_ends_once(fresh_db, world, figures):
    world.people["dora"] = person("dora")
    give(world.dora, "approver", world.retail)
    rounds = size(10, 200)
    ends = Counter()
    for number in range(rounds):
        approval = asked(world, f"w{number}")
        Approval.objects.filter(pk=approval.pk).update(execution_due=clock.now() + timedelta(seconds=0.05))
        at_once(
            lambda each=approval: approve(each, world.actor("bob")),
            lambda each=approval: services.vote(each, "deny", each.card_hash, actor=world.actor("dora"), note="No"),
            lambda each=approval: services.vote(each, "return", each.card_hash, actor=world.actor("dora"), note="Less"),
            lambda each=approval: services.withdraw(each, actor=world.actor("alice")),
            lambda each=approval: expire(each.pk, actor=Actor.system()),
        )
        state = Approval.objects.get(pk=approval.pk).state
        ends[state] += 1
        ended = Event.objects.filter(target_id=str(approval.pk), action__in=ENDS).count()
        assert ended == (state != "returned"), "a return may be followed by one end, an end by nothing"
        assert effects() == ends["approved"]
        assert effects("drop") == ends["denied"] + ends["withdrawn"] + ends["expired"]
    figures(rounds=rounds, **ends)


def test_sent_again_and_withdrawn_at_once_it_is_one_of_the_two(fresh_db, world):
    approval = asked(world)
    services.vote(approval, "return", approval.card_hash, actor=world.actor("bob"), note="Less")
    at_once(
        lambda: resubmit(approval, actor=world.actor("alice")),
        lambda: services.withdraw(approval, actor=world.actor("alice")),
        lambda: resubmit(approval, actor=world.actor("alice")),
    )
    assert Approval.objects.get().state == "withdrawn"
    assert Event.objects.filter(action="approvals.resubmit").count() <= 1


def test_a_voter_killed_before_the_effect_is_kept_leaves_nothing_and_the_next_vote_does_it_once(fresh_db, world):
    approval = asked(world)
    environment = {**os.environ, "DATABASE_URL": url_of(fresh_db)}
    command = [sys.executable, "-m", "tests.approvals.racer", str(approval.pk)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    approval.refresh_from_db()
    assert (approval.state, Vote.objects.count(), effects()) == ("waiting", 0, 0)
    assert approve(approval, world.actor("bob")).state == "approved"
    assert effects() == 1
