"""What she is told of her own account: that somebody changed her password or took her second factor away, maybe not she."""

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client, RequestFactory

from portal.core import clock
from portal.core.errors import Invalid
from portal.identity import factors, passwords
from portal.notices.mail import deliver
from portal.notices.models import Channel, Delivery, Notice, Preference
from portal.notices.queries import switches_of
from portal.notices.services import set_preference
from tests.cast import PASSWORD
from tests.identity.app import set_up

NEW = "another long sentence"


@pytest.fixture
def asked():
    return RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")


def mails():
    for delivery in Delivery.objects.all():
        deliver(delivery.pk, at=clock.now())
    return [(one.to, one.subject, one.body) for one in mail.outbox]


def change(password=PASSWORD):
    browser = Client(REMOTE_ADDR="203.0.113.9")
    browser.post("/signin/", {"username": "alice", "password": PASSWORD})
    return browser.post("/profile/password/", {"password": password, "new_password": NEW, "again": NEW})


def test_who_changes_a_password_tells_whose_it_is(world):
    assert change("wrong").status_code == 422
    assert mails() == []
    assert change().status_code == 302
    [(to, subject, body)] = mails()
    assert (to, subject) == (["alice@example.org"], "Your password was changed")
    assert "from 203.0.113.9" in body
    assert "always sends this" in body
    assert NEW not in body
    [notice] = Notice.objects.all()
    assert (notice.user, notice.in_bell, notice.event.action) == (world.alice, True, "identity.change_password")


def test_a_password_set_by_a_link_is_told_too(world, asked):
    token = passwords.reset_tokens.make_token(world.alice)
    asked.session = {}
    passwords.reset_password(asked, world.alice.pk, token, NEW)
    [(to, subject, body)] = mails()
    assert (to, subject) == (["alice@example.org"], "Your password was changed")
    assert "from 203.0.113.9" in body


@pytest.mark.parametrize("who", ["she herself", "an operator"])
def test_a_second_factor_that_is_gone_is_told_once(world, asked, who, capsys):
    set_up(world, asked)
    if who == "an operator":
        call_command("remove_factor", "alice")
    else:
        factors.remove(asked, PASSWORD, actor=world.actor("alice"))
        factors.remove(asked, PASSWORD, actor=world.actor("alice"))
    [(to, subject, _body)] = mails()
    assert (to, subject) == (["alice@example.org"], "Your second factor was removed")


@pytest.mark.parametrize("topic", ["password_changed", "factor_removed"])
def test_it_has_no_switch_and_one_moved_before_does_not_count(world, asked, topic):
    actor = world.actor("alice")
    assert topic not in [switch.topic for switch in switches_of(actor)]
    with pytest.raises(Invalid):
        set_preference(topic, Channel.MAIL, False, actor=actor)
    for channel in Channel.values:
        Preference.objects.create(user=world.alice, topic=topic, channel=channel, is_on=False)
    set_up(world, asked)
    factors.remove(asked, PASSWORD, actor=actor)
    change()
    assert len(mails()) == 2


def test_who_has_no_address_is_told_by_the_bell(world):
    world.alice.email = ""
    world.alice.save(update_fields=["email"])
    change()
    assert mails() == []
    assert Notice.objects.get().in_bell
