"""Decision hooks: asked over real HTTP what waits for their account, and answered by a signature that votes as it, once."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from portal.access.models import Assignment
from portal.approvals import services as deciding
from portal.approvals.models import Approval, Vote
from portal.audit import decision_hooks, sending, services, tasks
from portal.audit.models import HookAnswer, Paused, Subscription
from portal.core import clock
from portal.core.errors import Forbidden, Invalid
from portal.events.models import Event
from portal.identity import service_accounts
from portal.notices.models import Notice
from portal.orders.models import Order
from portal.users.actor import Actor, Auth, Narrowing
from tests.api.conftest import _no_rates, caller  # noqa: F401
from tests.audit.sealer import seal_all
from tests.cast import give
from tests.races import at_once
from tests.web.conftest import signed_in  # noqa: F401


@pytest.fixture
def desk(market, world):
    """A service account of erin's that decides every order of nordwind, alone."""
    account = service_accounts.create_service_account(world.nordwind, "desk", actor=world.actor("erin"))
    give(account.user, "approver", world.nordwind)
    stage = {"who": {"pick": "named", "people": [str(account.user.pk)]}}
    rule = {"subject_kind": "order", "conditions": [], "stages": [stage]}
    deciding.publish_policy(world.nordwind, "Desk", actor=world.actor("erin"), **rule)
    return account.user


@pytest.fixture
def hook(world, desk, subscribed):
    """A decision hook of erin's that votes as the desk."""
    return subscribed(shape="decisions", account=desk.pk, name="desk")


def placed(market, name="web-1", who="alice"):
    order = market.place(market.draft(name), key=name, who=who)
    seal_all()
    return Approval.objects.get(subject_id=str(order.pk))


def asked(receiver, hook):
    """What the program is asked, after one turn of sending."""
    sending.deliver(hook.pk)
    return receiver.messages[-1].said["data"]


def signed(secret, body, *, at=None, message_id="", key=None):
    """The headers of an answer as the specification tells a program to sign it, by code of its own."""
    message_id, timestamp = message_id or f"msg_{uuid.uuid4().hex}", str(int((at or clock.now()).timestamp()))
    key = key or base64.b64decode(secret.removeprefix("whsec_"))
    right = hmac.digest(key, b".".join((message_id.encode(), timestamp.encode(), body)), hashlib.sha256)
    signature = f"v1,{base64.b64encode(right).decode()}"
    return {"Webhook-Id": message_id, "Webhook-Timestamp": timestamp, "Webhook-Signature": signature}


def answer(hook, secret, question, choice="approve", **how):
    """Post an answer; `said` is more of the body, the rest is how it is signed."""
    said = {"approval": question["approval"], "choice": choice, "card_hash": question["card_hash"], **how.pop("said", {})}
    body = json.dumps(said).encode()
    headers = how.pop("headers", None) or signed(secret, body, **how)
    address = f"/api/decision-hooks/{hook.pk}/"
    return Client(enforce_csrf_checks=True).post(address, body, content_type="application/json", headers=headers)


def state_of(question):
    return Approval.objects.get(pk=question["approval"]).state


def test_it_is_asked_over_http_and_its_signed_answer_approves_once(market, world, receiver, hook):
    approval = placed(market)
    question = asked(receiver, hook)
    [message] = receiver.messages
    assert message.is_signed_by(world.secret)
    assert message.said["type"] == "concord.decision.asked"
    assert message.headers["content-type"].startswith("application/cloudevents+json")
    assert (question["approval"], question["card_hash"]) == (str(approval.pk), approval.card_hash)
    assert question["facts"] == approval.facts
    assert question["requester"]["name"] == "Alice Test"
    assert question["answer_to"].endswith(f"/api/decision-hooks/{hook.pk}/")
    taken = answer(hook, world.secret, question, said={"note": "CHG-1 is approved"})
    assert taken.status_code == 200, taken.content
    assert taken.json() == {"approval": str(approval.pk), "choice": "approve", "state": "approved"}
    vote = Vote.objects.get(approval=approval)
    assert (vote.cast_by, vote.person, vote.note) == (hook.account, world.erin, "CHG-1 is approved")
    assert Event.objects.get(action="approvals.vote").auth["method"] == "hook"
    assert Event.objects.filter(action="orders.start").count() == 1
    seal_all()
    sending.deliver(hook.pk)
    assert len(receiver.messages) == 1, "what is decided is not asked"


