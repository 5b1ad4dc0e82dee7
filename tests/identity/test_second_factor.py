"""The second factor: its key and codes at rest, the two steps of signing in, replays, races, and the way back in."""

from dataclasses import replace
from datetime import timedelta
from threading import Event as Signal
from time import sleep

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client, RequestFactory

from portal.core import clock, parcels
from portal.core.crypto import Unreadable
from portal.core.errors import Conflict, Forbidden, Invalid, TooMany
from portal.core.models import Parcel
from portal.events.models import Event
from portal.identity import factors, halfway
from portal.identity.models import Factor, RecoveryCode, Session
from portal.users.models import User
from tests.cast import PASSWORD
from tests.identity.app import code_of, set_up, wrong_code
from tests.races import at_once

LATER = timedelta(seconds=60)


@pytest.fixture
def asked():
    return RequestFactory().post("/", REMOTE_ADDR="127.0.0.1")


@pytest.fixture
def app(world, asked):
    """alice's key; its code of this moment was used to confirm it."""
    return set_up(world, asked)[0]


def give_password(browser=None, name="alice", **more):
    browser = browser or Client()
    answer = browser.post("/signin/", {"username": name, "password": PASSWORD, **more})
    return browser, answer


def give_code(browser, code, **more):
    return browser.post("/signin/code/", {"code": code, **more})


@pytest.fixture
def alice(client, world):
    return give_password(client)[0]


# At rest


def test_the_key_is_sealed_to_its_row_and_recovery_codes_are_digests(world, asked):
    key, codes = set_up(world, asked)
    factor = Factor.objects.get()
    assert factor.key == key
    assert key not in bytes(factor.sealed)
    assert len(codes) == len(set(codes)) == 10
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM identity_recoverycode")
        kept = " ".join(row[0] for row in cursor.fetchall())
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]
    factor.pk = world.bob.pk
    with pytest.raises(Unreadable):
        _ = factor.key


def test_an_event_of_it_holds_neither_key_nor_code(world, asked):
    key, codes = set_up(world, asked)
    said = " ".join(str(row) for row in Event.objects.values())
    assert "identity.set_up_factor" in said
    assert not [secret for secret in (key.hex(), *codes) if secret in said]


# Set up


def test_setting_up_asks_for_the_password(world, asked):
    with pytest.raises(Invalid):
        factors.set_up(asked, "wrong", actor=world.actor("alice"))
    assert not Factor.objects.exists()


def test_a_key_that_was_not_confirmed_asks_nobody_for_a_code(world, asked):
    factors.set_up(asked, PASSWORD, actor=world.actor("alice"))
    browser, answer = give_password()
    assert answer["Location"] == "/"
    assert browser.get("/").status_code == 200


def test_a_wrong_first_code_turns_nothing_on(world, asked):
    alice = world.actor("alice")
    key = factors.set_up(asked, PASSWORD, actor=alice).key
    for wrong in (wrong_code(key), "", "12345", "１２３４５６", "abcdef"):
        with pytest.raises(Invalid):
            factors.confirm(wrong, actor=alice)
    assert Factor.objects.get().confirmed_at is None


def test_a_key_waits_ten_minutes_for_its_first_code(world, asked):
    alice = world.actor("alice")
    key = factors.set_up(asked, PASSWORD, actor=alice).key
    with clock.travel(clock.now() + factors.SET_UP_WITHIN + timedelta(seconds=1)), pytest.raises(Conflict):
        factors.confirm(code_of(key), actor=alice)


def test_one_person_has_one_factor(app, world, asked):
    with pytest.raises(Conflict):
        factors.set_up(asked, PASSWORD, actor=world.actor("alice"))
    assert Factor.objects.get().key == app


def test_recovery_codes_are_handed_over_once_and_to_her_alone(world, asked):
    alice = world.actor("alice")
    key = factors.set_up(asked, PASSWORD, actor=alice).key
    parcel = str(factors.confirm(code_of(key), actor=alice))
    assert factors.take_codes(parcel, actor=world.actor("bob")) == []
    assert len(factors.take_codes(parcel, actor=alice)) == 10
    assert factors.take_codes(parcel, actor=alice) == []


# Signing in


def test_after_the_password_nothing_is_open_yet(app, world):
    before = Session.objects.count(), Event.objects.filter(action="identity.sign_in").count()
    browser, answer = give_password(next="/orders/")
    assert answer["Location"] == "/signin/code/?next=%2Forders%2F"
    assert browser.get("/orders/")["Location"].startswith("/signin/")
    assert browser.get("/api/orders/").status_code in (401, 403)
    assert (Session.objects.count(), Event.objects.filter(action="identity.sign_in").count()) == before
    assert browser.get("/signin/code/").status_code == 200


def test_the_code_opens_the_portal_and_leads_on(app, world):
    with clock.travel(clock.now() + LATER):
        browser, _ = give_password()
        halfway_key = browser.session.session_key
        answer = give_code(browser, code_of(app), next="/orders/")
        assert answer["Location"] == "/orders/"
        assert browser.get("/orders/").status_code == 200
        assert browser.session.session_key != halfway_key
    assert Session.objects.get().method == "password+totp"
    assert halfway.NAME not in browser.session


