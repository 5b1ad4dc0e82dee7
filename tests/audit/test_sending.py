"""Webhooks against a server that really answers: in order, signed, at least once, and never where the owner may not look."""

import base64
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from portal.access.models import Assignment
from portal.audit import queries, sending, services, signing, tasks
from portal.audit.models import Attempt, Delivery, DeliveryState, Paused, Subscription, SubscriptionState
from portal.core import clock
from portal.events.models import Event
from portal.identity import outside
from portal.notices.models import Notice
from tests.audit.sealer import seal_all
from tests.races import at_once


def later(minutes):
    return clock.travel(clock.now() + timedelta(minutes=minutes))


def test_events_arrive_in_their_order_as_signed_cloud_events(world, receiver, subscribed, happen):
    subscription = subscribed()
    events = [happen("tenancy.rename", before="web", number=number) for number in range(3)]
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(event.pk) for event in events]
    first = receiver.messages[0]
    assert first.headers["content-type"].startswith("application/cloudevents+json")
    assert first.is_signed_by(world.secret)
    assert not first.is_signed_by(signing.secret_text(b"another" * 5))
    assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
    said = first.said
    assert (said["specversion"], said["type"], said["id"]) == ("1.0", "concord.tenancy.rename", str(events[0].pk))
    assert said["subject"] == f"scope/{world.web.pk}"
    assert said["data"]["actor"] == {"id": str(world.erin.pk), "name": "Erin Test"}
    assert said["data"]["detail"] == {"before": "web", "number": 0}
    sequences = [message.said["sequence"] for message in receiver.messages]
    assert sequences == sorted(sequences)
    assert len(set(sequences)) == 3


