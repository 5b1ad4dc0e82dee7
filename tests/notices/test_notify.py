"""Who is told what, where it links, and what she switched off."""

import pytest

from portal.core import clock
from portal.core.errors import Invalid, NotFound
from portal.notices import services
from portal.notices.messages import MESSAGES
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


@pytest.mark.parametrize("topic", sorted(MESSAGES))
def test_the_words_of_every_topic_fit_together(topic):
    class Anything(dict):
        def __missing__(self, key):
            return key

    message = MESSAGES[topic]
    assert str(message.title) % Anything()
    assert str(message.body) % Anything()
