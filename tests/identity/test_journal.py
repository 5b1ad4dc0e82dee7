"""The journal: the identity provider is told in order, until it confirms, however long it is away."""

from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.journal import StepState
from portal.events.models import Event
from portal.identity import journal, people, tasks
from portal.identity.models import ProviderStep
from portal.notices.models import Notice
from portal.users.models import Identity
from tests.identity.planes import account


@pytest.fixture
def hers(world, provider):
    return account(provider, world.alice, "sub-alice")


def disable(world):
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")


def enable(world):
    people.enable_person(world.alice, actor=world.actor("erin"))


def verbs():
    return list(ProviderStep.objects.order_by("turn").values_list("verb", "state"))


def test_disabling_tells_the_provider_after_the_commit(
    world, hers, provider, django_capture_on_commit_callbacks, monkeypatch
):
    sent = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    provider.living["sub-alice"] = ["one", "two"]
    with django_capture_on_commit_callbacks(execute=True):
        disable(world)
    assert sent == [("identity.settle", [str(hers.pk)])]
    tasks.settle(str(hers.pk))
    assert verbs() == [("disable", "done"), ("logout", "done")]
    assert (provider.accounts, provider.living) == ({"sub-alice": False}, {})
    assert Event.objects.filter(action__startswith="identity.confirm_", target_id=str(world.alice.pk)).count() == 2


def test_a_person_without_an_account_there_leaves_no_step(world, provider):
    Identity.objects.create(user=world.alice, issuer="https://another.example", subject="sub-alice")
    disable(world)
    assert not ProviderStep.objects.exists()


def test_the_portal_refuses_at_once_and_the_journal_catches_up(world, hers, provider):
    provider.is_silent = True
    disable(world)
    journal.settle(hers.pk)
    world.alice.refresh_from_db()
    assert not world.alice.is_active
    assert [(step.verb, step.error) for step in people.unconfirmed(world.alice)] == [
        ("disable", "it does not answer"),
        ("logout", ""),
    ]
    provider.is_silent = False
    journal.settle(hers.pk)
    assert provider.asked == [], "not before it is due"
    with clock.travel(clock.now() + journal.LONGEST_WAIT + timedelta(seconds=1)):
        journal.settle(hers.pk)
    assert provider.asked == ["disable", "logout"]
    assert not people.unconfirmed(world.alice)


def test_it_is_never_given_up_and_operators_are_told_once(world, hers, provider):
    provider.is_silent = True
    disable(world)
    start = clock.now()
    for minute in range(30):
        with clock.travel(start + timedelta(minutes=2 * minute)):
            journal.settle(hers.pk)
    step = ProviderStep.objects.first()
    assert (step.state, step.failures, step.tries) == (StepState.ASKED, journal.MOST_COUNTED, 30)
    told = Notice.objects.filter(topic="provider_behind")
    assert {notice.user for notice in told} == {world.dave, world.erin}
    assert told.count() == 2
    provider.is_silent = False
    with clock.travel(start + timedelta(hours=2)):
        journal.settle(hers.pk)
    assert provider.accounts == {"sub-alice": False}


def test_a_wait_counts_no_further_than_it_can_be_kept(world, hers, provider):
    provider.is_silent = True
    disable(world)
    ProviderStep.objects.update(failures=32_767)
    journal.settle(hers.pk)
    assert ProviderStep.objects.first().failures == journal.MOST_COUNTED


def test_what_reading_back_does_not_show_is_not_confirmed(world, hers, provider):
    provider.is_deaf = True
    disable(world)
    journal.settle(hers.pk)
    assert people.unconfirmed(world.alice)[0].error.startswith("It was told to disable")


def test_enabling_waits_for_its_turn_and_signs_out_before(world, hers, provider):
    provider.is_silent = True
    disable(world)
    enable(world)
    provider.is_silent = False
    journal.settle(hers.pk)
    assert provider.asked == ["disable", "logout", "logout", "enable"]
    assert provider.accounts == {"sub-alice": True}


def test_a_worker_that_died_while_asking_is_replaced_when_its_lease_is_over(world, hers, provider):
    disable(world)
    lost = journal.claim(hers.pk)
    journal.settle(hers.pk)
    assert provider.asked == []
    with clock.travel(clock.now() + journal.LEASE + timedelta(seconds=1)):
        journal.settle(hers.pk)
        assert provider.asked == ["disable", "logout"]
        assert not journal.carry_out(lost), "the one that comes back late writes nothing"
    assert verbs() == [("disable", "done"), ("logout", "done")]


def test_an_account_that_is_gone_there_is_as_good_as_disabled(world, hers, provider):
    provider.accounts.clear()
    disable(world)
    journal.settle(hers.pk)
    assert verbs() == [("disable", "done"), ("logout", "done")]


def test_a_fault_of_ours_is_said_and_tried_again(world, hers, provider, monkeypatch):
    monkeypatch.setattr(provider, "set_enabled", lambda *_: 1 / 0)
    disable(world)
    journal.settle(hers.pk)
    assert people.unconfirmed(world.alice)[0].error.startswith("ZeroDivisionError")


def test_the_sweep_hands_out_what_was_lost(world, hers, provider, django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    disable(world)
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, args)))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert sent == [("identity.settle", [str(hers.pk)])]
