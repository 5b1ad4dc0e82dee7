"""Who is told what, where it links, and what she switched off."""

import pytest

from portal.core import clock
from portal.core.errors import Invalid, NotFound
from portal.notices import services
from portal.notices.messages import MESSAGES, say
from portal.notices.models import Delivery, Notice
from portal.notices.queries import notices_of, unread_count
from portal.users.models import User, UserKind


def tell(world, *people, topic="role_given", **params):
    given = {"role": "Member", **params}
    return services.notify(people or [world.alice], topic, target=world.web, actor=world.actor("erin"), **given)


def test_a_notice_waits_in_her_bell_until_she_reads_it(world):
    (notice,) = tell(world)
    actor = world.actor("alice")
    assert notice.title == "You are now Member in web"
    assert notice.url == f"/scopes/{world.web.pk}/"
    assert unread_count(actor) == 1
    services.mark_read(notice.pk, actor=actor)
    services.mark_read(notice.pk, actor=actor)
    assert unread_count(actor) == 0
    assert list(notices_of(actor)) == [notice]


def test_nobody_reads_for_another(world):
    (notice,) = tell(world)
    with pytest.raises(NotFound):
        services.mark_read(notice.pk, actor=world.actor("mallory"))
    assert services.mark_all_read(actor=world.actor("mallory")) == 0
    assert unread_count(world.actor("alice")) == 1


def test_reading_all_leaves_what_came_after_the_page_was_shown(world):
    tell(world)
    seen_at = clock.now()
    tell(world, role="Viewer")
    assert services.mark_all_read(actor=world.actor("alice"), until=seen_at) == 1
    assert unread_count(world.actor("alice")) == 1


def test_nobody_is_told_twice_nor_of_what_she_did_herself_nor_when_disabled(world):
    world.bob.is_active = False
    world.bob.save()
    notices = tell(world, world.alice, world.alice, world.erin, world.bob)
    assert [notice.user for notice in notices] == [world.alice]


def test_a_service_accounts_notices_go_to_its_owner(world):
    robot = User.objects.create(username="robot", kind_of_user=UserKind.SERVICE, owner=world.alice)
    assert [notice.user for notice in tell(world, robot)] == [world.alice]


def test_a_switch_moves_one_channel_of_one_topic(world):
    alice = world.actor("alice")
    services.set_preference("role_given", "mail", False, actor=alice)
    tell(world)
    assert (Notice.objects.count(), Delivery.objects.count()) == (1, 0)
    services.set_preference("role_given", "bell", False, actor=alice)
    services.set_preference("role_given", "mail", True, actor=alice)
    tell(world)
    assert (unread_count(alice), Delivery.objects.count()) == (1, 1)


@pytest.mark.parametrize(("topic", "channel"), [("gossip", "mail"), ("role_given", "pigeon")])
def test_a_switch_that_is_none_is_refused(world, topic, channel):
    with pytest.raises(Invalid):
        services.set_preference(topic, channel, True, actor=world.actor("alice"))


def test_a_missing_word_is_found_when_written_and_not_by_the_reader(world):
    with pytest.raises(KeyError):
        services.notify([world.alice], "role_given", target=world.web, actor=world.actor("erin"))


WORDS = dict.fromkeys(
    (
        "label",
        "account",
        "address",
        "scope",
        "role",
        "state",
        "note",
        "reason",
        "advice",
        "date",
        "days",
        "percent",
        "used",
        "limit",
        "tries",
        "who",
        "error",
        "things",
        "person",
        "until",
    ),
    "3",
)


@pytest.mark.parametrize("topic", sorted(MESSAGES))
def test_the_words_of_every_topic_fit_together(topic):
    message = MESSAGES[topic]
    assert "%" not in say(message.title, WORDS).replace("3 %", "")
    assert "%" not in say(message.body, WORDS)


@pytest.mark.parametrize(("days", "said"), [(1, "web ends in 1 day"), (7, "web ends in 7 days")])
def test_days_are_counted_as_people_count(world, days, said):
    [notice] = tell(world, world.alice, topic="resource_ends", days=days, date="2026-03-01")
    assert notice.title == said


def test_advice_is_kept_as_we_wrote_it_and_read_in_the_readers_language(world, monkeypatch):
    german = {"Retry, or ask an operator.": "Neu versuchen, oder jemanden fragen."}
    monkeypatch.setattr("portal.notices.messages.gettext", lambda text: german.get(text, text))
    [notice] = tell(
        world, world.alice, topic="resource_failed", reason="Error 7: no m5 left.", advice="Retry, or ask an operator."
    )
    assert notice.params["advice"] == "Retry, or ask an operator."
    assert notice.body == "What happened: Error 7: no m5 left. What you can do: Neu versuchen, oder jemanden fragen."
    [bare] = tell(world, world.alice, topic="resource_failed", reason="", advice="")
    assert "Content-Type" not in bare.body