def test_the_code_page_leads_only_to_pages_of_this_site(app):
    with clock.travel(clock.now() + LATER):
        browser, _ = give_password()
        assert give_code(browser, code_of(app), next="https://evil.example/")["Location"] == "/"


def test_another_browser_cannot_bring_the_code(app):
    give_password()
    with clock.travel(clock.now() + LATER):
        stranger = Client()
        assert stranger.get("/signin/code/")["Location"] == "/signin/"
        assert give_code(stranger, code_of(app)).status_code == 409
        assert stranger.get("/").status_code == 302


def test_the_code_is_awaited_for_five_minutes(app):
    browser, _ = give_password()
    with clock.travel(clock.now() + halfway.KEPT + timedelta(seconds=1)):
        answer = give_code(browser, code_of(app))
        assert answer.status_code == 409
        assert "five minutes" in answer.content.decode()
        assert browser.get("/").status_code == 302


@pytest.mark.parametrize("change", [{"is_active": False}, {"access_epoch": 7}])
def test_who_was_cut_off_between_the_steps_is_not_let_in(app, world, change):
    browser, _ = give_password()
    User.objects.filter(pk=world.alice.pk).update(**change)
    with clock.travel(clock.now() + LATER):
        assert give_code(browser, code_of(app)).status_code == 409
        assert browser.get("/").status_code == 302


def test_giving_a_password_ends_who_was_signed_in_there(app, world):
    browser, _ = give_password(name="bob")
    give_password(browser)
    assert browser.get("/").status_code == 302
    assert not Session.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 302), (0, 302), (1, 302), (2, 422)])
def test_a_clock_may_be_one_step_off(app, steps, status):
    with clock.travel(clock.now() + timedelta(minutes=5)):
        browser, _ = give_password()
        assert give_code(browser, code_of(app, steps)).status_code == status


def test_a_code_works_once(app):
    with clock.travel(clock.now() + LATER):
        code = code_of(app)
        assert give_code(give_password()[0], code).status_code == 302
        browser, _ = give_password()
        assert give_code(browser, code).status_code == 422
        assert browser.get("/").status_code == 302


def test_a_code_older_than_the_last_one_used_works_no_more(app):
    with clock.travel(clock.now() + timedelta(minutes=5)):
        assert give_code(give_password()[0], code_of(app, 1)).status_code == 302
        assert give_code(give_password()[0], code_of(app, 0)).status_code == 422


def test_the_code_that_confirmed_it_signs_nobody_in(app):
    assert give_code(give_password()[0], code_of(app)).status_code == 422


def test_of_two_that_bring_one_code_at_once_one_is_right(fresh_db, world, asked):
    key, codes = set_up(world, asked)
    moment = clock.now() + LATER
    with clock.travel(moment):
        code = code_of(key)
    for given in (code, codes[0]):
        first_has_looked = Signal()

        def first(given=given, looked=first_has_looked):
            with clock.travel(moment), transaction.atomic():
                used = factors.use_code(world.alice, given)
                looked.set()
                sleep(0.3)  # the second looks before this one is committed
            return used

        def second(given=given, looked=first_has_looked):
            looked.wait(10)
            with clock.travel(moment), transaction.atomic():
                return factors.use_code(world.alice, given)

        used = at_once(first, second)
        assert (bool(used[0]), used[1]) == (True, ""), used
        Factor.objects.update(waits_until=None)


def test_a_wrong_code_is_on_record_and_makes_the_next_wait(app, world):
    start = clock.now() + LATER
    browser, _ = give_password()
    for number in range(3):
        with clock.travel(start + number * LATER):
            assert give_code(browser, wrong_code(app)).status_code == 422
    assert Event.objects.filter(action="identity.sign_in", outcome="refused", target_id=str(world.alice.pk)).count() == 3
    with clock.travel(start + 2 * LATER + timedelta(seconds=2)):
        answer = give_code(browser, code_of(app))
        assert answer.status_code == 429
        assert "Try again in 2 seconds" in answer.content.decode()
    with clock.travel(start + 3 * LATER):
        assert give_code(browser, code_of(app)).status_code == 302
    assert Factor.objects.get().failures == 0


def test_the_wait_grows_to_a_quarter_of_an_hour_wherever_the_codes_come_from(app, world):
    Factor.objects.update(failures=60)
    assert factors.use_code(world.alice, wrong_code(app)) == ""
    with pytest.raises(TooMany) as refused:
        factors.use_code(world.alice, code_of(app, 1))
    assert 890 < refused.value.extra["wait_s"] <= 900


# Recovery codes


def test_a_recovery_code_opens_the_portal_once_however_it_is_typed(world, asked):
    _, codes = set_up(world, asked)
    typed = codes[3].upper().replace("-", " ")
    assert give_code(give_password()[0], typed).status_code == 302
    assert Session.objects.get().method == "password+recovery"
    assert Event.objects.filter(action="identity.use_recovery_code", target_id=str(world.alice.pk)).count() == 1
    assert give_code(give_password()[0], typed).status_code == 422
    assert factors.ways_of(world.actor("alice")).codes_left == 9


