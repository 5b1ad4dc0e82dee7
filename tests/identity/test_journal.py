"""The journal: the identity provider is told in order, until it confirms, however long it is away."""

from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.journal import StepState
from portal.events.models import Event
from portal.identity import journal, people, services, tasks
from portal.identity.models import ProviderStep, Session
from portal.notices.models import Notice
from portal.users.models import Identity
from tests.cast import PASSWORD
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
    assert sent == [("leases.revoke_person", [str(world.alice.pk)]), ("identity.settle", [str(hers.pk)])]
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


# Sessions that she ends herself


def sign_outs():
    return list(ProviderStep.objects.order_by("turn").values_list("verb", "asked", "state"))


def test_a_browser_she_signs_out_is_signed_out_there_and_the_others_are_not(world, hers, provider, through):
    here, there = through(hers, "one"), through(hers, "two")
    provider.living["sub-alice"] = ["one", "two", "three"]
    row = Session.objects.get(sid="two")
    for _again in range(2):
        assert here.post(f"/profile/sessions/{row.pk}/end/").status_code == 302
    journal.settle(hers.pk)
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert provider.living["sub-alice"] == ["one", "three"]
    assert sign_outs() == [("sign_out", {"sid": "two"}, "done")]


def test_signing_out_everywhere_ends_all_of_hers_there(world, hers, provider, through):
    here = through(hers, "one")
    provider.living["sub-alice"] = ["one", "of another service"]
    assert here.post("/profile/end-sessions/").status_code == 302
    journal.settle(hers.pk)
    assert "sub-alice" not in provider.living
    assert sign_outs() == [("sign_out", {}, "done")]


def test_a_session_that_came_from_elsewhere_or_is_gone_there_asks_for_nothing(world, hers, provider, through, client):
    client.post("/signin/", {"username": "alice", "password": PASSWORD})
    other = Identity.objects.create(user=world.alice, issuer="https://another.example", subject="sub-alice")
    through(other, "one"), through(hers, "")
    for row in Session.objects.all():
        services.end_session(row.pk, actor=world.actor("alice"))
    assert not ProviderStep.objects.exists()
    through(hers, "ended there")
    services.end_session(Session.objects.get(sid="ended there").pk, actor=world.actor("alice"))
    journal.settle(hers.pk)
    assert (provider.asked, sign_outs()) == ([], [("sign_out", {"sid": "ended there"}, "done")])


def test_it_is_ended_when_the_provider_is_back_and_nobody_is_alarmed_meanwhile(world, hers, provider, through):
    through(hers, "one")
    provider.living["sub-alice"] = ["one"]
    provider.is_silent = True
    services.end_session(Session.objects.get().pk, actor=world.actor("alice"))
    start = clock.now()
    for minute in range(10):
        with clock.travel(start + timedelta(minutes=2 * minute)):
            journal.settle(hers.pk)
    assert not Notice.objects.exists()
    assert people.unconfirmed(world.alice) == []
    assert people.provider_state().waiting == 1
    provider.is_silent = False
    with clock.travel(start + timedelta(hours=1)):
        journal.settle(hers.pk)
    assert provider.living["sub-alice"] == []


def test_who_signs_in_again_and_again_does_not_keep_her_disabling_waiting(world, hers, provider, monkeypatch):
    """A sign-out means the sessions that were there; one begun meanwhile is no reason to go on with it."""
    provider.living["sub-alice"] = ["one"]
    services.sign_out_everywhere(actor=world.actor("alice"))
    disable(world)
    ended = provider.end_sessions

    def sign_in_again(subject):
        ended(subject)
        if provider.accounts[subject]:
            provider.living[subject] = ["begun meanwhile"]

    monkeypatch.setattr(provider, "end_sessions", sign_in_again)
    journal.settle(hers.pk)
    assert verbs() == [("sign_out", "done"), ("disable", "done"), ("logout", "done")]


def test_one_that_lives_on_there_is_not_confirmed(world, hers, provider, through):
    through(hers, "one")
    provider.living["sub-alice"], provider.is_deaf = ["one"], True
    services.end_session(Session.objects.get().pk, actor=world.actor("alice"))
    journal.settle(hers.pk)
    assert ProviderStep.objects.get().error == "It was told to end her sessions, and has 1 of them."
