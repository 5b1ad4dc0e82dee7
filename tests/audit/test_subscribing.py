"""Subscriptions by page and by API: who may, what is refused, what is shown once, and what another may not know."""

import re
import uuid
from datetime import timedelta

import pytest

from portal.access.models import Assignment
from portal.audit import sending, services
from portal.audit.models import Delivery, DeliveryState, Subscription, SubscriptionState
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.users.actor import Actor, Auth
from tests.api.conftest import caller  # noqa: F401
from tests.races import at_once
from tests.web.conftest import in_few_queries, signed_in  # noqa: F401

WRONG = [
    "ftp://example.org/",
    "https://",
    "http://example.org/hook",
    "https://user:pass@example.org/",
    "https://example.org/#part",
    "https://169.254.169.254/latest",
    "https://[fe80::1]/",
    "http://10.0.0.1/",
    "https://10.0.0.1/",
    "https://example.org:99999/",
    "https://exa mple.org/",
    "https://example.org/" + "x" * 500,
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("url", WRONG)
def test_an_address_that_can_never_be_called_is_refused_beside_its_field(world, url):
    with pytest.raises(Invalid) as refusal:
        services.subscribe(world.web, "siem", url, actor=world.actor("alice"))
    assert list(refusal.value.extra["fields"]) == ["url"]
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("words", [["orders.*"], ["'; DROP"], ["x" * 81], [f"a{number}" for number in range(21)]])
def test_what_cannot_be_an_action_is_refused(world, words):
    with pytest.raises(Invalid):
        services.subscribe(world.web, "siem", "https://example.org/", actions=words, actor=world.actor("alice"))


def test_only_who_may_read_events_there_subscribes(world):
    with pytest.raises(NotFound):
        services.subscribe(world.web, "siem", "https://example.org/", actor=world.actor("mallory"))
    Assignment.objects.filter(user=world.alice).delete()
    with pytest.raises(NotFound):
        services.subscribe(world.web, "siem", "https://example.org/", actor=world.actor("alice"))


def test_who_looks_as_another_changes_nothing(world, subscribed):
    subscription = subscribed("alice", world.web)
    looking = Actor(world.alice, Auth("password"), viewed_as_by=world.erin)
    for act in (services.pause, services.rotate_secret, services.unsubscribe, services.send_test):
        with pytest.raises(Forbidden):
            act(subscription, actor=looking)
    with pytest.raises(Forbidden):
        services.subscribe(world.web, "other", "https://example.org/", actor=looking)


def test_the_secret_is_kept_unreadable_and_never_in_an_event(world, subscribed):
    subscription = subscribed("alice", world.web, url="http://127.0.0.1:9/T0PS3CRET-path")
    secret = world.secret.removeprefix("whsec_")
    assert secret.encode() not in bytes(subscription.sealed)
    rows = str([(row.action, row.detail, row.reason) for row in Event.objects.all()])
    assert secret not in rows
    assert "T0PS3CRET" not in rows
    assert "127.0.0.1:9" in rows


def test_the_same_name_twice_is_one(world, subscribed):
    subscribed("alice", world.web)
    with pytest.raises(Conflict):
        services.subscribe(world.web, "siem", "https://example.org/", actor=world.actor("alice"))
    subscribed("bob", world.retail)


def test_nobody_piles_up_what_she_asks_for(world, subscribed):
    subscription = subscribed("alice", world.web)
    for _number in range(services.MOST_FILTERS):
        services.send_test(subscription, actor=world.actor("alice"))
    with pytest.raises(Refused):
        services.send_test(subscription, actor=world.actor("alice"))


def test_two_at_the_same_moment_of_one_name_are_one(fresh_db, world):
    def make():
        return services.subscribe(world.web, "siem", "https://example.org/", actor=world.actor("alice"))

    made = at_once(make, make, make)
    assert Subscription.objects.count() == 1
    assert sum(not isinstance(each, Exception) for each in made) == 1


def test_who_manages_members_sees_that_it_is_there_stops_it_and_learns_no_more(world, subscribed):
    subscription = subscribed("alice", world.web)
    erin = world.actor("erin")
    for act in (services.rotate_secret, services.send_test, services.resume):
        with pytest.raises(Forbidden):
            act(subscription, actor=erin)
    services.pause(subscription, actor=erin)
    assert Subscription.objects.get().state == SubscriptionState.PAUSED
    with pytest.raises(NotFound):
        services.unsubscribe(subscription, actor=world.actor("bob"))
    services.unsubscribe(subscription, actor=erin)
    assert not Subscription.objects.exists()


def test_who_lost_her_role_can_still_end_hers(world, subscribed, signed_in):  # noqa: F811
    subscription = subscribed("alice", world.web)
    Assignment.objects.filter(user=world.alice).delete()
    browser = signed_in("alice")
    assert browser.get("/events/subscriptions/").status_code == 200
    assert browser.post(f"/events/subscriptions/{subscription.pk}/remove/").status_code == 302
    assert "Subscribe an address" not in browser.get("/events/subscriptions/").content.decode()


def test_on_the_page_she_subscribes_reads_the_secret_once_and_sees_the_log(world, receiver, signed_in, happen):  # noqa: F811
    browser = signed_in("erin")
    assert "No subscription yet" in browser.get("/events/subscriptions/").content.decode()
    sent = {"name": "siem", "url": f"{receiver.url}hook", "scope": str(world.nordwind.pk), "actions": "tenancy., x.y"}
    sent["shape"] = "cloudevents"
    answer = browser.post("/events/subscriptions/", sent)
    subscription = Subscription.objects.get()
    assert answer.url == f"/events/subscriptions/{subscription.pk}/"
    assert subscription.actions == ["tenancy.", "x.y"]
    page = browser.get(answer.url).content.decode()
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", page)
    assert "whsec_" not in browser.get(answer.url).content.decode(), "once"
    happen()
    receiver.answers = [500]
    sending.deliver(subscription.pk)
    page = browser.get(answer.url).content.decode()
    assert "tenancy.rename" in page
    assert "It answered 500." in page
    with clock.travel(clock.now() + timedelta(minutes=1)):
        sending.deliver(subscription.pk)
    assert receiver.messages[-1].is_signed_by(secret)
    assert "Every try" in browser.get(answer.url).content.decode()


@pytest.mark.parametrize("act", ["pause", "resume", "rotate", "test", "replay", "remove"])
def test_another_organization_finds_none_of_it(world, subscribed, signed_in, act):  # noqa: F811
    subscription = subscribed("alice", world.web)
    browser = signed_in("mallory")
    address = f"/events/subscriptions/{subscription.pk}/"
    assert browser.get(address).status_code == 404
    assert browser.post(f"{address}{act}/", {"position": 1}).status_code == 404
    assert str(subscription.pk) not in browser.get("/events/subscriptions/").content.decode()


def test_a_delivery_is_sent_again_by_the_owner_alone(world, subscribed, signed_in, happen):  # noqa: F811
    subscription = subscribed("alice", world.web)
    happen()
    sending.deliver(subscription.pk)
    sent = Delivery.objects.filter(subscription=subscription).first()
    address = f"/events/subscriptions/deliveries/{sent.pk}/replay/"
    for name in ("erin", "mallory"):
        assert signed_in(name).post(address).status_code == 404, name
    assert signed_in("alice").post(address).status_code == 302
    assert Delivery.objects.get(pk=sent.pk).is_asked


@pytest.mark.parametrize("position", ["", "0", "-1", "x", "9" * 30, "999999"])
def test_a_position_that_is_none_is_said_on_the_page(world, subscribed, signed_in, position):  # noqa: F811
    subscription = subscribed("erin")
    answer = signed_in("erin").post(f"/events/subscriptions/{subscription.pk}/replay/", {"position": position})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()


def test_the_log_of_many_is_few_queries_and_survives_nonsense(world, subscribed, signed_in, in_few_queries):  # noqa: F811
    subscription = subscribed("erin")
    rows = [
        Delivery(subscription=subscription, event_id=uuid.uuid4(), position=number, action="a.b", state=DeliveryState.SENT)
        for number in range(1000)
    ]
    Delivery.objects.bulk_create(rows)
    browser = signed_in("erin")
    in_few_queries(browser, f"/events/subscriptions/{subscription.pk}/")
    in_few_queries(browser, f"/events/subscriptions/{subscription.pk}/?state=nonsense&action=%00&page=zzz")
    in_few_queries(browser, "/events/subscriptions/")


def test_by_api_a_key_makes_one_and_the_secret_comes_once(world, caller, receiver):  # noqa: F811
    program = caller("erin")
    sent = {"scope": str(world.nordwind.pk), "name": "siem", "url": f"{receiver.url}hook", "kinds": ["order"]}
    first = program.post("subscriptions/", sent, Idempotency_Key="k")
    again = program.post("subscriptions/", sent, Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["secret"].startswith("whsec_")
    assert again.json()["secret"] is None
    assert Subscription.objects.count() == 1
    path = first["Location"].removeprefix("/api/")
    assert program.get(path).json()["kinds"] == ["order"]
    tested = program.post(f"{path}test/")
    assert tested.status_code == 202
    sending.deliver(Subscription.objects.get().pk)
    [message] = receiver.messages
    assert message.id == tested.json()["message_id"]
    assert message.is_signed_by(first.json()["secret"])
    [log] = program.get(f"{path}deliveries/").json()["results"]
    assert log["attempts"][0]["status"] == 200
    assert program.post(f"{path}rotate/").json()["secret"] != first.json()["secret"]
    assert program.post(f"{path}pause/").json()["state"] == "paused"
    assert program.post(f"{path}resume/").json()["state"] == "active"
    assert program.post(f"{path}replay/", {"position": 10**6}).status_code == 400
    assert program.send("DELETE", path).status_code == 204
    assert program.get(path).status_code == 404


def test_by_api_another_sees_the_host_alone(world, caller, subscribed):  # noqa: F811
    subscription = subscribed("alice", world.web, url="https://hooks.example.org/s3cret")
    read = f"subscriptions/{subscription.pk}/"
    assert caller("alice").get(read).json()["url"] == "https://hooks.example.org/s3cret"
    assert caller("erin").get(read).json()["url"] == "https://hooks.example.org"
    assert caller("erin").get(f"{read}deliveries/").status_code == 404
    assert caller("bob").get(read).status_code == 404


def test_a_token_narrowed_to_elsewhere_does_not_reach_it(world, caller, subscribed):  # noqa: F811
    subscription = subscribed("erin", world.web)
    program = caller("erin", scope=world.logistics)
    assert program.get(f"subscriptions/{subscription.pk}/").status_code == 404
    assert program.post(f"subscriptions/{subscription.pk}/rotate/").status_code == 404
    sent = {"scope": str(world.web.pk), "name": "x", "url": "https://example.org/"}
    assert program.post("subscriptions/", sent).status_code == 404
