"""Cards of Teams and Feishu: the structure their makers document, the words, and what a hostile title cannot do in them."""

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from django.conf import settings

from portal.approvals import services as deciding
from portal.approvals.models import Approval
from portal.audit import cards, sending, services
from portal.audit.models import Attempt, Delivery, DeliveryState, Subscription
from portal.audit.words import DECISIONS, WORDS
from portal.core.errors import Invalid
from tests.api.conftest import caller  # noqa: F401
from tests.audit.sealer import seal_all
from tests.web.conftest import signed_in  # noqa: F401

CARD = cards.Card(
    title="A decision is asked for",
    rows=(("About", "Server m1"), ("Where", "web")),
    button="Open the decision",
    url="https://concord.example.org/inbox/1/",
    text="It is\nurgent",
    tone="wait",
)
HOSTILE = "[click](https://evil.example.org) **now** <at id=all></at> {{DATE(2020-01-01)}}\n\n# Approved"


def test_a_teams_message_is_one_adaptive_card():
    """As the workflow "when a Teams webhook request is received" takes it, in the schema of Adaptive Cards 1.4."""
    said = cards.as_teams(CARD)
    assert set(said) == {"type", "attachments"}
    assert said["type"] == "message"
    [attachment] = said["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content = attachment["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert content["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
    assert content["actions"] == [{"type": "Action.OpenUrl", "title": CARD.button, "url": CARD.url}]
    assert {block["type"] for block in content["body"]} == {"RichTextBlock"}
    runs = [run for block in content["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert [run["text"] for run in runs] == [CARD.title, "About: ", "Server m1", "Where: ", "web", "It is urgent"]
    assert runs[0]["color"] == "warning"


def test_a_feishu_message_is_one_interactive_card():
    """As the custom bot takes it: header and elements of a card, the button an element of an action."""
    said = cards.as_feishu(CARD)
    assert set(said) == {"msg_type", "card"}
    assert said["msg_type"] == "interactive"
    card = said["card"]
    assert card["header"] == {"title": {"tag": "plain_text", "content": CARD.title}, "template": "orange"}
    facts, text, action = card["elements"]
    assert [field["text"]["content"] for field in facts["fields"]] == ["About\nServer m1", "Where\nweb"]
    assert text == {"tag": "div", "text": {"tag": "plain_text", "content": "It is urgent"}}
    [button] = action["actions"]
    assert (action["tag"], button["tag"], button["url"]) == ("action", "button", CARD.url)


def test_the_signature_of_feishu_is_the_one_it_checks():
    """Time and secret are the key and nothing is signed; 1599360473 and "demo" by `openssl dgst` of that."""
    said = cards.signed_for_feishu(cards.as_feishu(CARD), "demo", 1599360473)
    assert said["timestamp"] == "1599360473"
    assert said["sign"] == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    assert (said["msg_type"], said["card"]) == ("interactive", cards.as_feishu(CARD)["card"])


@pytest.mark.parametrize("draw", [cards.as_teams, cards.as_feishu])
def test_what_somebody_made_up_stays_plain_text(draw):
    """No element of either card that shows it reads markup."""
    said = draw(cards.Card(HOSTILE, (("About", HOSTILE),), "Open", "https://concord.example.org/", text=HOSTILE))
    kinds = set(re.findall(r'"(?:tag|type)": "([^"]+)"', json.dumps(said)))
    assert not kinds & {"lark_md", "markdown", "TextBlock", "FactSet"}
    assert len(json.dumps(said)) < 20_000


@pytest.mark.parametrize("draw", [cards.as_teams, cards.as_feishu])
def test_a_card_of_the_longest_texts_is_below_what_the_chats_take(draw):
    rows = tuple((f"Row {number}", "あ" * 5000) for number in range(6))
    said = draw(cards.Card("x" * 80, rows, "Open", "https://concord.example.org/", text="é" * 100_000))
    assert len(json.dumps(said, ensure_ascii=False).encode()) < 20_000


def test_every_act_of_approvals_has_words():
    """Each action that the source of approvals records; where the verb is worked out, the verbs that it is worked out to."""
    source = "\n".join(path.read_text() for path in Path(settings.BASE_DIR, "portal/approvals").glob("*.py"))
    recorded = set(re.findall(r'record\(\s*"(approvals\.\w+)"', source))
    assert len(recorded) > 20
    recorded |= {f"approvals.{verb}" for verb in ("approve", "deny", "withdraw", "expire")}
    assert recorded - {"approvals.vote"} <= set(DECISIONS)
    assert {"approvals.vote-approve", "approvals.vote-deny", "approvals.vote-return"} <= set(DECISIONS)
    assert all(len(str(words.text)) < 60 for words in WORDS.values())


@pytest.fixture
def waiting(market, world):
    """An order of alice's that waits for bob."""
    order = market.place(market.draft("web-1"))
    return Approval.objects.get(subject_id=str(order.pk))


def test_a_decision_comes_to_teams_in_words_with_a_button_to_its_card(world, receiver, subscribed, waiting):
    subscription = subscribed(shape="teams", actions=["approvals."], from_start=True)
    seal_all()
    sending.deliver(subscription.pk)
    message = receiver.messages[0]
    assert message.headers["content-type"].startswith("application/json")
    assert message.is_signed_by(world.secret)
    content = message.said["attachments"][0]["content"]
    text = " ".join(run["text"] for block in content["body"] for run in block["inlines"])
    assert text.startswith("A decision is asked for")
    assert waiting.title in text
    assert "Where:  web" in text
    assert "Who:  Alice Test" in text
    [button] = content["actions"]
    assert button["title"] == "Open the decision"
    assert button["url"] == f"{settings.PUBLIC_URL}/inbox/{waiting.pk}/"
    assert Delivery.objects.get(event_id=message.id).state == DeliveryState.SENT


def test_a_vote_comes_to_feishu_with_its_choice_and_note_signed_as_the_bot_asks(world, receiver, subscribed, waiting):
    subscription = subscribed(shape="feishu", bot_secret="b0t", actions=["approvals."])
    deciding.vote(waiting, "deny", waiting.card_hash, actor=world.actor("bob"), note="Too dear")
    seal_all()
    sending.deliver(subscription.pk)
    said = receiver.messages[0].said
    assert said["card"]["header"] == {"title": {"tag": "plain_text", "content": "Somebody denied"}, "template": "red"}
    assert "Too dear" in json.dumps(said)
    assert "Who\nBob Test" in [field["text"]["content"] for field in said["card"]["elements"][0]["fields"]]
    right = base64.b64encode(hmac.digest(f"{said['timestamp']}\nb0t".encode(), b"", hashlib.sha256)).decode()
    assert said["sign"] == right
    assert "b0t" not in receiver.messages[0].body.decode()
    assert b"b0t" not in bytes(Subscription.objects.get().sealed_bot)


def test_what_feishu_refuses_with_200_is_not_taken(receiver, subscribed, happen):
    subscription = subscribed(shape="feishu")
    happen()
    receiver.answers = [b'{"code":19021,"msg":"sign match fail"}', b'{"code":0,"msg":"success"}']
    sending.deliver(subscription.pk)
    assert "19021: sign match fail" in Attempt.objects.get().error
    assert Subscription.objects.get().failures == 1
    Subscription.objects.update(due_at="2020-01-01T00:00:00Z")
    sending.deliver(subscription.pk)
    assert receiver.ids[0] == receiver.ids[1]
    assert Subscription.objects.get().failures == 0


def test_the_card_speaks_the_owners_language_and_time(world, receiver, subscribed, happen):
    world.erin.language, world.erin.zone = "en", "Asia/Shanghai"
    world.erin.save()
    subscription = subscribed(shape="teams")
    happen("custom.act", who="dave")
    sending.deliver(subscription.pk)
    text = receiver.messages[0].body.decode()
    assert "custom.act" in text, "what nobody has words for has its own name"
    assert "CST" in text


def test_a_test_is_a_card_too(world, receiver, subscribed):
    subscription = subscribed(shape="feishu")
    services.send_test(subscription, actor=world.actor("erin"))
    sending.deliver(subscription.pk)
    card = receiver.messages[0].said["card"]
    assert "A test" in card["header"]["title"]["content"]
    assert card["elements"][-1]["actions"][0]["url"].endswith(f"/events/subscriptions/{subscription.pk}/")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"shape": "pigeon"}, "shape"),
        ({"shape": "teams", "bot_secret": "x"}, "bot_secret"),
        ({"shape": "feishu", "bot_secret": "x" * 201}, "bot_secret"),
        ({"shape": "feishu", "bot_secret": "a\nb"}, "bot_secret"),
    ],
)
def test_a_shape_that_nobody_reads_is_refused_beside_its_field(world, given, field):
    with pytest.raises(Invalid) as refusal:
        services.subscribe(world.web, "chat", "https://example.org/", actor=world.actor("alice"), **given)
    assert list(refusal.value.extra["fields"]) == [field]
    assert not Subscription.objects.exists()


