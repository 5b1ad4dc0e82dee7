"""A password changed, or set anew by a link that came by real mail; what ends with it, and what kills the link."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from portal.access.models import Token
from portal.core import clock
from portal.core.errors import NotFound
from portal.events.models import Event
from portal.identity import passwords, reset_mail, services, tasks, tokens
from portal.identity.models import ResetMail, Session
from portal.users.models import User
from tests.cast import PASSWORD
from tests.identity.app import code_of, set_up
from tests.postbox import open_postbox
from tests.races import at_once

NEW = "another long sentence"
CHANGE = {"password": PASSWORD, "new_password": NEW, "again": NEW}
TWICE = {"new_password": NEW, "again": NEW}


@pytest.fixture
def postbox(settings):
    with open_postbox(settings) as box:
        yield box


def sign_in(name="alice", password=PASSWORD):
    browser = Client()
    return browser, browser.post("/signin/", {"username": name, "password": password})


def ask(who, browser=None):
    return (browser or Client()).post("/signin/forgotten/", {"who": who})


def send_all():
    return [reset_mail.deliver(row.pk, at=clock.now()) for row in ResetMail.objects.filter(due_at__isnull=False)]


def link_in(mail):
    plain, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    (link,) = re.findall(r"https://concord\.example(/signin/reset/\S+)", plain)
    assert f'href="https://concord.example{link}"' in html
    return link


@pytest.fixture
def link(world, postbox):
    """The path of the link that alice was sent."""
    ask("alice")
    assert send_all() == [True]
    return link_in(postbox.mails[0])


# Changed on the profile


def test_she_changes_it_and_stays_signed_in_here_alone(world):
    here, there = sign_in()[0], sign_in()[0]
    alice = world.actor("alice")
    _, plain = tokens.create_token(name="ci", expires=clock.now() + timedelta(days=1), actor=alice)
    key = here.session.session_key
    assert here.post("/profile/password/", CHANGE)["Location"] == "/profile/"
    assert here.get("/profile/").status_code == 200
    assert here.session.session_key != key
    assert there.get("/profile/").status_code == 302
    assert tokens.actor_by_token(plain, address="", correlation_id="x") is None
    assert Token.objects.exists()
    row = Session.objects.get(ended_at=None)
    assert row.key == here.session.session_key
    assert sign_in()[1].status_code == 422
    assert sign_in(password=NEW)[1].status_code == 302
    assert Event.objects.get(action="identity.change_password").target_id == str(world.alice.pk)


def test_after_the_change_her_session_can_still_be_ended_from_elsewhere(world):
    here = sign_in()[0]
    here.post("/profile/password/", CHANGE)
    services.sign_out_everywhere(actor=world.actor("alice"))
    assert here.get("/profile/").status_code == 302


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, "not your password"),
        ({"again": "something else entirely"}, "The two differ"),
        ({"new_password": "short", "again": "short"}, "too short"),
        ({"new_password": "q1w2e3r4t5y6", "again": "q1w2e3r4t5y6"}, "too common"),
        ({"password": ""}, "required"),
    ],
)
def test_what_will_not_do_is_said_and_changes_nothing(world, change, said):
    browser = sign_in()[0]
    answer = browser.post("/profile/password/", CHANGE | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert sign_in()[1].status_code == 302


def test_a_screen_left_open_does_not_guess_passwords(world):
    browser = sign_in()[0]
    for _ in range(5):
        browser.post("/profile/password/", CHANGE | {"password": "wrong"})
    answer = browser.post("/profile/password/", CHANGE)
    assert answer.status_code == 429
    assert "Try again in" in answer.content.decode()


def test_a_person_of_an_identity_provider_has_no_password_here(world):
    browser = sign_in()[0]
    User.objects.filter(pk=world.alice.pk).update(password="!unusable")
    browser.force_login(User.objects.get(pk=world.alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    session = browser.session
    now = clock.now().isoformat()
    session.update({"epoch": world.alice.access_epoch, "method": "oidc", "began": now, "seen": now})
    session.save()
    assert "keeps your password" in browser.get("/profile/").content.decode()
    assert browser.get("/profile/password/").status_code == 422
    assert browser.get("/profile/second-factor/").status_code == 200
    assert browser.post("/profile/second-factor/set-up/", {"password": "x"}).status_code == 422


# Forgotten


@pytest.mark.parametrize("who", ["alice", "alice@example.org", "ALICE@Example.org"])
def test_a_link_comes_by_mail_and_sets_a_new_password_once(world, postbox, who):
    assert ask(who)["Location"] == "/signin/forgotten/sent/"
    assert send_all() == [True]
    (mail,) = postbox.mails
    link = link_in(mail)
    assert (mail["To"], mail["Subject"]) == ("alice@example.org", "Set a new password for Concord")
    browser = Client()
    for _ in range(2):
        page = browser.get(link)
        assert page.status_code == 200
        assert 'autocomplete="new-password"' in page.content.decode()
    assert sign_in("bob")[1].status_code == 302
    assert browser.post(link, TWICE)["Location"] == "/signin/reset/done/"
    assert browser.get("/profile/").status_code == 302, "a link signs nobody in"
    assert sign_in(password=NEW)[1].status_code == 302
    assert browser.get(link).status_code == 404
    assert browser.post(link, TWICE).status_code == 404
    done = Event.objects.get(action="identity.reset_password")
    assert (done.actor, done.auth["method"]) == (world.alice, "reset_link")


def test_the_link_is_kept_nowhere(world, link):
    token = link.strip("/").split("/")[-1]
    assert token not in " ".join(str(row) for model in (Event, ResetMail) for row in model.objects.values())


def test_answer_and_work_are_the_same_for_a_name_that_is_nobodys(world, django_capture_on_commit_callbacks):
    User.objects.system()
    work, statements = [], []
    for who in ("alice", "nobody@example.org"):
        with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks() as enqueued:
            answer = ask(who)
        work.append((answer.status_code, answer["Location"], len(enqueued)))
        statements.append(len(queries))
    assert work[0] == work[1]
    assert abs(statements[0] - statements[1]) <= 1
    row = ResetMail.objects.get(user=None)
    assert not reset_mail.deliver(row.pk, at=clock.now())
    assert "nobody" not in " ".join(str(event) for event in Event.objects.values())


@pytest.mark.parametrize("who", ["", "x" * 255, "a\x00b"])
def test_nonsense_is_refused_and_sends_nothing(world, who):
    assert ask(who).status_code == 422
    assert not ResetMail.objects.exists()


def test_two_who_share_an_address_get_a_mail_each(world, postbox):
    User.objects.filter(pk=world.bob.pk).update(email="alice@example.org")
    ask("alice@example.org")
    send_all()
    links = {link_in(mail) for mail in postbox.mails}
    assert {str(world.alice.pk), str(world.bob.pk)} == {link.split("/")[3] for link in links}


def test_who_has_her_password_elsewhere_is_told_so(world, postbox):
    world.alice.set_unusable_password()
    world.alice.save()
    ask("alice")
    assert send_all() == [True]
    plain = postbox.mails[0].get_body(("plain",)).get_content()
    assert "sign in with your organization" in plain
    assert "https://concord.example/signin/" in plain.split()
    assert "reset" not in plain
    forged = passwords.reset_tokens.make_token(world.alice)
    with pytest.raises(NotFound):
        passwords.person_of_link(world.alice.pk, forged)


@pytest.mark.parametrize(
    "change",
    [{"email": "new@example.org"}, {"access_epoch": 1}, {"is_active": False}, {"password": "!unusable"}],
    ids=["email", "epoch", "disabled", "password"],
)
def test_a_change_of_her_account_kills_the_link(world, link, change):
    User.objects.filter(pk=world.alice.pk).update(**change)
    assert Client().get(link).status_code == 404
    assert Client().post(link, TWICE).status_code == 404


def test_signing_in_kills_the_link(world, link):
    sign_in()
    assert Client().get(link).status_code == 404


@pytest.mark.parametrize(("later", "status"), [(timedelta(minutes=59), 200), (timedelta(minutes=61), 404)])
def test_the_link_holds_for_an_hour(world, link, later, status):
    with clock.travel(clock.now() + later):
        assert Client().get(link).status_code == status


def test_a_link_of_another_person_or_a_made_up_one_opens_nothing(world, link):
    other = link.replace(str(world.alice.pk), str(world.bob.pk))
    for wrong in (other, link[:-2] + "x/", f"/signin/reset/{world.alice.pk}/{'x' * 300}/"):
        answer = Client().post(wrong, TWICE)
        assert answer.status_code == 404
        assert "Ask for a new link" in answer.content.decode()
    assert sign_in()[1].status_code == 302


def test_a_password_that_will_not_do_leaves_the_link_alive(world, link):
    for wrong in ({"new_password": "short", "again": "short"}, {"new_password": NEW, "again": "differs"}):
        assert Client().post(link, wrong).status_code == 422
    assert Client().post(link, TWICE).status_code == 302


def test_of_two_that_use_one_link_at_once_one_sets_the_password(fresh_db, world):
    token = passwords.reset_tokens.make_token(world.alice)
    ways = [
        lambda word=word: passwords.reset_password(RequestFactory().post("/"), world.alice.pk, token, word)
        for word in (NEW, NEW + " two")
    ]
    outcomes = at_once(*ways)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "NotFound"]


def test_a_reset_ends_sessions_and_opens_a_locked_name_and_still_asks_for_the_code(world, postbox):
    key, _ = set_up(world, RequestFactory().post("/"))
    with clock.travel(clock.now() + timedelta(minutes=2)):
        browser = sign_in()[0]
        browser.post("/signin/code/", {"code": code_of(key)})
        assert browser.get("/profile/").status_code == 200
        for _ in range(5):
            sign_in(password="wrong")
        assert sign_in()[1].status_code == 429
        ask("alice")
        send_all()
        assert Client().post(link_in(postbox.mails[0]), TWICE).status_code == 302
        assert browser.get("/profile/").status_code == 302
        assert sign_in(password=NEW)[1]["Location"].startswith("/signin/code/")


# Mail on its way


def test_it_leaves_once_however_often_the_task_runs(world, postbox):
    ask("alice")
    row = ResetMail.objects.get()
    for _ in range(3):
        tasks.mail_reset(str(row.pk))
    assert len(postbox.mails) == 1


def test_a_server_that_is_away_is_tried_again_until_the_hour_is_over(world, postbox):
    ask("alice")
    row, start = ResetMail.objects.get(), clock.now()
    postbox.away = True
    assert not reset_mail.deliver(row.pk, at=start + timedelta(seconds=1))
    assert list(reset_mail.due(start + timedelta(minutes=2))) == [row]
    assert not reset_mail.due(start + timedelta(minutes=61)).exists()
    assert not reset_mail.deliver(row.pk, at=start + timedelta(minutes=61))
    postbox.away = False
    assert reset_mail.deliver(row.pk, at=start + timedelta(minutes=2))
    assert len(postbox.mails) == 1


def test_the_sweep_finds_what_was_lost_and_forgets_what_is_old(world, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as asked:
        ask("alice")
    assert len(asked) == 1
    with django_capture_on_commit_callbacks() as swept:
        tasks.sweep_resets()
    assert len(swept) == 1
    with clock.travel(clock.now() + timedelta(hours=25)):
        tasks.sweep_resets()
    assert not ResetMail.objects.exists()


def test_one_address_asks_ten_times_an_hour(world):
    for number in range(passwords.MOST_PER_ADDRESS):
        assert ask(f"nobody{number}").status_code == 302
    answer = ask("alice")
    assert answer.status_code == 429
    assert "Try again in 60 minutes." in answer.content.decode()
    assert not ResetMail.objects.filter(user=world.alice).exists()
    with clock.travel(clock.now() + timedelta(minutes=61)):
        assert ask("alice").status_code == 302


def test_one_person_gets_three_mails_an_hour_and_nobody_sees_the_difference(world):
    answers = [ask("alice") for _ in range(passwords.MOST_PER_PERSON + 2)]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/signin/forgotten/sent/")}
    assert ResetMail.objects.filter(user=world.alice, due_at__isnull=False).count() == passwords.MOST_PER_PERSON
    outcomes = list(Event.objects.filter(action="identity.ask_reset").order_by("at").values_list("outcome", flat=True))
    assert outcomes == ["done"] * 3 + ["refused"] * 2


def test_she_reads_it_in_her_own_language(world, postbox):
    User.objects.filter(pk=world.alice.pk).update(language="zh-hans")
    ask("alice")
    send_all()
    assert 'lang="zh-hans"' in postbox.mails[0].get_body(("html",)).get_content()