def test_signatures_are_those_of_the_specification():
    """The example that the Standard Webhooks specification and its libraries are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signing.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)
    assert made == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [500, 404, 302, 307, 301])
def test_what_is_not_taken_is_sent_again_with_its_id_and_holds_the_order(receiver, subscribed, happen, status):
    subscription, events = subscribed(), [happen(), happen()]
    receiver.answers = [status]
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(events[0].pk)]
    sending.deliver(subscription.pk)
    assert len(receiver.ids) == 1, "it is not due yet"
    with later(1):
        sending.deliver(subscription.pk)
    assert receiver.ids == [str(events[0].pk), *(str(event.pk) for event in events)]
    assert not receiver.elsewhere, "nobody follows a redirect"
    log = Delivery.objects.get(event_id=events[0].pk)
    assert (log.state, log.tries) == (DeliveryState.SENT, 2)
    tries = list(Attempt.objects.filter(delivery=log).values_list("status", flat=True))
    assert tries == [status, 200]
    assert log.attempts.first().error


def test_an_address_that_does_not_answer_in_time_is_tried_later(receiver, subscribed, happen, monkeypatch):
    monkeypatch.setattr(outside, "WITHIN_S", 0.2)
    subscription = subscribed()
    event = happen()
    receiver.answers = [0.5]
    sending.deliver(subscription.pk)
    [tried] = Attempt.objects.all()
    assert tried.status is None
    assert "does not answer" in tried.error
    assert tried.duration_ms >= 150
    with later(1):
        sending.deliver(subscription.pk)
    assert receiver.ids == [str(event.pk)] * 2


def test_a_head_that_drips_is_cut_off(receiver, subscribed, happen, monkeypatch):
    monkeypatch.setattr(outside, "ALTOGETHER_S", 0.3)
    subscription = subscribed()
    happen()
    receiver.answers = [0.9]
    began = time.monotonic()
    sending.deliver(subscription.pk)
    assert time.monotonic() - began < 0.85
    assert Attempt.objects.get().status is None


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1"])
def test_a_name_that_leads_to_a_forbidden_address_is_not_called(receiver, subscribed, happen, monkeypatch, address):
    """Asked at the call and not when it was subscribed: a name can mean another address by then."""
    subscription = subscribed()
    Subscription.objects.filter(pk=subscription.pk).update(url="https://hooks.example.org/x")
    monkeypatch.setattr("portal.core.outbound.socket.getaddrinfo", lambda *_a, **_k: [(2, 1, 6, "", (address, 0))])
    happen()
    sending.deliver(subscription.pk)
    assert address in Attempt.objects.get().error
    assert not receiver.messages


def test_a_worker_killed_between_sending_and_marking_sends_it_again_and_loses_none(receiver, subscribed, happen, monkeypatch):
    subscription, events = subscribed(), [happen(), happen()]

    class Killed(BaseException):
        """As SIGKILL: nothing after it runs, the release neither."""

    def die(*_args):
        raise Killed

    monkeypatch.setattr(sending, "end_turn", die)
    with pytest.raises(Killed):
        sending.step(subscription.pk, holder := sending.uuid.uuid4())
    monkeypatch.undo()
    assert receiver.ids == [str(events[0].pk)]
    assert Subscription.objects.get().holder == holder
    sending.deliver(subscription.pk)
    assert len(receiver.ids) == 1, "it is held until the dead worker's time is over"
    assert not queries.due_subscriptions(clock.now())
    with later(2):
        assert list(queries.due_subscriptions(clock.now())) == [subscription]
        sending.deliver(subscription.pk)
    assert receiver.ids == [str(events[0].pk), *(str(event.pk) for event in events)]
    log = Delivery.objects.get(event_id=events[0].pk)
    assert (log.tries, log.attempts.count()) == (2, 1)


def test_what_the_owner_may_not_see_any_more_is_not_sent(world, receiver, subscribed, happen):
    subscription = subscribed("bob", world.retail)
    seen = happen(at=world.web)
    sending.deliver(subscription.pk)
    Assignment.objects.filter(user=world.bob).update(expires=clock.now())
    happen(at=world.web)
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(seen.pk)]
    assert Subscription.objects.get().position == seal_all()
    assert not queries.due_subscriptions(clock.now())


def test_a_role_that_ends_between_two_events_of_one_turn_counts_at_once(world, receiver, subscribed, happen, monkeypatch):
    subscription, events = subscribed("bob", world.retail), [happen(at=world.web), happen(at=world.web)]
    call = sending.call

    def end_role_after(*args):
        result = call(*args)
        Assignment.objects.filter(user=world.bob).update(expires=clock.now())
        return result

    monkeypatch.setattr(sending, "call", end_role_after)
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(events[0].pk)]


def test_another_organization_and_what_is_beside_the_scope_never_arrive(world, receiver, subscribed, happen):
    subscription = subscribed("erin", world.retail)
    happen(at=world.other_project, who="mallory")
    happen(at=world.logistics)
    mine = happen(at=world.web)
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(mine.pk)]


def test_it_is_narrowed_by_action_and_kind(world, receiver, subscribed, happen):
    subscription = subscribed(actions=["orders.", "tenancy.re"], kinds=["scope"])
    happen("approvals.vote")
    wanted = [happen("orders.place"), happen("tenancy.rename")]
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(event.pk) for event in wanted]


def test_one_that_is_never_taken_is_paused_and_its_owner_told(world, receiver, subscribed, happen):
    subscription, event = subscribed(), happen()
    receiver.answers = [503] * sending.MOST_FAILURES
    for number in range(sending.MOST_FAILURES + 3):
        with later(number * 60):
            tasks.sweep()
            sending.deliver(subscription.pk)
    found = Subscription.objects.get()
    assert (found.state, found.paused_why) == (SubscriptionState.PAUSED, Paused.FAILING)
    assert len(receiver.ids) == sending.MOST_FAILURES
    [notice] = Notice.objects.filter(topic="subscription_paused")
    assert (notice.user, notice.link_kind, notice.link_id) == (world.erin, "subscription", str(found.pk))
    assert "503" in notice.body
    assert Event.objects.get(action="audit.pause_subscription").outcome == "failed"
    services.resume(found, actor=world.actor("erin"))
    seal_all()
    sending.deliver(subscription.pk)
    assert receiver.ids[sending.MOST_FAILURES] == str(event.pk), "it goes on where it stopped"
    assert len(receiver.ids) == sending.MOST_FAILURES + 3, "with its pause and its resuming"


def test_a_disabled_owner_is_told_nothing(world, receiver, subscribed, happen):
    subscription = subscribed()
    world.erin.is_active = False
    world.erin.save()
    happen(who="dave")
    sending.deliver(subscription.pk)
    assert not receiver.messages
    assert Subscription.objects.get().paused_why == Paused.OWNER


def test_replay_from_a_position_sends_all_again_with_their_ids(world, receiver, subscribed, happen):
    subscription, events = subscribed(), [happen(), happen()]
    sending.deliver(subscription.pk)
    start = Delivery.objects.get(event_id=events[0].pk).position
    services.replay_from(subscription, start, actor=world.actor("erin"))
    sending.deliver(subscription.pk)
    assert receiver.ids[:4] == [str(event.pk) for event in events] * 2
    assert Delivery.objects.filter(event_id__in=[event.pk for event in events]).count() == 2


def test_one_delivery_is_sent_once_more_beside_the_order(world, receiver, subscribed, happen):
    subscription, events = subscribed(), [happen(), happen()]
    sending.deliver(subscription.pk)
    log, position = Delivery.objects.get(event_id=events[0].pk), Subscription.objects.get().position
    services.pause(subscription, actor=world.actor("erin"))
    for _click in range(2):
        services.replay(log, actor=world.actor("erin"))
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(event.pk) for event in [*events, events[0]]]
    assert Subscription.objects.get().position == position


def test_a_single_one_the_owner_may_not_see_any_more_says_so(world, receiver, subscribed, happen):
    subscription = subscribed("bob", world.retail)
    event = happen(at=world.web)
    sending.deliver(subscription.pk)
    log = Delivery.objects.get(event_id=event.pk)
    services.replay(log, actor=world.actor("bob"))
    Assignment.objects.filter(user=world.bob).delete()
    sending.deliver(subscription.pk)
    assert receiver.ids.count(str(event.pk)) == 1
    log.refresh_from_db()
    assert (log.state, log.is_asked) == (DeliveryState.FAILED, False)
    assert "may not see" in log.attempts.last().error


def test_a_test_event_arrives_while_it_is_paused(world, receiver, subscribed):
    subscription = subscribed()
    services.pause(subscription, actor=world.actor("erin"))
    made = services.send_test(subscription, actor=world.actor("erin"))
    sending.deliver(subscription.pk)
    [message] = receiver.messages
    assert (message.id, message.said["type"]) == (str(made.pk), "concord.audit.test")
    assert message.is_signed_by(world.secret)


def test_for_a_day_after_a_rotation_both_secrets_check(world, receiver, subscribed, happen):
    subscription, before = subscribed(), world.secret
    after = services.rotate_secret(subscription, actor=world.actor("erin"))
    happen()
    sending.deliver(subscription.pk)
    assert receiver.messages[-1].is_signed_by(before)
    assert receiver.messages[-1].is_signed_by(after)
    with clock.travel(clock.now() + timedelta(hours=25)):
        happen()
        sending.deliver(subscription.pk)
    assert not receiver.messages[-1].is_signed_by(before)
    assert receiver.messages[-1].is_signed_by(after)


def test_workers_at_once_send_each_event_once(fresh_db, receiver, subscribed, happen):
    subscription, events = subscribed(), [happen() for _number in range(5)]
    at_once(*[lambda: sending.deliver(subscription.pk)] * 4)
    assert receiver.ids == [str(event.pk) for event in events]


def test_one_that_is_removed_while_it_is_called_ends_quietly(fresh_db, world, receiver, subscribed, happen):
    subscription = subscribed()
    happen()
    receiver.answers = [0.4]

    def work():
        sending.deliver(subscription.pk)
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    while not receiver.messages:
        time.sleep(0.01)
    services.unsubscribe(subscription, actor=world.actor("erin"))
    worker.join()
    assert not Subscription.objects.exists()
    assert not Delivery.objects.exists()


def test_many_events_that_are_not_for_it_are_passed_over(world, receiver, subscribed, happen, monkeypatch):
    monkeypatch.setattr(queries, "WINDOW", 3)
    subscription = subscribed("bob", world.retail)
    for _number in range(10):
        happen(at=world.fleet)
    wanted = happen(at=world.web)
    sending.deliver(subscription.pk)
    assert receiver.ids == [str(wanted.pk)]


def test_the_log_is_kept_for_thirty_days(receiver, subscribed, happen):
    subscription = subscribed()
    happen()
    sending.deliver(subscription.pk)
    assert tasks.forget() is None
    assert Delivery.objects.count() == 1
    with clock.travel(clock.now() + timedelta(days=31)):
        tasks.forget()
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()