def test_she_is_told_when_few_recovery_codes_are_left(alice, world, asked):
    set_up(world, asked)
    assert "Make new ones soon" not in alice.get("/profile/").content.decode()
    RecoveryCode.objects.filter(pk__in=RecoveryCode.objects.values("pk")[:8]).update(used_at=clock.now())
    page = alice.get("/profile/").content.decode()
    assert "2 recovery codes left" in page
    assert "Make new ones soon" in page


def test_a_recovery_code_of_another_opens_nothing(world, asked):
    set_up(world, asked)
    _, codes = set_up(world, asked, "bob")
    assert give_code(give_password()[0], codes[0]).status_code == 422


def test_new_recovery_codes_end_the_old_ones(world, asked):
    _, old = set_up(world, asked)
    alice = world.actor("alice")
    with pytest.raises(Invalid):
        factors.make_codes(asked, "wrong password", actor=alice)
    parcel = factors.make_codes(asked, PASSWORD, actor=alice)
    new = factors.take_codes(str(parcel), actor=alice)
    assert RecoveryCode.objects.count() == 10
    assert give_code(give_password()[0], old[0]).status_code == 422
    with clock.travel(clock.now() + LATER):
        assert give_code(give_password()[0], new[0]).status_code == 302


# Removing it


@pytest.mark.parametrize("proof", ["password", "code"])
def test_it_is_removed_with_the_password_or_a_code(app, world, asked, proof):
    alice = world.actor("alice")
    with clock.travel(clock.now() + LATER):
        factors.remove(asked, PASSWORD if proof == "password" else code_of(app), actor=alice)
    assert not Factor.objects.exists()
    assert Event.objects.filter(action="identity.remove_factor").count() == 1
    assert give_password()[1]["Location"] == "/"


def test_it_is_not_removed_without_proof(app, world, asked):
    alice = world.actor("alice")
    for wrong in ("wrong", wrong_code(app), code_of(app)):
        with pytest.raises((Invalid, TooMany)):
            factors.remove(asked, wrong, actor=alice)
    assert Factor.objects.exists()


def test_an_operator_removes_it_for_who_lost_everything(app, world, capsys):
    call_command("remove_factor", "alice")
    assert not Factor.objects.exists()
    event = Event.objects.get(action="identity.remove_factor")
    assert (event.actor.username, event.target_id) == ("system", str(world.alice.pk))
    with pytest.raises(CommandError):
        call_command("remove_factor", "alice")
    with pytest.raises(Forbidden):
        factors.remove_for("alice", actor=world.actor("erin"))


# Pages


def test_she_sets_it_up_on_her_pages_without_a_script(alice, world):
    assert "not set up" in alice.get("/profile/").content.decode()
    assert alice.post("/profile/second-factor/set-up/", {"password": "wrong"}).status_code == 422
    assert alice.post("/profile/second-factor/set-up/", {"password": PASSWORD}).status_code == 302
    page = alice.get("/profile/second-factor/").content.decode()
    key = Factor.objects.get().key
    assert "<svg" in page
    assert "style=" not in page
    assert 'autocomplete="one-time-code"' in page
    answer = alice.post("/profile/second-factor/confirm/", {"code": wrong_code(key)})
    assert answer.status_code == 422
    assert wrong_code(key) not in answer.content.decode(), "what was wrong is typed anew"
    assert alice.post("/profile/second-factor/confirm/", {"code": code_of(key)}).status_code == 302
    page = alice.get("/profile/second-factor/").content.decode()
    assert "concord-recovery-codes.txt" in page
    assert "concord-recovery-codes.txt" not in alice.get("/profile/second-factor/").content.decode()
    assert "10 recovery codes left" in alice.get("/profile/").content.decode()
    assert alice.post("/profile/second-factor/codes/", {"codes-proof": PASSWORD}).status_code == 302
    assert "concord-recovery-codes.txt" in alice.get("/profile/second-factor/").content.decode()
    assert alice.post("/profile/second-factor/remove/", {"remove-proof": ""}).status_code == 422
    assert alice.post("/profile/second-factor/remove/", {"remove-proof": PASSWORD}).status_code == 302
    assert not Factor.objects.exists()


def test_nobody_who_looks_as_another_changes_how_she_signs_in(app, world, asked):
    looking = replace(world.actor("alice"), viewed_as_by=world.erin)
    for act in (
        lambda: factors.set_up(asked, PASSWORD, actor=looking),
        lambda: factors.confirm("000000", actor=looking),
        lambda: factors.make_codes(asked, PASSWORD, actor=looking),
        lambda: factors.remove(asked, PASSWORD, actor=looking),
    ):
        with pytest.raises(Forbidden):
            act()
    assert Factor.objects.get().key == app


def test_no_parcel_of_old_codes_is_left(world, asked):
    alice = world.actor("alice")
    set_up(world, asked)
    first = factors.make_codes(asked, PASSWORD, actor=alice)
    factors.make_codes(asked, PASSWORD, actor=alice)
    assert Parcel.objects.count() == 1
    assert parcels.take(first, for_user_id=alice.user.pk) is None