def test_the_page_begins_with_decisions_only_and_shows_the_shape(world, receiver, signed_in):  # noqa: F811
    browser = signed_in("erin")
    page = browser.get("/events/subscriptions/?actions=approvals.&kinds=approval&shape=feishu").content.decode()
    assert 'value="approvals."' in page
    assert re.search(r'<option value="feishu"\s+selected', page)
    sent = {"name": "chat", "url": f"{receiver.url}hook", "scope": str(world.nordwind.pk), "actions": "approvals."}
    answer = browser.post("/events/subscriptions/", {**sent, "shape": "feishu", "bot_secret": "b0t"})
    found = Subscription.objects.get()
    assert (found.shape, found.actions, found.bot_secret) == ("feishu", ["approvals."], "b0t")
    page = browser.get(answer.url).content.decode()
    assert "Cards of a Feishu bot" in page
    assert "b0t" not in page
    refused = browser.post("/events/subscriptions/", {**sent, "name": "x", "shape": "teams", "bot_secret": "b0t"})
    assert refused.status_code == 422
    assert "b0t" not in refused.content.decode()


def test_by_api_the_shape_is_said_and_the_secret_of_the_bot_never(world, caller, receiver):  # noqa: F811
    sent = {"scope": str(world.nordwind.pk), "name": "chat", "url": f"{receiver.url}hook", "shape": "feishu"}
    made = caller("erin").post("subscriptions/", {**sent, "bot_secret": "b0t"})
    assert made.status_code == 201
    assert made.json()["shape"] == "feishu"
    assert "b0t" not in made.content.decode()
    assert caller("erin").post("subscriptions/", {**sent, "name": "x", "shape": "pigeon"}).status_code == 400
    plain = caller("erin").post("subscriptions/", {**sent, "name": "y", "shape": "cloudevents"})
    assert plain.json()["shape"] == "cloudevents"
