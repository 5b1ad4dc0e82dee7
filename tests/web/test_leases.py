"""The pages of cloud access: what can be taken where, one secret shown once, the end; and what a connection lends."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.access.models import Assignment
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy, vote
from portal.core import clock
from portal.core.models import new_id
from portal.events.models import Event
from portal.leases import endings, services
from portal.leases.models import Lease, LeaseOffer, LeaseState, Lender
from tests.cast import PASSWORD
from tests.leases.cloud import Lending, refused, says
from tests.leases.desk import HOUR, offer

HERE = "/cloud-access/"


def text(answer):
    return answer.content.decode()


def asks(browser, desk, **given):
    """Posts the form as the page gave it; the lease it made."""
    page = f"{HERE}offers/{desk.offer.pk}/"
    key = re.search(r'name="key" value="([^"]+)"', text(browser.get(page)))[1]
    answer = browser.post(page, {"duration": "60", "purpose": "A fault", "key": key, **given})
    assert answer.status_code == 302, text(answer)
    return Lease.objects.get(person__username="alice", key=key)


def governed(desk):
    stages = [{"who": {"pick": "role", "role": "approver"}}]
    erin = desk.world.actor("erin")
    publish_policy(desk.world.retail, "Leases", subject_kind="lease", conditions=[], stages=stages, actor=erin)


def test_she_takes_it_reads_it_once_and_ends_it(desk, signed_in):
    browser = signed_in("alice")
    page = text(browser.get(HERE))
    assert "Read the shop" in page
    assert "4 hours" in page
    assert "At once" in page
    lease = asks(browser, desk)
    assert "The cloud is asked now" in text(browser.get(f"{HERE}{lease.pk}/"))
    desk.work(lease)
    there = f"{HERE}{lease.pk}/"
    assert "s3cret" not in text(browser.get(there))
    assert browser.post(f"{there}show/").status_code == 302
    shown = text(browser.get(there))
    assert "export CLOUD_KEY=s3cret-1" in shown
    assert "key=s3cret-1" in shown
    assert "~/.cloud/config" in shown
    again = text(browser.get(there))
    assert "s3cret" not in again
    assert "Its secret was given out" in again
    assert "given out already" in text(browser.post(f"{there}show/", follow=True))
    assert "given out already" in text(browser.post(f"{there}file/", follow=True))
    browser.post(f"{there}end/")
    assert "The cloud is asked to shut it" in text(browser.get(there))
    desk.work(lease)
    assert "Its holder ended it." in text(browser.get(there))
    over = text(browser.get(f"{HERE}?over=1"))
    assert "Its holder ended it" in over
    assert Lending.held == {}


def test_the_file_is_the_one_time_it_is_given_out(desk, signed_in):
    browser = signed_in("alice")
    lease = desk.work(asks(browser, desk))
    there = f"{HERE}{lease.pk}/"
    file = browser.post(f"{there}file/")
    assert file["Content-Disposition"] == 'attachment; filename="config"'
    assert "no-store" in file["Cache-Control"]
    assert "key=s3cret-1" in text(file)
    browser.post(f"{there}show/")
    assert "s3cret" not in text(browser.get(there))


def test_a_second_click_makes_no_second_lease(desk, signed_in):
    browser, key = signed_in("alice"), str(new_id())
    page, sent = f"{HERE}offers/{desk.offer.pk}/", {"duration": "60", "purpose": "A fault", "key": key}
    assert browser.post(page, sent)["Location"] == browser.post(page, sent)["Location"]
    assert Lease.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"duration": "5"}, "duration"),
        ({"duration": "999999"}, "duration"),
        ({"duration": "x" * 400}, "duration"),
        ({"purpose": " "}, "purpose"),
        ({"purpose": "x" * 401}, "purpose"),
        ({"purpose": "a\x00b"}, "purpose"),
        ({"key": ""}, "key"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_lost(desk, signed_in, given, said):
    sent = {"duration": "60", "purpose": "A fault", "key": "k", **given}
    answer = signed_in("alice").post(f"{HERE}offers/{desk.offer.pk}/", sent)
    assert answer.status_code == 422
    assert said in answer.context["form"].errors
    assert not Lease.objects.exists()


def test_bob_decides_and_she_takes_what_was_approved(desk, signed_in):
    governed(desk)
    browser = signed_in("alice")
    assert "By a policy" in text(browser.get(HERE))
    assert "decision first" in text(browser.get(f"{HERE}offers/{desk.offer.pk}/"))
    lease = asks(browser, desk)
    there = f"{HERE}{lease.pk}/"
    waiting = text(browser.get(there))
    assert "It waits for a decision." in waiting
    assert "bob" in waiting.lower()
    approval = Approval.objects.get(subject_id=str(lease.pk))
    bob = Client()
    bob.post("/signin/", {"username": "bob", "password": PASSWORD})
    card = text(bob.get(f"/inbox/{approval.pk}/"))
    for said in ("What it opens", "Reader", "What for", "A fault", "Minutes"):
        assert said in card
    vote(approval, "approve", approval.card_hash, actor=desk.world.actor("bob"))
    assert "It was approved." in text(browser.get(there))
    browser.post(f"{there}take/")
    assert desk.work(lease).state == LeaseState.HELD


def test_what_waits_is_withdrawn_by_its_asker(desk, signed_in):
    governed(desk)
    browser = signed_in("alice")
    lease = asks(browser, desk)
    browser.post(f"{HERE}{lease.pk}/end/")
    assert desk.seen(lease).state == LeaseState.REFUSED
    assert "It was not approved" in text(browser.get(f"{HERE}{lease.pk}/"))


def test_a_cloud_that_refuses_her_is_said_with_what_to_do(desk, signed_in):
    browser = signed_in("alice")
    Lending.script = [says(refused("AccessDenied: not this subject"))]
    lease = desk.work(asks(browser, desk))
    page = text(browser.get(f"{HERE}{lease.pk}/"))
    assert "It could not be made." in page
    assert "Ask an operator" in page
    assert "AccessDenied: not this subject" in page


def test_who_came_with_a_local_account_is_told_which_door_to_take(desk, signed_in):
    Lender.objects.update(audience="keystone")
    browser = signed_in("alice")
    assert "You signed in with a local account." in text(browser.get(HERE))
    page = text(browser.get(f"{HERE}offers/{desk.offer.pk}/"))
    assert "sign in with your organization" in page
    assert "Take cloud access</button>" not in page
    sent = {"duration": "60", "purpose": "A fault", "key": "k"}
    answer = browser.post(f"{HERE}offers/{desk.offer.pk}/", sent)
    assert answer.status_code == 422
    assert not Lease.objects.exists()


def test_a_role_that_ended_shows_no_secret(desk, signed_in):
    browser = signed_in("alice")
    lease = desk.work(asks(browser, desk))
    browser.post(f"{HERE}{lease.pk}/show/")
    Assignment.objects.filter(user=desk.world.alice).update(expires=clock.now() - timedelta(seconds=1))
    page = text(browser.get(f"{HERE}{lease.pk}/"))
    assert "s3cret" not in page
    assert "There is nothing to show." in page
    endings.end_without_role()
    assert "may not take it any more" in text(browser.get(f"{HERE}{lease.pk}/"))


def test_to_whom_it_is_nothing_it_is_not_there(desk, signed_in):
    lease, before = desk.held(), Event.objects.count()
    for name in ("bob", "carol", "mallory"):
        browser = signed_in(name)
        answer = browser.get(HERE)
        assert answer.status_code == (200 if name == "mallory" else 404)  # she may take leases where she is at home
        assert "Read the shop" not in text(answer)
        for address in (f"{HERE}{lease.pk}/", f"{HERE}offers/{desk.offer.pk}/", f"/connections/{desk.cloud.pk}/leases/"):
            known = name == "carol" and "connections" in address  # she sees the connection and does not manage it
            assert browser.get(address).status_code == (403 if known else 404), (name, address)
        for act in ("take", "show", "file", "end"):
            assert browser.post(f"{HERE}{lease.pk}/{act}/").status_code == 404, (name, act)
        for act in ("read", "end", f"{desk.offer.pk}/withdraw"):
            assert browser.post(f"/connections/{desk.cloud.pk}/leases/{act}/").status_code == (
                403 if name == "carol" else 404
            ), act
        browser.post("/signout/")
    acted = Event.objects.exclude(action__in=["identity.sign_in", "identity.sign_out"])
    assert acted.count() == before
    assert desk.seen(lease).state == LeaseState.HELD


def test_every_act_needs_the_token_of_the_form_and_a_sign_in(desk):
    lease = desk.held()
    stranger, browser = Client(), Client(enforce_csrf_checks=True)
    browser.force_login(desk.world.alice)
    for act in ("take", "show", "file", "end"):
        assert browser.post(f"{HERE}{lease.pk}/{act}/").status_code == 403, act
        assert stranger.post(f"{HERE}{lease.pk}/{act}/")["Location"].startswith("/signin/"), act


def test_an_operator_sees_who_holds_what_and_ends_it_and_never_reads_it(desk, signed_in):
    lease, browser = desk.held(), signed_in("dave")
    there = f"/connections/{desk.cloud.pk}/leases/"
    assert f"{HERE}{lease.pk}/" in text(browser.get(there))
    assert "Its trust policy lets in everybody." in text(browser.get(f"{there}offers/"))
    assert f"/connections/{desk.cloud.pk}/leases/" in text(browser.get(f"/connections/{desk.cloud.pk}/"))
    browser.post(f"{HERE}{lease.pk}/show/")
    assert "s3cret" not in text(browser.get(f"{HERE}{lease.pk}/"))
    assert "s3cret" not in text(browser.post(f"{HERE}{lease.pk}/file/", follow=True))
    browser.post(f"{HERE}{lease.pk}/end/")
    assert desk.work(lease).state == LeaseState.ENDED
    assert "An operator ended it." in text(browser.get(f"{HERE}{lease.pk}/"))


def test_an_operator_ends_all_of_them_before_the_credentials_go(desk, signed_in):
    lease, browser = desk.held(), signed_in("dave")
    there = f"/connections/{desk.cloud.pk}/"
    assert "1 lease opens the cloud until its own end there" in text(browser.get(f"{there}disable/"))
    assert "1 lease ends now." in text(browser.post(f"{there}leases/end/", follow=True))
    assert "0 leases end now." in text(browser.post(f"{there}leases/end/", follow=True))
    assert desk.work(lease).state == LeaseState.ENDED
    assert "own end" not in text(browser.get(f"{there}disable/"))


def test_an_operator_offers_and_withdraws(desk, signed_in):
    browser, there = signed_in("dave"), f"/connections/{desk.cloud.pk}/leases/offers/"
    sent = {"target": "reader", "name": "Write the shop", "scope": desk.world.web.pk, "longest": "90", "needs_purpose": "on"}
    assert browser.post(there, {**sent, "options-access": "write"}).status_code == 302
    made = LeaseOffer.objects.get(name="Write the shop")
    assert (made.longest_s, made.options) == (5400, {"access": "write"})
    for wrong in (
        {"name": "Write the shop"},
        {"longest": "1"},
        {"target": "open"},
        {"options-access": "all"},
        {"scope": "x"},
    ):
        answer = browser.post(there, {**sent, "name": "Another", **wrong})
        assert answer.status_code == 422, wrong
        assert "Another" in text(answer) or "name" in wrong
    back = f"/connections/{desk.cloud.pk}/leases/"
    browser.post(f"{back}{made.pk}/withdraw/")
    made.refresh_from_db()
    assert made.withdrawn_at is not None
    assert browser.post(f"{back}{new_id()}/withdraw/").status_code == 404


def test_nothing_offered_says_who_could(desk, signed_in):
    LeaseOffer.objects.update(withdrawn_at=clock.now())
    assert "Nothing is offered to you yet" in text(signed_in("alice").get(HERE))


def test_the_pages_stay_within_twelve_queries(desk, signed_in, in_few_queries):
    governed(desk)
    for number in range(60):
        offer(desk.world, desk.cloud, f"Offer {number}")
    for number in range(15):
        desk.ask(key=str(number))
    lease = Lease.objects.first()
    rows = [
        Lease(offer=desk.offer, connection=desk.cloud, person=desk.world.alice, key=f"old-{number}") for number in range(60)
    ]
    for row in rows:
        row.state, row.duration_s, row.ended_at = LeaseState.ENDED, 3600, clock.now()
    Lease.objects.bulk_create(rows)
    browser = signed_in("alice")
    for address in (HERE, f"{HERE}?page=2", f"{HERE}?page=-1", f"{HERE}?over=1&page=2"):
        assert in_few_queries(browser, address).status_code == 200
    assert browser.get(f"{HERE}{lease.pk}/").status_code == 200
    browser.post("/signout/")
    browser, there = signed_in("dave"), f"/connections/{desk.cloud.pk}/leases/"
    for address in (there, f"{there}?page=2", f"{there}offers/", f"{there}offers/?page=2"):
        assert in_few_queries(browser, address).status_code == 200


def test_what_follows_a_moving_lease_is_one_part(desk, signed_in):
    browser = signed_in("alice")
    lease = desk.ask()
    part = text(browser.get(f"{HERE}{lease.pk}/", headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert 'hx-trigger="every 2s"' in part
    desk.work(lease)
    assert "hx-trigger" not in text(browser.get(f"{HERE}{lease.pk}/", headers={"HX-Request": "true"}))


def test_an_hour_is_over_on_the_page_as_well(desk, signed_in):
    lease = desk.held(duration=HOUR)
    desk.sweep(minutes=61)
    assert services.why_not(desk.offer, desk.world.actor("alice")) == ""
    assert "Its time was over." in text(signed_in("alice").get(f"{HERE}{lease.pk}/"))
