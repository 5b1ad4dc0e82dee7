"""Mail to a real SMTP server: what it says, that it leaves once, and what happens when the server is away."""

from datetime import timedelta

import pytest
from django.core import mail as django_mail

from portal.core import clock
from portal.notices import mail, services, tasks
from portal.notices.models import Delivery, Sending
from tests.postbox import open_postbox


@pytest.fixture
def postbox(settings):
    with open_postbox(settings) as box:
        yield box


@pytest.fixture
def delivery(world):
    services.notify([world.alice], "role_given", target=world.web, actor=world.actor("erin"), role="Mem<b>er")
    return Delivery.objects.get()


def send(delivery, later=timedelta()):
    return mail.deliver(delivery.pk, at=clock.now() + later)


def test_it_has_plain_text_beside_html_and_an_absolute_link(world, delivery, postbox):
    assert send(delivery)
    (arrived,) = postbox.mails
    plain, html = arrived.get_body(("plain",)).get_content(), arrived.get_body(("html",)).get_content()
    link = f"https://concord.example/scopes/{world.web.pk}/"
    assert arrived["To"] == world.alice.email
    assert arrived["Subject"] == "You are now Mem<b>er in web"
    assert link in plain
    assert link in html
    assert "Mem&lt;b&gt;er" in html
    assert arrived["Auto-Submitted"] == "auto-generated"


def test_it_leaves_once_however_often_the_task_runs(delivery, postbox):
    for _ in range(3):
        tasks.deliver(str(delivery.pk))
    assert len(postbox.mails) == 1
    assert Delivery.objects.get().state == Sending.SENT


def test_a_server_that_is_away_is_tried_again_later(delivery, postbox):
    postbox.away = True
    assert not send(delivery)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == (Sending.WAITING, 1)
    assert "451" in row.error
    assert not send(delivery), "not before its time"
    postbox.away = False
    assert send(delivery, timedelta(minutes=10))


def test_after_the_last_attempt_it_is_kept_as_failed_with_the_reason(delivery, postbox):
    postbox.away = True
    for number in range(mail.MOST_ATTEMPTS):
        send(delivery, timedelta(days=number + 1))
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == (Sending.FAILED, mail.MOST_ATTEMPTS)
    assert "451" in row.error


def test_a_worker_that_died_while_sending_gives_it_back(delivery, postbox):
    assert mail.take(delivery.pk, at=clock.now())
    assert not send(delivery), "the lease of the first still runs"
    assert send(delivery, mail.LEASE + timedelta(seconds=1))


def test_the_sweep_finds_what_was_lost(delivery, postbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        tasks.sweep()
    assert len(callbacks) == 1


def test_a_person_who_left_is_not_written_to(world, delivery):
    world.alice.is_active = False
    world.alice.save()
    assert not send(delivery)
    assert django_mail.outbox == []
    assert Delivery.objects.get().state == Sending.FAILED


def test_she_reads_it_in_her_own_language(world, delivery, postbox):
    world.alice.language = "zh-hans"
    world.alice.save()
    assert send(delivery)
    assert 'lang="zh-hans"' in postbox.mails[0].get_body(("html",)).get_content()