def test_a_denial_says_why_or_is_refused(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    silent = answer(hook, world.secret, question, "deny")
    assert silent.status_code == 400
    assert "note" in silent.json()["errors"]
    assert answer(hook, world.secret, question, "deny", said={"note": "Not in the freeze"}).status_code == 200
    assert state_of(question) == "denied"
    assert Order.objects.get().state == "denied"


def test_the_same_message_again_is_given_the_same_and_changes_nothing(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    first = answer(hook, world.secret, question, message_id="msg_1")
    events = Event.objects.count()
    again = answer(hook, world.secret, question, message_id="msg_1")
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())
    assert Event.objects.count() == events
    other = answer(hook, world.secret, question, "deny", message_id="msg_1", said={"note": "No"})
    assert other.status_code == 409
    assert state_of(question) == "approved"
    assert HookAnswer.objects.count() == 1


def test_a_message_caught_on_the_way_is_good_for_no_other_answer_and_no_other_hook(market, world, receiver, hook, subscribed):
    placed(market)
    question = asked(receiver, hook)
    secret = world.secret
    other = subscribed(shape="decisions", account=hook.account_id, name="second")
    body = json.dumps({"approval": question["approval"], "choice": "approve", "card_hash": question["card_hash"]}).encode()
    headers = signed(secret, body)
    assert answer(other, secret, question, headers=headers).status_code == 401
    assert answer(hook, secret, question, "deny", headers=headers, said={"note": "x"}).status_code == 401
    caught = {name: receiver.messages[0].headers[name.lower()] for name in headers}
    address = f"/api/decision-hooks/{hook.pk}/"
    sent = {"content_type": "application/json", "headers": caught}
    assert Client().post(address, receiver.messages[0].body, **sent).status_code == 400, "our own question is no answer"
    assert state_of(question) == "waiting"


@pytest.mark.parametrize(
    "broken",
    [
        {"key": b"x" * 32},
        {"at": timedelta(minutes=-6)},
        {"at": timedelta(minutes=6)},
        {"message_id": "has.dots"},
        {"message_id": "x" * 101},
    ],
    ids=str,
)
def test_another_secret_or_time_or_id_opens_nothing(market, world, receiver, hook, broken):
    placed(market)
    question = asked(receiver, hook)
    if "at" in broken:
        broken = {"at": clock.now() + broken["at"]}
    refused = answer(hook, world.secret, question, **broken)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Webhook-Signature")
    assert state_of(question) == "waiting"
    assert not HookAnswer.objects.exists()


@pytest.mark.parametrize("lacks", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_each_header_is_needed(market, world, receiver, hook, lacks):
    placed(market)
    question = asked(receiver, hook)
    body = json.dumps({"approval": question["approval"], "choice": "approve", "card_hash": question["card_hash"]}).encode()
    headers = {name: said for name, said in signed(world.secret, body).items() if name != lacks}
    assert answer(hook, world.secret, question, headers=headers).status_code == 401


def test_who_only_guesses_is_told_to_wait(world, hook):
    question = {"approval": str(uuid.uuid4()), "card_hash": "x"}
    statuses = [answer(hook, world.secret, question, key=b"x" * 32).status_code for _number in range(31)]
    assert statuses == [401] * 30 + [429]


def test_neither_a_token_nor_a_hook_that_never_was_answers(market, world, receiver, hook, caller):  # noqa: F811
    placed(market)
    question = asked(receiver, hook)
    said = {"approval": question["approval"], "choice": "approve", "card_hash": question["card_hash"]}
    assert caller("erin").post(f"decision-hooks/{hook.pk}/", said).status_code == 401
    never = Subscription(pk=uuid.uuid4())
    assert answer(never, world.secret, question).status_code == 401
    assert state_of(question) == "waiting"


def test_the_owner_of_the_account_decides_nothing_that_she_asked_for(market, world, receiver, hook):
    give(world.erin, "member", world.web)
    approval = placed(market)
    Approval.objects.filter(pk=approval.pk).update(requester=world.erin)
    sending.deliver(hook.pk)
    assert not receiver.messages, "it is not asked either"
    question = {"approval": str(approval.pk), "card_hash": approval.card_hash}
    assert answer(hook, world.secret, question).status_code == 403
    assert state_of(question) == "waiting"


def test_a_card_that_holds_no_more_and_a_decision_that_is_over_are_conflicts(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    stale = answer(hook, world.secret, {**question, "card_hash": "0" * 64})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    approval = Approval.objects.get(pk=question["approval"])
    deciding.withdraw(approval, actor=world.actor("alice"))
    assert answer(hook, world.secret, question).status_code == 409
    assert state_of(question) == "withdrawn"


def test_a_refusal_does_not_use_up_the_id(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    assert answer(hook, world.secret, {**question, "card_hash": "0" * 64}, message_id="msg_1").status_code == 409
    assert answer(hook, world.secret, question, message_id="msg_1").status_code == 200


def test_what_waits_for_others_is_neither_asked_nor_decided(market, world, receiver, hook):
    deciding.retire_policy(world.nordwind.policies.get(name="Desk"), actor=world.actor("erin"))
    stage = {"who": {"pick": "named", "people": [str(world.bob.pk)]}}
    rule = {"subject_kind": "order", "conditions": [], "stages": [stage]}
    deciding.publish_policy(world.nordwind, "Bob", actor=world.actor("erin"), **rule)
    approval = placed(market)
    sending.deliver(hook.pk)
    assert not receiver.messages
    assert Subscription.objects.get(pk=hook.pk).position == seal_all(), "it is passed over"
    question = {"approval": str(approval.pk), "card_hash": approval.card_hash}
    assert answer(hook, world.secret, question).status_code == 403
    assert state_of(question) == "waiting"


def test_what_is_beside_its_scope_is_not_found(market, world, receiver, desk, subscribed):
    approval = placed(market)
    beside = subscribed(at=world.logistics, shape="decisions", account=desk.pk, name="beside")
    question = {"approval": str(approval.pk), "card_hash": approval.card_hash}
    assert answer(beside, world.secret, question).status_code == 404
    assert state_of(question) == "waiting"


def test_a_role_that_ended_decides_nothing(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    Assignment.objects.filter(user=hook.account).update(expires=clock.now())
    assert answer(hook, world.secret, question).status_code in (403, 404)
    assert state_of(question) == "waiting"


def disable(world, hook):
    account = service_accounts.account_for(world.actor("erin"), hook.account_id)
    service_accounts.disable_account(account, actor=world.actor("erin"))


def sign_out(world, hook):
    world.erin.access_epoch += 1
    world.erin.save(update_fields=["access_epoch"])


def give_over(world, hook):
    account = service_accounts.account_for(world.actor("erin"), hook.account_id)
    service_accounts.give_over(account, world.dave, overlap=24, actor=world.actor("erin"))


@pytest.mark.parametrize("end", [disable, sign_out, give_over], ids=lambda act: act.__name__)
def test_it_ends_with_the_account_as_a_token_does(market, world, receiver, hook, end):
    """Disabled, its owner signed out everywhere, given to another: the secret opens nothing, and nothing is sent."""
    placed(market)
    question = asked(receiver, hook)
    end(world, hook)
    assert answer(hook, world.secret, question).status_code == 401
    assert state_of(question) == "waiting"
    sending.deliver(hook.pk)
    assert Subscription.objects.get(pk=hook.pk).paused_why == Paused.ACCOUNT
    assert len(receiver.messages) == 1
    [notice] = Notice.objects.filter(topic="hook_paused")
    assert (notice.user, notice.link_id) == (world.erin, str(hook.pk))


def test_signed_out_everywhere_it_decides_again_once_its_secret_is_another(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    sign_out(world, hook)
    fresh = services.rotate_secret(hook, actor=world.actor("erin"))
    assert answer(hook, fresh, question).status_code == 200


def test_after_a_rotation_the_new_secret_alone_decides(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    fresh = services.rotate_secret(hook, actor=world.actor("erin"))
    assert answer(hook, world.secret, question).status_code == 401
    assert answer(hook, fresh, question).status_code == 200


def test_paused_it_decides_nothing(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    services.pause(hook, actor=world.actor("erin"))
    assert answer(hook, world.secret, question).status_code == 409
    assert state_of(question) == "waiting"
    services.resume(hook, actor=world.actor("erin"))
    assert answer(hook, world.secret, question).status_code == 200


def test_the_same_message_many_times_at_once_votes_once(fresh_db, market, world, receiver, hook):
    placed(market)
    approval = Approval.objects.get()
    actor = decision_hooks.account_of(Subscription.objects.get(pk=hook.pk))

    def once():
        return decision_hooks.answer(hook.pk, "msg_1", approval.pk, "approve", approval.card_hash, actor=actor).state

    assert at_once(*[once] * 6) == ["approved"] * 6
    assert Vote.objects.count() == 1
    assert Event.objects.filter(action="audit.take_answer").count() == 1


def test_nonsense_is_said_beside_its_field(market, world, receiver, hook):
    placed(market)
    question = asked(receiver, hook)
    assert answer(hook, world.secret, question, "perhaps").json()["errors"].keys() == {"choice"}
    assert answer(hook, world.secret, {**question, "approval": "x"}).json()["errors"].keys() == {"approval"}
    assert answer(hook, world.secret, question, said={"more": 1}).json()["errors"].keys() == {"more"}
    assert state_of(question) == "waiting"


def test_answers_are_forgotten_with_the_log(market, world, receiver, hook):
    placed(market)
    answer(hook, world.secret, asked(receiver, hook))
    tasks.forget()
    assert HookAnswer.objects.count() == 1
    with clock.travel(clock.now() + timedelta(days=31)):
        tasks.forget()
    assert not HookAnswer.objects.exists()


class TestMaking:
    """Whoever holds the secret votes as the account; so it is made as its tokens are."""

    def make(self, world, who="erin", actor=None, **given):
        sent = {"shape": "decisions", **given}
        return services.subscribe(world.retail, "hook", "https://example.org/", actor=actor or world.actor(who), **sent)

    def test_only_who_answers_for_the_account_makes_one(self, world, desk):
        with pytest.raises(Invalid) as refusal:
            self.make(world, "bob", account=desk.pk)
        assert list(refusal.value.extra["fields"]) == ["account"]
        self.make(world, account=desk.pk)

    def test_an_account_that_may_decide_nothing_there_is_refused(self, world, desk):
        Assignment.objects.filter(user=desk).delete()
        with pytest.raises(Invalid) as refusal:
            self.make(world, account=desk.pk)
        assert list(refusal.value.extra["fields"]) == ["account"]

    @pytest.mark.parametrize(
        ("given", "field"),
        [({"account": None}, "account"), ({"shape": "teams"}, "account"), ({"actions": ["orders."]}, "actions")],
        ids=str,
    )
    def test_what_does_not_fit_is_refused_beside_its_field(self, world, desk, given, field):
        with pytest.raises(Invalid) as refusal:
            self.make(world, **{"account": desk.pk, **given})
        assert list(refusal.value.extra["fields"]) == [field]

    def test_a_narrowed_token_makes_none_and_rotates_none(self, world, desk, hook):
        narrowed = Actor(world.erin, Auth("token"), narrowed_to=Narrowing(frozenset({"view_event"})))
        with pytest.raises(Forbidden):
            self.make(world, actor=narrowed, account=desk.pk)
        with pytest.raises(Forbidden):
            services.rotate_secret(hook, actor=narrowed)

    def test_the_database_keeps_account_and_shape_together(self, hook):
        with pytest.raises(IntegrityError), transaction.atomic():
            Subscription.objects.filter(pk=hook.pk).update(shape="teams")

    def test_the_page_makes_one_and_says_where_answers_go(self, world, desk, receiver, signed_in):  # noqa: F811
        browser = signed_in("erin")
        sent = {"name": "desk", "url": f"{receiver.url}hook", "scope": str(world.nordwind.pk), "shape": "decisions"}
        assert browser.post("/events/subscriptions/", sent).status_code == 422
        made = browser.post("/events/subscriptions/", {**sent, "account": str(desk.pk)})
        found = Subscription.objects.get()
        assert (found.account, found.kinds) == (desk, ["approval"])
        page = browser.get(made.url).content.decode()
        assert f"/api/decision-hooks/{found.pk}/" in page
        assert "Decides as" in page

    def test_by_api(self, world, desk, receiver, caller):  # noqa: F811
        sent = {"scope": str(world.nordwind.pk), "name": "desk", "url": f"{receiver.url}hook", "shape": "decisions"}
        made = caller("erin").post("subscriptions/", {**sent, "account": str(desk.pk)})
        assert made.status_code == 201
        assert made.json()["account"]["id"] == str(desk.pk)
        assert caller("erin").post("subscriptions/", {**sent, "name": "x"}).status_code == 400
