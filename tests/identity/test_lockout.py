"""Too many wrong tries for one name from one address: what is refused, what it says, and when it ends."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.core.management import call_command
from django.test import Client, RequestFactory

from portal.core import clock
from portal.core.errors import Invalid, TooMany
from portal.events.models import Event
from portal.identity import lockout, services
from portal.identity.models import Session
from tests.cast import PASSWORD
from tests.identity.app import set_up, wrong_code

HERE = "192.0.2.7"
LIMIT = settings.AXES_FAILURE_LIMIT


def give(name="alice", password="wrong", address=HERE, **more):
    return Client().post("/signin/", {"username": name, "password": password}, REMOTE_ADDR=address, **more)


def try_often(name="alice", address=HERE, times=LIMIT):
    return [give(name, address=address, HTTP_USER_AGENT=f"browser {number}").status_code for number in range(times)]


def test_after_five_wrong_passwords_even_the_right_one_waits(world):
    assert try_often() == [422] * LIMIT
    answer = give(password=PASSWORD)
    assert answer.status_code == 429
    assert "Try again in 15 minutes." in answer.content.decode()
    assert not Session.objects.exists()


def test_it_says_the_same_for_a_name_that_is_nobodys(world):
    told = []
    for name in ("alice", "nobody"):
        try_often(name)
        answer = give(name)
        told.append((answer.status_code, answer.content.decode().split("form-errors")[1].split("</div>")[0]))
    assert told[0] == told[1]


def test_another_name_and_another_address_are_free(world):
    try_often()
    assert give("bob", PASSWORD).status_code == 302
    assert give(password=PASSWORD, address="192.0.2.8").status_code == 302


def test_a_header_that_claims_an_address_changes_nothing(world):
    for number in range(LIMIT):
        give(HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert give(password=PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.99").status_code == 429
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {HERE}


def test_it_ends_by_itself_and_tries_meanwhile_do_not_lengthen_it(world):
    start = clock.now()
    with clock.travel(start):
        try_often()
    with clock.travel(start + timedelta(minutes=14, seconds=30)):
        answer = give(password=PASSWORD)
        assert answer.status_code == 429
        assert "Try again in 30 seconds." in answer.content.decode()
    with clock.travel(start + timedelta(minutes=15, seconds=1)):
        assert give(password=PASSWORD).status_code == 302


def test_it_goes_by_the_clock_of_the_house_wherever_that_stands(world):
    with clock.travel(clock.now() + timedelta(days=90)):
        assert try_often() == [422] * LIMIT
        assert give(password=PASSWORD).status_code == 429


def test_four_wrong_ones_and_the_right_one_count_from_nought(world):
    try_often(times=LIMIT - 1)
    assert give(password=PASSWORD).status_code == 302
    assert try_often() == [422] * LIMIT


def test_wrong_codes_count_like_wrong_passwords(world):
    key, _ = set_up(world, RequestFactory().post("/"))
    start = clock.now()
    browser = Client()
    for number in range(LIMIT):
        with clock.travel(start + timedelta(minutes=number)):
            browser.post("/signin/", {"username": "alice", "password": PASSWORD}, REMOTE_ADDR=HERE)
            assert browser.post("/signin/code/", {"code": wrong_code(key)}, REMOTE_ADDR=HERE).status_code == 422
    with clock.travel(start + timedelta(minutes=LIMIT)):
        assert browser.post("/signin/code/", {"code": wrong_code(key)}, REMOTE_ADDR=HERE).status_code == 429
        assert give(password=PASSWORD).status_code == 429


def test_the_right_password_alone_does_not_set_the_count_to_nought(world):
    set_up(world, RequestFactory().post("/"))
    try_often(times=LIMIT - 1)
    assert give(password=PASSWORD).status_code == 302, "on to the code"
    assert give().status_code == 422
    assert give(password=PASSWORD).status_code == 429


def test_no_password_and_no_code_is_kept(world):
    key, _ = set_up(world, RequestFactory().post("/"))
    browser = Client()
    browser.post("/signin/", {"username": "alice", "password": "my other secret"})
    browser.post("/signin/", {"username": "alice", "password": PASSWORD})
    wrong = wrong_code(key)
    browser.post("/signin/code/", {"code": wrong})
    kept = " ".join(f"{row.get_data} {row.post_data}" for row in AccessAttempt.objects.all())
    assert AccessAttempt.objects.exists()
    assert not [secret for secret in ("my other secret", PASSWORD, f"code={wrong}") if secret in kept]


def test_a_refusal_while_locked_writes_no_event(world):
    try_often()
    before = Event.objects.count()
    try_often()
    assert Event.objects.count() == before


def test_an_operator_opens_it_again(world, capsys):
    try_often()
    call_command("axes_reset_username", "alice")
    assert give(password=PASSWORD).status_code == 302


def test_a_transaction_around_the_refusal_would_lose_the_count(fresh_db, world):
    asked = RequestFactory().post("/signin/", REMOTE_ADDR=HERE)
    with pytest.raises(Invalid):
        services.sign_in(asked, "alice", "wrong")
    assert AccessAttempt.objects.get().failures_since_start == 1


def test_a_server_that_names_no_address_still_counts(world):
    asked = RequestFactory().post("/signin/", REMOTE_ADDR="")
    for _ in range(LIMIT):
        assert lockout.verify(asked, "alice", "wrong") is None
    with pytest.raises(TooMany):
        lockout.verify(asked, "alice", PASSWORD)
